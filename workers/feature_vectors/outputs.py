"""The files that one calculation writes: rows, rejects, and what they add up to."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Protocol

from molfleet.chemistry.pool import Lost, run_chunks
from molfleet.chemistry.records import Records, Reject
from molfleet.chemistry.rejects import RejectsFile
from molfleet.errors import Code, Rejected
from molfleet.runtime.handler import ComputeShare, Context
from workers.feature_vectors.chunks import ChunkResult, records_per_chunk
from workers.feature_vectors.parts import read_part
from workers.feature_vectors.plan import Plan
from workers.feature_vectors.summary import Totals
from workers.feature_vectors.table import Layout, Rows

#: Of the whole command; the rest is for storing the results.
COMPUTED = 0.95


class RowsFile(Protocol):
    """A file of rows being written: a table of the output, or a part of one."""

    path: Path

    def append(self, rows: Rows) -> None: ...

    def close(self) -> None: ...


class Outputs:
    """Rows, rejects and totals while they grow; `close` completes the files."""

    def __init__(self, folder: Path, layout: Layout, rows: RowsFile) -> None:
        self.rows = rows
        self.rejects = RejectsFile(folder / "rejects.csv", blocks=True)
        self.totals = Totals(layout)
        self._layout = layout

    def add(self, results: Iterable[ChunkResult]) -> None:
        """Take in results of chunks as they come."""
        for result in results:
            self.rows.append(Rows(result.records, result.texts, result.vectors))
            self.rejects.append(result.rejects)
            self.totals.add(result)

    def add_part(self, rows: Path, totals: Path, rejects: Path | None, blocks: Path | None) -> None:
        """Take in the files of a part, which another worker has computed."""
        for some in read_part(rows, self._layout):
            self.rows.append(some)
        self.totals.merge(json.loads(totals.read_text("utf-8")))
        if rejects is not None:
            self.rejects.append_file(rejects, blocks)

    def close(self) -> None:
        self.rows.close()
        self.rejects.close()

    def refuse_if_empty(self, name: str) -> None:
        """Raises Rejected (NO_VALID_RECORDS) where no record of the file `name` gave a vector."""
        totals, first = self.totals, self.rejects.first
        if totals.structures:
            return
        if first is None:
            raise Rejected(Code.NO_VALID_RECORDS, f"{name} holds no records.")
        raise Rejected(
            Code.NO_VALID_RECORDS,
            f"None of the {totals.records:,} records of {name} gave a vector. The first, at line "
            f"{first.line}: {first.message}",
            details={
                "records": str(totals.records),
                **{code: str(count) for code, count in totals.codes.items()},
            },
        )


def results_of(records: Records, plan: Plan, context: Context) -> Iterator[ChunkResult]:
    """What each chunk of the records gives, in order, with progress."""
    work = plan.work_on(records)
    chunks = records.chunks(records_per_chunk(plan.featurizers, plan.standardize))
    began, done = time.monotonic(), 0
    chunks_done = run_chunks(
        chunks,
        work,
        context.share.processes,
        plan.record_time_limit_s,
        _memory_of_a_process(context.share),
    )
    with closing(chunks_done) as results:  # an interruption ends the processes at once
        for result in results:
            if isinstance(result, Lost):
                (raw,) = records.read_chunk(result.chunk)
                result = work.empty(result.chunk.end, Reject.of(raw, result.code, result.message))
            yield result
            done += len(result.records) + len(result.rejects)
            passed = max(time.monotonic() - began, 1e-6)
            fraction = result.end / records.size
            context.progress(
                "featurize",
                COMPUTED * fraction,
                f"{done:,} records, {done / passed:,.0f}/s",
                passed / fraction - passed,
            )


def _memory_of_a_process(share: ComputeShare) -> int | None:
    """So much that all of them together stay below what the command may use."""
    return None if share.memory_bytes is None else share.memory_bytes // (share.processes + 1)
