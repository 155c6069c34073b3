"""A toy command that has its work done in parts: option `parts` says what each of them does."""

from __future__ import annotations

import os
import time
from pathlib import Path
from uuid import uuid5

from molfleet.errors import Code, Rejected
from molfleet.messages.generated import (
    BlobRef,
    CalculateFeatureVectors,
    CalculateFeatureVectorsChunk,
    FeatureVectorsCalculated,
    FeatureVectorsCalculationFailed,
    FeatureVectorsChunkCalculated,
    FeatureVectorsChunkFailed,
)
from molfleet.runtime.handler import Context, Handler, HandlerTable
from tests.toy import wait_for

TABLE = "tests.toy_parts:HANDLERS"


def whole(command: CalculateFeatureVectors, context: Context) -> FeatureVectorsCalculated:
    """Joins what its parts wrote. A part's number stands in `first_record`, its deed in `layout`."""
    note(command.options["log"], "whole")
    parts = [part(command, number, deed) for number, deed in enumerate(command.options["parts"].split(","))]
    events = context.spread(parts)
    rows = [event.rows for event in events if isinstance(event, FeatureVectorsChunkCalculated)]
    path = context.scratch / "joined.txt"
    path.write_text("".join(context.fetch(ref).read_text() for ref in rows))
    ref = context.store(path)
    return FeatureVectorsCalculated.answer(
        command, output=ref, summary=ref, records=len(rows), structures=len(rows), failed=0, columns=1
    )


def part(command: CalculateFeatureVectors, number: int, deed: str) -> CalculateFeatureVectorsChunk:
    return CalculateFeatureVectorsChunk(
        id=uuid5(command.id, str(number)),
        correlation_id=command.correlation_id,
        time_stamp=command.time_stamp,
        options=command.options,
        part_of=command.id,
        source=command.source,
        start=0,
        end=1,
        layout=deed,
        first_record=number,
        first_line=1,
        records=1,
        featurizers=command.featurizers,
    )


def piece(command: CalculateFeatureVectorsChunk, context: Context) -> FeatureVectorsChunkCalculated:
    note(command.options["log"], f"part {command.first_record}")
    marker = Path(command.options["log"]).with_name(f"marker-{command.first_record}")
    match command.layout:
        case "hang":
            marker.touch()
            time.sleep(3600)
        case "wait":
            marker.touch()
            wait_for(marker.with_name("go"))
        case "die":
            os.kill(os.getpid(), 9)
        case "reject-once" if not marker.exists():
            marker.touch()
            raise Rejected(Code.OUT_OF_MEMORY, "Too much, says the test.", retryable=True)
        case "pry":
            context.fetch(BlobRef(bucket="molfleet-state", key=f"receipts/{command.part_of}/x.json"))
    path = context.scratch / "piece.txt"
    path.write_text(f"{command.first_record};")
    ref = context.keep(path)
    return FeatureVectorsChunkCalculated.answer(command, rows=ref, totals=ref, records=1)


def note(log: str, line: str) -> None:
    with Path(log).open("a") as file:
        file.write(f"{line}\n")


HANDLERS: HandlerTable = {
    CalculateFeatureVectors: Handler(whole, failure=FeatureVectorsCalculationFailed),
    CalculateFeatureVectorsChunk: Handler(piece, failure=FeatureVectorsChunkFailed),
}
