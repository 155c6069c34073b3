from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from molfleet.blobs.port import BlobStore
from molfleet.ledger.checkpoints import Checkpoints

TYPE = "molfleet.commands.TrainModel"


@pytest.fixture
def checkpoints(store: BlobStore) -> Checkpoints:
    return Checkpoints(store, "state", "prefix.")


def test_a_checkpoint_is_found_by_later_attempts(checkpoints: Checkpoints, tmp_path: Path) -> None:
    command = uuid4()
    (tmp_path / "mine").write_text("fold 1")
    assert checkpoints.get(TYPE, command, 1, "fold", tmp_path / "got") is None
    assert not (tmp_path / "got").exists()
    kept = checkpoints.put(TYPE, command, 1, "fold", tmp_path / "mine", tmp_path / "adopted")
    assert kept == tmp_path / "mine"
    assert checkpoints.get(TYPE, command, 1, "fold", tmp_path / "got") == tmp_path / "got"
    assert (tmp_path / "got").read_text() == "fold 1"
    assert checkpoints.get(TYPE, command, 2, "fold", tmp_path / "x") is None


def test_a_loser_adopts_the_winners_checkpoint(checkpoints: Checkpoints, tmp_path: Path) -> None:
    command = uuid4()
    (tmp_path / "first").write_text("first")
    (tmp_path / "second").write_text("second")
    checkpoints.put(TYPE, command, 1, "fold", tmp_path / "first", tmp_path / "unused")
    kept = checkpoints.put(TYPE, command, 1, "fold", tmp_path / "second", tmp_path / "adopted")
    assert kept.read_text() == "first"
    assert (tmp_path / "second").read_text() == "second"


def test_any_name_is_one_name(checkpoints: Checkpoints, tmp_path: Path) -> None:
    command = uuid4()
    (tmp_path / "f").write_text("x")
    names = {"a/b", "a b", "../up", "%2F", "größe", "fold-1.npz"}
    for name in names:
        checkpoints.put(TYPE, command, 1, name, tmp_path / "f", tmp_path / "adopted")
    assert checkpoints.names(TYPE, command, 1) == names


def test_deleting_touches_this_commands_generation_only(checkpoints: Checkpoints, tmp_path: Path) -> None:
    one, two = uuid4(), uuid4()
    (tmp_path / "f").write_text("x")
    for command, generation in ((one, 1), (one, 11), (two, 1)):
        for name in ("a", "b"):
            checkpoints.put(TYPE, command, generation, name, tmp_path / "f", tmp_path / "adopted")
    checkpoints.delete_all(TYPE, one, 1)
    checkpoints.delete_all(TYPE, one, 1)
    assert checkpoints.names(TYPE, one, 1) == frozenset()
    assert checkpoints.names(TYPE, one, 11) == checkpoints.names(TYPE, two, 1) == {"a", "b"}
