"""A file too large for one worker: cut into chunk commands for the fleet, joined when all are done."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import uuid5

from molfleet.chemistry.records import Chunk, Records, open_slice
from molfleet.messages.content import content_of
from molfleet.messages.generated import (
    BlobRef,
    CalculateFeatureVectors,
    CalculateFeatureVectorsChunk,
    FeatureVectorsChunkCalculated,
    FeaturizerSpec,
)
from molfleet.runtime.handler import ComputeShare, Context
from workers.feature_vectors.outputs import Outputs, results_of
from workers.feature_vectors.parts import PartWriter
from workers.feature_vectors.plan import Plan

_CUT = "cut.json"
_SAMPLE = 1000
#: How far from the limit a number of records estimated from the first ones settles the question.
_SURE = 1.5


@dataclass(frozen=True)
class Origin:
    """What was found out about an input file, for the summary."""

    file_type: str
    structure_column: str | None

    @classmethod
    def of(cls, records: Records) -> Origin:
        layout = records.layout()
        column = layout.get("structure_column")
        return cls(records.file_type, layout["header"][column] if isinstance(column, int) else column)


@dataclass(frozen=True)
class Cut:
    """A file in chunks. The same for every attempt at its command, as it lies in a checkpoint."""

    origin: Origin
    chunks: tuple[CalculateFeatureVectorsChunk, ...]

    @classmethod
    def kept(cls, context: Context) -> Cut | None:
        """The cut that an earlier attempt made, if any."""
        path = context.checkpoint(_CUT)
        return None if path is None else cls._read(path)

    @classmethod
    def make(
        cls, command: CalculateFeatureVectors, records: Records, source: Path, plan: Plan, context: Context
    ) -> Cut:
        """Cut a file and keep the cut; an attempt that came first wins."""
        blobs = _Blobs(records, source, command.source, context)
        layout = records.layout()
        chunks = [
            _chunk_command(command, plan, chunk, json.dumps(layout), *blobs.of(chunk))
            for chunk in records.chunks(_records_per_part(plan, context.share))
        ]
        path = context.scratch / _CUT
        path.write_text(
            json.dumps(
                {
                    "origin": asdict(Origin.of(records)),
                    "chunks": [chunk.model_dump(mode="json") for chunk in chunks],
                }
            ),
            encoding="utf-8",
        )
        return cls._read(context.put_checkpoint(_CUT, path))

    @classmethod
    def _read(cls, path: Path) -> Cut:
        kept = json.loads(path.read_text("utf-8"))
        chunks = (CalculateFeatureVectorsChunk.model_validate(chunk) for chunk in kept["chunks"])
        return cls(Origin(**kept["origin"]), tuple(chunks))


def is_giant(records: Records, limit: int | None) -> bool:
    """Whether there are more than `limit` records; counted only where an estimate does not settle it."""
    if limit is None or records.size <= limit:  # a record takes a byte at least
        return False
    first = next(records.chunks(_SAMPLE), None)
    if first is not None and first.count == _SAMPLE:
        estimate = records.size / (first.end / first.count)
        if not limit / _SURE < estimate < limit * _SURE:
            return estimate > limit
    counts = (chunk.count for chunk in records.chunks(_SAMPLE))
    total = 0
    return any((total := total + count) > limit for count in counts)


def join(cut: Cut, outputs: Outputs, context: Context) -> None:
    """Have the chunks computed by the fleet and take in their results, in order."""
    events = context.spread(cut.chunks)
    for number, event in enumerate(events):
        if not isinstance(event, FeatureVectorsChunkCalculated):
            raise TypeError(f"chunk {number} ended in {event.full_name}")
        rows, totals = context.fetch(event.rows), context.fetch(event.totals)
        rejects = None if event.rejects is None else context.fetch(event.rejects)
        blocks = None if event.rejected_blocks is None else context.fetch(event.rejected_blocks)
        outputs.add_part(rows, totals, rejects, blocks)
        for path in (rows, totals, rejects, blocks):
            if path is not None:
                path.unlink()
        done = (number + 1) / len(events)
        context.progress("join", 0.9 + 0.05 * done, f"{number + 1} of {len(events)} parts")


def calculate_chunk(
    command: CalculateFeatureVectorsChunk, context: Context
) -> FeatureVectorsChunkCalculated:
    """The vectors of one chunk. Raises Rejected where its file is another by now, or gone."""
    plan = Plan.of(command, context.share.record_time_limit_s)
    path = context.fetch_range(command.source, command.start, command.end)
    records = open_slice(path, json.loads(command.layout), command.first_record, command.first_line)
    folder = context.scratch / "outputs"
    folder.mkdir()
    outputs = Outputs(folder, plan.layout, PartWriter(folder / "rows.arrow", plan.layout))
    outputs.add(results_of(records, plan, context))
    outputs.close()
    totals = folder / "totals.json"
    totals.write_text(json.dumps(outputs.totals.to_json()), encoding="utf-8")
    rejects = outputs.rejects
    return FeatureVectorsChunkCalculated.answer(
        command,
        rows=context.keep(outputs.rows.path),
        rejects=context.keep(rejects.path) if rejects.first else None,
        rejected_blocks=context.keep(rejects.blocks_path) if rejects.blocks_path else None,
        totals=context.keep(totals),
        records=outputs.totals.records,
    )


class _Blobs:
    """Where other workers read a chunk: in the source itself, what it unpacks to, or a file of its own."""

    def __init__(self, records: Records, source: Path, ref: BlobRef, context: Context) -> None:
        self._records = records
        self._context = context
        self._whole: BlobRef | None = None
        if records.file_type != "parquet":
            same = records.path == source
            self._whole = context.pinned(ref) if same else context.keep(records.path)

    def of(self, chunk: Chunk) -> tuple[BlobRef, int, int]:
        if self._whole is not None:
            return self._whole, chunk.start, chunk.end
        path = self._context.scratch / f"slice-{chunk.first_record}.{self._records.file_type}"
        self._records.write_slice(chunk, path)
        size = path.stat().st_size
        ref = self._context.keep(path)
        path.unlink()
        return ref, 0, size


def _records_per_part(plan: Plan, share: ComputeShare) -> int:
    """Whole row groups of the output where a part is larger than one; joining cuts anew all the same."""
    rows = plan.layout.group_rows
    return share.part_records // rows * rows or share.part_records


def _chunk_command(
    command: CalculateFeatureVectors,
    plan: Plan,
    chunk: Chunk,
    layout: str,
    ref: BlobRef,
    start: int,
    end: int,
) -> CalculateFeatureVectorsChunk:
    part = CalculateFeatureVectorsChunk(
        id=command.id,
        correlation_id=command.correlation_id,
        user_id=command.user_id,
        time_stamp=command.time_stamp,
        part_of=command.id,
        source=ref,
        start=start,
        end=end,
        layout=layout,
        first_record=chunk.first_record,
        first_line=chunk.first_line,
        records=chunk.count,
        featurizers=tuple(
            FeaturizerSpec(
                type=spec.type, size=spec.size, radius=spec.radius, parameters=dict(spec.parameters)
            )
            for spec in plan.specs
        ),
        standardize=plan.standardize.code,
        identifiers=tuple(identifier.code for identifier in plan.identifiers),
        carry_properties=plan.carried,
        record_time_limit_ms=round(plan.record_time_limit_s * 1000),
    )
    # The id says what is to be computed: an equal chunk of a replay finds the earlier one's receipt.
    return part.model_copy(update={"id": uuid5(command.id, content_of(part))})
