"""A modeler with a key signs every model that it trains."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from molfleet.bundles.archive import open_bundle
from molfleet.errors import Code, Rejected
from tests.unit.bundles.keys import private_file, signer
from tests.unit.modeler.support import Directory, command, molecules
from workers.modeler.training import train

pytestmark = pytest.mark.worker


def signing(root: Path, key: Path) -> Directory:
    context = Directory(root)
    context.share = replace(context.share, signing_key_file=key)
    return context


def test_a_trained_model_is_signed_and_otherwise_the_same(tmp_path: Path) -> None:
    models = []
    for name in ("signed", "plain"):
        root = tmp_path / name
        key = private_file(tmp_path / f"{name}.pem")
        context = signing(root, key) if name == "signed" else Directory(root)
        event = train(command(molecules(root, 40)), context)
        models.append(context.fetch(event.model))
    ours = signer(tmp_path)
    signed = open_bundle(models[0], max_bytes=1 << 30, trust=ours.trust)
    plain = open_bundle(models[1], max_bytes=1 << 30)
    assert (signed.signed_by, plain.signed_by) == (ours.key_id, None)
    assert (signed.manifest, signed.parts) == (plain.manifest, plain.parts)


def test_a_key_that_went_away_ends_the_training_before_it_begins(tmp_path: Path) -> None:
    context = signing(tmp_path, tmp_path / "gone.pem")
    with pytest.raises(Rejected, match=r"could not be signed: .*gone\.pem cannot be read") as caught:
        train(command(molecules(tmp_path, 40)), context)
    assert caught.value.code is Code.INTERNAL
    assert not context.emitted
    assert not context.reports
