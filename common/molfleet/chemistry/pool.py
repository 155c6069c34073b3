"""Chunks of records worked on by processes that may hang or die: only the record at fault is lost.

RDKit is native code: a molecule can keep it busy for ever, crash it or eat all memory, and nothing
within the process can stop that. So each chunk is worked on in a process of its own, forked from this
one, and a shared word tells which record each process is on. A process that stays on one record past
the limit is killed; one that dies loses the record that it was on. The records before and behind are
given out again as chunks of their own.
"""

from __future__ import annotations

import gc
import mmap
import multiprocessing
import os
import signal
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Generic, TypeVar

from molfleet.chemistry.records import Chunk
from molfleet.errors import RecordCode
from molfleet.processes import die_with_parent

R = TypeVar("R")

#: Tells the pool which record is worked on from now on; NO_RECORD: none, no limit runs.
Report = Callable[[int], None]
NO_RECORD = -1

_QUEUED = 2  # chunks given to one process: one at work, one waiting
_WINDOW = 4  # chunks per process that may be out or done before the oldest is handed over
_TICK_S = 0.1
_SILENT_DEATHS = 3


@dataclass(frozen=True, slots=True)
class Lost:
    """A record that hung or killed its process; `chunk` holds just this record."""

    chunk: Chunk
    code: RecordCode
    message: str


class WorkError(RuntimeError):
    """`work` itself raised, or its process died before any record; the message holds the traceback."""


def run_chunks(
    chunks: Iterable[Chunk],
    work: Callable[[Chunk, Report], R],
    processes: int,
    record_time_limit_s: float,
) -> Iterator[R | Lost]:
    """Results of `work(chunk, report)` in the order of their records, and a Lost for each lost record.

    `chunks` must follow each other without gaps in their record numbers. `work` runs in forked
    processes (also for `processes` = 1): it may be a closure, its result must pickle and be of
    bounded size. It calls `report(record)` before each record, which is cheap. After a loss a chunk's
    other records come in two or more results; a chunk can be worked on twice, so `work` must have no
    effects but its result.

    Memory is bounded by the chunks in flight, a few per process. Closing the iterator kills the
    processes; they also die with this process. Raises WorkError.
    """
    with _Pool(work, max(1, processes), record_time_limit_s) as pool:
        yield from pool.run(iter(chunks))


@dataclass
class _Worker:
    """A process, what it was given (oldest first), and how long it was seen on one record."""

    process: BaseProcess
    connection: Connection
    slot: int
    given: list[Chunk] = field(default_factory=list)
    seen: int = NO_RECORD
    seen_s: float = 0.0


