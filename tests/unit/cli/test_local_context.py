"""The fleet's handlers on local files: what a handler sees, and what it leaves behind."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from molfleet.client.build import new
from molfleet.errors import Code, Rejected
from molfleet.local.offline import (
    WORKERS,
    Files,
    LocalContext,
    WorkerMissing,
    find_handler,
    run_offline,
)
from molfleet.messages.generated import (
    BlobRef,
    CalculateFeatureVectors,
    CancelCommand,
    FeatureVectorsCalculated,
    FeatureVectorsCalculationFailed,
    TrainModel,
)
from molfleet.messages.record import Event, FailureEvent
from molfleet.processes import OPENMP
from molfleet.runtime.handler import ComputeShare, Context, Handler


def count_lines(command: CalculateFeatureVectors, context: Context) -> FeatureVectorsCalculated:
    """A handler like any other: reads its source, stores two files, reports progress."""
    lines = context.fetch(command.source).read_text().splitlines()
    context.progress("counting", 0.5, f"{len(lines)} lines", 1.0)
    result = context.scratch / "counted.parquet"
    result.write_text(str(len(lines)))
    ref = context.store(result)
    return FeatureVectorsCalculated.answer(
        command,
        output=ref,
        summary=context.store(result, name="summary.json"),
        records=len(lines),
        structures=len(lines),
        failed=0,
        columns=1,
    )


HANDLER = Handler(count_lines, failure=FeatureVectorsCalculationFailed)


def command(source: BlobRef) -> CalculateFeatureVectors:
    return new(CalculateFeatureVectors, source=source, featurizers=[{"type": "MACCS"}])


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "input.smi"
    path.write_text("C\nCC\nCCC\n")
    return path


def test_a_handler_reads_local_files_and_its_outputs_land_in_the_directory(
    source: Path, tmp_path: Path
) -> None:
    files, seen = Files(), []
    event = run_offline(
        command(files.ref(source)),
        HANDLER,
        files,
        tmp_path / "out",
        on_progress=lambda *said: seen.append(said),
    )
    assert isinstance(event, FeatureVectorsCalculated)
    assert event.records == 3
    assert files.path(event.output) == tmp_path / "out" / "counted.parquet"
    assert event.output.sha256 == hashlib.sha256(b"3").hexdigest()
    assert seen == [("counting", 0.5, "3 lines", 1.0)]
    assert event.worker_version
    assert event.time_stamp.year > 2000


def test_the_input_is_left_as_it_was(source: Path, tmp_path: Path) -> None:
    files = Files()
    run_offline(command(files.ref(source)), HANDLER, files, tmp_path)
    assert source.read_text() == "C\nCC\nCCC\n"


def test_a_rejection_becomes_the_failure_event_that_the_fleet_would_publish(
    source: Path, tmp_path: Path
) -> None:
    def refuse(command: CalculateFeatureVectors, context: Context) -> FeatureVectorsCalculated:
        raise Rejected(Code.NO_VALID_RECORDS, "input.smi holds nothing.", details={"file": "input.smi"})

    def complete(command: Any, failure: FailureEvent, emitted: Sequence[Event]) -> FailureEvent:
        return failure.model_copy(update={"message": failure.message + f" {len(emitted)} emitted."})

    files = Files()
    handler = Handler(refuse, failure=FeatureVectorsCalculationFailed, failed=complete)
    order = command(files.ref(source))
    event = run_offline(order, handler, files, tmp_path)
    assert isinstance(event, FeatureVectorsCalculationFailed)
    assert (event.id, event.code, event.retryable) == (order.id, "NO_VALID_RECORDS", False)
    assert event.message == "input.smi holds nothing. 0 emitted."
    assert event.details == {"file": "input.smi"}


def test_a_blob_that_is_not_local_is_refused_by_name(tmp_path: Path) -> None:
    files = Files()
    event = run_offline(command(BlobRef(bucket="b", key="k.sdf")), HANDLER, files, tmp_path)
    assert isinstance(event, FailureEvent)
    assert event.code == Code.BLOB_NOT_FOUND
    assert "b/k.sdf" in event.message


def test_two_files_of_one_name_are_two_blobs(tmp_path: Path) -> None:
    files = Files()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.sdf").write_text(name)
    first, second = (files.ref(tmp_path / name / "x.sdf") for name in ("a", "b"))
    assert files.path(first).read_text() == "a"
    assert files.path(second).read_text() == "b"
    assert first.key.endswith("/x.sdf")


def test_an_output_cannot_leave_its_directory(tmp_path: Path) -> None:
    context = LocalContext(Files(), tmp_path / "out", tmp_path)
    (tmp_path / "f").write_text("")
    with pytest.raises(ValueError, match="would leave"):
        context.store(tmp_path / "f", name="../f2")


def test_the_first_checkpoint_of_a_name_is_the_one_that_is_kept(tmp_path: Path) -> None:
    context = LocalContext(Files(), tmp_path / "out", tmp_path, share=ComputeShare(processes=2))
    assert context.checkpoint("fold-1") is None
    for content in ("first", "second"):
        (tmp_path / "f").write_text(content)
        kept = context.put_checkpoint("fold-1", tmp_path / "f")
        assert kept.read_text() == "first"
    found = context.checkpoint("fold-1")
    assert found is not None
    assert found.read_text() == "first"
    assert context.share.processes == 2


def test_a_command_without_an_installed_worker_says_which_extra_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    absent = EntryPoint("modeler", "no_such_library.handlers", WORKERS)
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [absent])
    with pytest.raises(
        WorkerMissing, match=r"CancelCommand.*modeler \(No module named 'no_such_library'\)"
    ):
        find_handler(CancelCommand)


def test_offline_threads_wait_asleep_for_each_other_unless_the_operator_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    find_handler(TrainModel)
    assert os.environ["GOMP_SPINCOUNT"] == OPENMP["GOMP_SPINCOUNT"]
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    find_handler(TrainModel)
    assert os.environ["GOMP_SPINCOUNT"] == "7"
