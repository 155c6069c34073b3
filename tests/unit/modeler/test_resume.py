"""A training that ends in the middle of anything goes on behind its last fit, to the same bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from molfleet.messages.generated import EnsembleMember
from tests.unit.modeler.support import ECFP, FEW, Directory, command, molecules
from workers.modeler.training import train

pytestmark = pytest.mark.worker

#: Where the training is stopped, one after the other, and the fits that are checkpoints by then.
STOPS = (
    ("fold 3 of 3", {"fold-0", "fold-1"}),
    ("all training records", {"fold-0", "fold-1", "fold-2"}),
    ("a scaffold split", {"fold-0", "fold-1", "fold-2", "final"}),
    ("shuffled values, 2", {"fold-0", "fold-1", "fold-2", "final", "scaffold", "shuffled-0"}),
    ("drawing", {"fold-0", "fold-1", "fold-2", "final", "scaffold", "shuffled-0", "shuffled-1"}),
)
STACKING: dict[str, Any] = {
    "method": "stacking",
    "members": [
        EnsembleMember(method="ridgeregression", featurizers=[FEW]),
        EnsembleMember(method="randomforest", featurizers=[ECFP], hyper_parameters={"n_estimators": 10}),
    ],
    "hyper_parameters": {},
    "featurizers": (),
    "k_fold": 3,
    "options": {"y_randomization": "2", "bootstrap": "50"},
}


def kept(root: Path) -> dict[str, int]:
    """When each fit's checkpoint was written; a Directory overwrites."""
    found = (root / "checkpoints").iterdir()
    return {path.name.rpartition("-")[0]: path.stat().st_mtime_ns for path in found}


def test_stopped_again_and_again_an_ensemble_is_fitted_once_and_ends_in_the_same_bytes(
    tmp_path: Path,
) -> None:
    quiet, stopped = tmp_path / "quiet", tmp_path / "stopped"
    context = Directory(quiet)
    expected = train(command(molecules(quiet, 60), **STACKING), context)
    source = molecules(stopped, 60)
    before: dict[str, int] = {}
    for message, fits in STOPS:
        with pytest.raises(KeyboardInterrupt):
            train(command(source, **STACKING), Directory(stopped, interrupt_at=message))
        now = kept(stopped)
        assert set(now) == fits
        assert before.items() <= now.items()
        before = now
    last = Directory(stopped)
    event = train(command(source, **STACKING), last)
    assert kept(stopped) == before
    assert event == expected
    for ref in (event.model, *(artifact.blob for artifact in event.artifacts)):
        assert last.fetch(ref).read_bytes() == context.fetch(ref).read_bytes(), ref.key


def test_progress_never_goes_back_and_names_every_fit_that_options_want(tmp_path: Path) -> None:
    context = Directory(tmp_path)
    source = molecules(tmp_path, 60)
    options = {"y_randomization": "3", "bootstrap": "0"}
    train(command(source, options=options), context)
    fractions = [fraction for _, fraction, _, _ in context.reports]
    assert fractions == sorted(fractions)
    assert 0 <= fractions[0] <= fractions[-1] <= 1
    messages = [message for _, _, message, _ in context.reports]
    wanted = [
        "fold 1 of 2",
        "fold 2 of 2",
        "all training records",
        "a scaffold split beside the chosen one",
    ]
    wanted += [f"shuffled values, {number} of 3" for number in (1, 2, 3)]
    assert [message for message in messages if message in wanted] == wanted
    again = Directory(tmp_path)
    train(command(source, options=options), again)
    assert [message for _, _, message, _ in again.reports if message.startswith("fold")] == []