class _Pool(Generic[R]):
    def __init__(self, work: Callable[[Chunk, Report], R], processes: int, limit_s: float) -> None:
        self._work = work
        self._processes = processes
        self._limit_s = limit_s
        self._context = multiprocessing.get_context("fork")
        self._shared = mmap.mmap(-1, processes * 8)
        self._on = memoryview(self._shared).cast("q")
        self._workers: list[_Worker] = []
        self._again: list[Chunk] = []
        self._done: dict[int, tuple[int, R | Lost]] = {}
        self._deaths: dict[int, int] = {}
        self._ticked = time.monotonic()

    def __enter__(self) -> _Pool[R]:
        return self

    def __exit__(self, *exc: object) -> None:
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.join()
            worker.connection.close()
        self._on.release()
        self._shared.close()

    def run(self, chunks: Iterator[Chunk]) -> Iterator[R | Lost]:
        following = next(chunks, None)
        expected = following.first_record if following else 0
        while True:
            while self._again or following is not None:
                fresh = not self._again
                if fresh and self._out() >= self._processes * _WINDOW:
                    break
                worker = self._free()
                if worker is None:
                    break
                if fresh:
                    assert following is not None
                    self._give(worker, following)
                    following = next(chunks, None)
                else:
                    self._give(worker, self._again.pop(0))
            while expected in self._done:
                count, result = self._done.pop(expected)
                expected += count
                yield result
            if not self._out() and following is None:
                return
            self._listen()

    def _out(self) -> int:
        return len(self._done) + len(self._again) + sum(len(worker.given) for worker in self._workers)

    def _free(self) -> _Worker | None:
        """The least busy process, a new one if all are busy and more may be; None if all are full."""
        least = min(self._workers, key=lambda worker: len(worker.given), default=None)
        if (least is None or least.given) and len(self._workers) < self._processes:
            self._workers.append(self._start(len(self._workers)))
            return self._workers[-1]
        return least if least is not None and len(least.given) < _QUEUED else None

    def _start(self, slot: int) -> _Worker:
        ours, theirs = self._context.Pipe()
        self._on[slot] = NO_RECORD
        others = [worker.connection for worker in self._workers]
        process = self._context.Process(
            target=_serve,
            args=(theirs, [ours, *others], self._work, self._on, slot, os.getpid()),
            name=f"chunks-{slot}",
            daemon=True,
        )
        process.start()
        theirs.close()
        return _Worker(process, ours, slot)

    def _give(self, worker: _Worker, chunk: Chunk) -> None:
        worker.given.append(chunk)
        with suppress(OSError):  # its death is found by `_listen`
            worker.connection.send(chunk)

    def _listen(self) -> None:
        """Wait for a result, a death, or a tick of the clock."""
        tick_s = min(_TICK_S, self._limit_s / 4)
        ready = wait([worker.connection for worker in self._workers], tick_s)
        now = time.monotonic()
        # Time that this process itself did not see (stopped, or busy elsewhere) is no record's fault.
        passed = min(now - self._ticked, 2 * tick_s)
        self._ticked = now
        for worker in list(self._workers):
            if worker.connection in ready:
                self._receive(worker)
            else:
                self._watch(worker, passed)

    def _receive(self, worker: _Worker) -> None:
        try:
            result, failure = worker.connection.recv()
        except (EOFError, OSError):
            self._bury(worker, RecordCode.FEATURIZATION_FAILED)
            return
        if failure is not None:
            raise WorkError(failure)
        chunk = worker.given.pop(0)
        worker.seen = NO_RECORD
        self._done[chunk.first_record] = (chunk.count, result)

    def _watch(self, worker: _Worker, passed: float) -> None:
        record = self._on[worker.slot]
        if record == NO_RECORD or record != worker.seen:
            worker.seen, worker.seen_s = record, 0.0
            return
        worker.seen_s += passed
        if worker.seen_s > self._limit_s:
            worker.process.kill()
            self._bury(worker, RecordCode.TIMEOUT)

    def _bury(self, worker: _Worker, code: RecordCode) -> None:
        """Take back what a dead process was given, without the record that it was on."""
        worker.process.join()
        worker.connection.close()
        record = self._on[worker.slot]
        if code is RecordCode.TIMEOUT and record != worker.seen:
            record = NO_RECORD  # it went on just before it was killed: nothing is lost
        given = worker.given
        self._again.extend(given[1:])
        if given:
            chunk, offset = given[0], record - given[0].first_record
            if 0 <= offset < chunk.count:
                self._lose(chunk, offset, code, worker.process.exitcode)
            else:
                self._retry(chunk, code, worker.process.exitcode)
        self._again.sort(key=lambda chunk: chunk.first_record)
        self._workers.remove(worker)
        self._workers.append(self._start(worker.slot))

    def _lose(self, chunk: Chunk, offset: int, code: RecordCode, exitcode: int | None) -> None:
        if code is RecordCode.TIMEOUT:
            message = f"The record took longer than the limit of {self._limit_s:g} s."
        else:
            message = f"The record ended the process that worked on it ({_ending(exitcode)})."
        lost = Lost(chunk.part(offset, 1), code, message)
        self._done[lost.chunk.first_record] = (1, lost)
        if offset:
            self._again.append(chunk.part(0, offset))
        if offset + 1 < chunk.count:
            self._again.append(chunk.part(offset + 1, chunk.count - offset - 1))

    def _retry(self, chunk: Chunk, code: RecordCode, exitcode: int | None) -> None:
        if code is not RecordCode.TIMEOUT:
            deaths = self._deaths[chunk.first_record] = self._deaths.get(chunk.first_record, 0) + 1
            if deaths == _SILENT_DEATHS:
                raise WorkError(
                    f"a process died {deaths} times on the chunk of record {chunk.first_record} "
                    f"({_ending(exitcode)}), on none of its records"
                )
        self._again.append(chunk)


def _serve(
    connection: Connection,
    others: list[Connection],
    work: Callable[[Chunk, Report], Any],
    on: memoryview,
    slot: int,
    parent: int,
) -> None:
    """The life of one process: chunks in, results out, until the parent is gone."""
    die_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for other in others:
        other.close()
    gc.freeze()  # what came with the fork need not be looked through, nor copied, ever again

    def report(record: int) -> None:
        on[slot] = record

    with suppress(EOFError, OSError):
        while True:
            chunk = connection.recv()
            answer: tuple[Any, str | None]
            try:
                answer = (work(chunk, report), None)
            except Exception:
                answer = (None, traceback.format_exc())
            report(NO_RECORD)
            connection.send(answer)


def _ending(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        with suppress(ValueError):
            return signal.Signals(-exitcode).name
    return f"exit code {exitcode}"
