"""Handlers that do what a command's option `do` says: the runtime's own tests need no chemistry."""

from __future__ import annotations

import math
import os
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from molfleet.blobs.port import BlobsUnavailable
from molfleet.errors import Code, Rejected
from molfleet.messages.generated import (
    BlobRef,
    CalculateFeatureVectors,
    FeatureVectorsCalculated,
    FeatureVectorsCalculationFailed,
    ModelThumbnailGenerated,
    ModelTrained,
    ModelTrainingStarted,
    PredictionFailed,
    PredictProperties,
    PropertiesPredicted,
    SingleStructurePredict,
    SingleStructurePredicted,
    SingleStructurePredictionFailed,
    TrainingFailed,
    TrainModel,
)
from molfleet.messages.record import Event, FailureEvent, TerminalEvent
from molfleet.runtime.handler import Context, Handler, HandlerTable, LightContext, LightHandler

TABLE = "tests.toy:HANDLERS"


def wait_for(path: Path) -> None:
    while not path.exists():
        time.sleep(0.01)


def _note(command: CalculateFeatureVectors | TrainModel) -> None:
    """One line for each time a handler really begins, where the test asks for it."""
    if log := command.options.get("log"):
        with Path(log).open("a") as file:
            file.write(f"{command.id}\n")


def features(command: CalculateFeatureVectors, context: Context) -> FeatureVectorsCalculated:
    _note(command)
    context.progress("working", 0.5, "half")
    _ACTIONS[command.options.get("do", "store")](command, context)
    if command.options.get("do") == "nothing":
        return None  # type: ignore[return-value]
    path = context.scratch / "out.txt"
    path.write_text(command.options.get("text", "a result"))
    ref = context.store(path, bucket=command.output_bucket)
    return FeatureVectorsCalculated.answer(
        command, output=ref, summary=ref, records=1, structures=1, failed=0, columns=1
    )


def _store(command: CalculateFeatureVectors, context: Context) -> None: ...


def _fetch(command: CalculateFeatureVectors, context: Context) -> None:
    context.fetch(command.source)


def _borrow(command: CalculateFeatureVectors, context: Context) -> None:
    """Borrows its source; `rewrite` names the file behind it, which is overwritten as a program would."""
    borrowed = context.borrow(command.source)
    borrowed.read_bytes()
    if rewrite := command.options.get("rewrite"):
        Path(rewrite).write_bytes(b"other" * 500_000)
    match command.options.get("then"):
        case "reject":
            _reject(command, context)
        case "away":
            raise BlobsUnavailable("the store is away, says the test")
        case "checkpoint":
            context.put_checkpoint("of what was read", borrowed)


def _reject(command: CalculateFeatureVectors, context: Context) -> None:
    raise Rejected(Code.UNREADABLE_FILE, "The file input.sdf is no SD file.", details={"file": "input.sdf"})


def _error(command: CalculateFeatureVectors, context: Context) -> None:
    raise KeyError("a mistake in a handler")


def _memory_error(command: CalculateFeatureVectors, context: Context) -> None:
    raise MemoryError


def _kill_child(command: CalculateFeatureVectors, context: Context) -> None:
    os.kill(os.getpid(), 9)


def _kill_child_once(command: CalculateFeatureVectors, context: Context) -> None:
    marker = Path(command.options["marker"])
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), 9)


def _kill_worker(command: CalculateFeatureVectors, context: Context) -> None:
    """The child's parent is the fork server, and the fork server's is the worker."""
    stat = Path(f"/proc/{os.getppid()}/stat").read_text()
    os.kill(int(stat.rpartition(")")[2].split()[1]), 9)
    time.sleep(60)


def _hang(command: CalculateFeatureVectors, context: Context) -> None:
    Path(command.options["marker"]).write_text(str(os.getpid()))
    time.sleep(3600)


def _wait(command: CalculateFeatureVectors, context: Context) -> None:
    Path(command.options["marker"]).touch()
    wait_for(Path(command.options["until"]))


def _away_once(command: CalculateFeatureVectors, context: Context) -> None:
    marker = Path(command.options["marker"])
    if not marker.exists():
        marker.touch()
        raise BlobsUnavailable("the store is away, says the test")


def _hog(command: CalculateFeatureVectors, context: Context) -> None:
    hog = bytearray(int(command.options["bytes"]))
    hog[::4096] = b"x" * len(hog[::4096])
    time.sleep(60)


def _orphan(command: CalculateFeatureVectors, context: Context) -> None:
    """Dies, and leaves behind a process that holds the socket to the worker open."""
    if os.fork() == 0:
        time.sleep(60)
        os._exit(0)
    os.kill(os.getpid(), 9)


def _junk(command: CalculateFeatureVectors, context: Context) -> None:
    """As a library that writes to the wrong file descriptor."""
    sock: socket.socket = getattr(context, "_sock")  # noqa: B009
    sock.sendall(bytes.fromhex(command.options["junk"]))
    time.sleep(60)


def _loud_reject(command: CalculateFeatureVectors, context: Context) -> None:
    details: dict[str, Any] = {"name": "\udc80", "line": 7, "long": "x" * 100_000}
    raise Rejected(Code.UNREADABLE_FILE, "\udcff" + "very long " * 1_000_000, details=details)


