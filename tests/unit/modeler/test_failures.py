from __future__ import annotations

from pathlib import Path

import pytest

from molfleet.errors import Code, Rejected
from molfleet.messages.generated import (
    BlobRef,
    ModelThumbnailGenerated,
    ModelTrainingStarted,
    TrainingFailed,
)
from tests.unit.modeler.support import Directory, command, write_table
from workers.modeler.handlers import HANDLERS, training_failed
from workers.modeler.training import train


@pytest.mark.parametrize(
    ("rows", "header", "fields", "code", "told"),
    [
        ([("CCO", "1")], ("smiles", "Activity"), {}, Code.TARGET_NOT_FOUND, "Did you mean Activity"),
        ([("CCO", "")] * 12, ("smiles", "activity"), {}, Code.UNSUITABLE_TARGET, "12 records"),
        ([("C1CC", "1")] * 12, ("smiles", "activity"), {}, Code.NO_VALID_RECORDS, "line 2"),
        ([("CCO", "1")] * 12, ("smiles", "activity"), {}, Code.UNSUITABLE_TARGET, "molecules"),
        (
            [("C" * n, n) for n in range(1, 13)],
            ("smiles", "activity"),
            {"k_fold": 10, "test_set_size": 0.5},
            Code.UNSUITABLE_TARGET,
            "too few for k_fold 10",
        ),
        (
            [("C" * n, "yes" if n == 4 else "no") for n in range(1, 13)],
            ("smiles", "activity"),
            {},
            Code.UNSUITABLE_TARGET,
            "'yes' there are only 1",
        ),
        (
            [("C" * n, n) for n in range(1, 31)],
            ("smiles", "activity"),
            {"sub_sample_size": 0.3},
            Code.UNSUITABLE_TARGET,
            "leaves 9 molecules, and at least 10",
        ),
        (
            [("C" * n, f"{n}e-300") for n in range(1, 31)],
            ("smiles", "activity"),
            {},
            Code.UNSUITABLE_TARGET,
            "choose a smaller unit",
        ),
    ],
)
def test_a_file_that_makes_no_model_is_refused_by_name(
    tmp_path: Path,
    rows: list[tuple[object, ...]],
    header: tuple[str, ...],
    fields: dict[str, float],
    code: Code,
    told: str,
) -> None:
    context = Directory(tmp_path)
    source = write_table(tmp_path, rows, header, "bad.csv")
    with pytest.raises(Rejected) as caught:
        train(command(source, **fields), context)
    assert caught.value.code == code
    assert told in caught.value.message
    assert not (tmp_path / "outputs").exists()


def test_the_failure_event_claims_no_model_and_only_the_thumbnails_that_were_published() -> None:
    order = command(BlobRef(bucket="b", key="k"))
    failure = TrainingFailed.answer(order, code="INTERNAL", message="No.", retryable=True)
    picture = ModelThumbnailGenerated.answer(order, blob=BlobRef(bucket="b", key="p"), width=300)
    told = training_failed(order, failure, [picture])
    assert (told.is_model_trained, told.is_thumbnail_generated, told.number_of_generic_files) == (
        False,
        True,
        0,
    )
    assert training_failed(order, failure, []) == failure


def test_only_the_event_of_the_start_is_published_before_the_receipt() -> None:
    (row,) = HANDLERS.values()
    assert row.early == (ModelTrainingStarted,)
    assert row.failure is TrainingFailed