def _flood(command: CalculateFeatureVectors, context: Context) -> None:
    for number in range(20_000):
        context.progress(f"stage {number}", math.nan, "\udc80", math.inf)
    context.progress("done", 2.0)


def _giant_emit(command: CalculateFeatureVectors, context: Context) -> None:
    ref = BlobRef(bucket="b", key="x" * (6 << 20))
    context.emit(ModelThumbnailGenerated.answer(command, blob=ref, width=300))


def _many_emits(command: CalculateFeatureVectors, context: Context) -> None:
    ref = BlobRef(bucket="b", key="x" * (1 << 20))
    for _ in range(20):
        context.emit(ModelThumbnailGenerated.answer(command, blob=ref, width=300))


def _nothing(command: CalculateFeatureVectors, context: Context) -> None:
    """A handler whose author forgot the `return`: see `features`."""


def _checkpoint_then_die(command: CalculateFeatureVectors, context: Context) -> None:
    """Gets one step further with each life, and dies after each."""
    done = 0
    while context.checkpoint(f"step-{done}") is not None:
        done += 1
    if done < int(command.options["steps"]):
        path = context.scratch / "step"
        path.write_text(str(done))
        context.put_checkpoint(f"step-{done}", path)
        _ACTIONS[command.options["die"]](command, context)


_ACTIONS: dict[str, Callable[[CalculateFeatureVectors, Context], None]] = {
    "store": _store,
    "fetch": _fetch,
    "borrow": _borrow,
    "reject": _reject,
    "error": _error,
    "memory-error": _memory_error,
    "kill-child": _kill_child,
    "kill-child-once": _kill_child_once,
    "kill-worker": _kill_worker,
    "hang": _hang,
    "wait": _wait,
    "away-once": _away_once,
    "hog": _hog,
    "checkpoint-then-die": _checkpoint_then_die,
    "orphan": _orphan,
    "junk": _junk,
    "loud-reject": _loud_reject,
    "flood": _flood,
    "giant-emit": _giant_emit,
    "many-emits": _many_emits,
    "nothing": _nothing,
}


def train(command: TrainModel, context: Context) -> ModelTrained:
    _note(command)
    context.emit(ModelTrainingStarted.answer(command, model_name="toy", method=command.method))
    path = context.scratch / "picture.png"
    path.write_bytes(b"picture")
    for width in (300, 600, 1200):
        ref = context.store(path, name=f"thumbnail-{width}.png")
        context.emit(ModelThumbnailGenerated.answer(command, blob=ref, width=width))
    if command.options.get("do") == "reject":
        raise Rejected(Code.UNSUITABLE_TARGET, "Every value of the target is the same.")
    return ModelTrained.answer(
        command,
        model=context.store(path, name="model.molmodel"),
        model_name="x" * int(command.options.get("name_length", "3")),
        method=command.method,
        method_display_name="Toy",
        task="regression",
        metrics=(),
        artifacts=(),
        number_of_generic_files=0,
        records_used=1,
        records_skipped=0,
        metadata={},
    )


def training_failed(command: TrainModel, failure: FailureEvent, emitted: Sequence[Event]) -> FailureEvent:
    thumbnails = any(isinstance(event, ModelThumbnailGenerated) for event in emitted)
    return failure.model_copy(update={"is_thumbnail_generated": thumbnails})


def predict(command: PredictProperties, context: Context) -> PropertiesPredicted:
    path = context.scratch / "out.csv"
    path.write_text("record\n0\n")
    ref = context.store(path)
    return PropertiesPredicted.answer(
        command, output=ref, records=1, predicted=1, failed=0, file_name=path.name
    )


def single(commands: Sequence[SingleStructurePredict], context: LightContext) -> list[TerminalEvent]:
    return [_single(command) for command in commands]


def _single(command: SingleStructurePredict) -> TerminalEvent:
    match command.structure:
        case "kill":
            os.kill(os.getpid(), 9)
        case "kill-once" if not (marker := Path(command.properties["marker"])).exists():
            marker.touch()
            os.kill(os.getpid(), 9)
        case "kill-worker":
            stat = Path(f"/proc/{os.getppid()}/stat").read_text()
            os.kill(int(stat.rpartition(")")[2].split()[1]), 9)
            time.sleep(60)
        case "stall":
            time.sleep(3600)
        case "giant":
            return SingleStructurePredicted.answer(
                command, property_name="x" * (6 << 20), models=(), consensus=None, explanation=None
            )
        case "error":
            raise KeyError("a mistake in a handler")
        case "bad":
            return SingleStructurePredictionFailed.answer(
                command,
                code=Code.INVALID_STRUCTURE,
                message="The structure is none.",
                retryable=False,
                details={},
            )
    return SingleStructurePredicted.answer(
        command, property_name=command.structure, models=(), consensus=None, explanation=None
    )


HANDLERS: HandlerTable = {
    CalculateFeatureVectors: Handler(features, failure=FeatureVectorsCalculationFailed),
    TrainModel: Handler(
        train, failure=TrainingFailed, failed=training_failed, early=(ModelTrainingStarted,)
    ),
    PredictProperties: Handler(predict, failure=PredictionFailed),
    SingleStructurePredict: LightHandler(single, failure=SingleStructurePredictionFailed),
}
