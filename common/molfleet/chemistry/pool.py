"""Chunks of records worked on by processes that may hang or die: only the record at fault is lost.

RDKit is native code: a molecule can keep it busy for ever, crash it or eat all memory, and nothing
within the process can stop that. So each chunk is worked on in a process of its own, forked from this
one, and a shared word tells which record, and which step of the work on it, each process is on. A
process that stays on one step past the limit is killed; one that dies loses the record that it was on.
The records before and behind are given out again as chunks of their own. No process may claim more
memory than it is allowed: beyond, allocating fails, and only the record that asked for it is lost.
"""

from __future__ import annotations

import mmap
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import ForkingPickler
from typing import Generic, TypeVar

from molfleet.chemistry.pool_process import NO_RECORD, NOWHERE, OUT_OF_MEMORY, Report, serve, split_word
from molfleet.chemistry.records import Chunk
from molfleet.errors import RecordCode, Rejected

__all__ = [
    "NO_RECORD",
    "PROCESS_MEMORY_BYTES",
    "Lost",
    "Report",
    "WorkError",
    "out_of_memory",
    "run_chunks",
]

R = TypeVar("R")

#: Memory that a process may claim beyond what it shares with this one, where the caller sets no bound.
PROCESS_MEMORY_BYTES = 2**30
#: Results that wait for one that is late (its process hangs): what a hanging record may hold up.
_WAITING_BYTES = 64 * 2**20
_WAITING_CHUNKS = 4096

_QUEUED = 2  # chunks given to one process: one at work, one waiting
_TICK_S = 0.05
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
    process_memory_bytes: int | None = None,
) -> Generator[R | Lost, None, None]:
    """Results of `work(chunk, report)` in the order of their records, and a Lost for each lost record.

    `chunks` must follow each other without gaps in their record numbers. `work` runs in forked
    processes (also for `processes` = 1): it may be a closure, its result must pickle and be of
    bounded size. It calls `report(record, step)` before each record, or each step of one, which is cheap;
    where it has an attribute `steps`, their names, a Lost names the step. After a loss a chunk's other
    records come in two or more results; a chunk can be worked on twice, so `work` must have no effects
    but its result.

    `process_memory_bytes` is what a process may claim beyond what it shares with this one (None:
    PROCESS_MEMORY_BYTES). It bounds private writable memory (RLIMIT_DATA), not address space, of which
    libraries map far more than they use: beyond it native code gets std::bad_alloc and Python
    MemoryError. `work` may treat that as the record's fault; where it lets it pass the record is lost.

    Here memory is bounded: a few chunks per process are out, and 64 MiB of results may wait for a late
    one. Closing the iterator kills the processes; they also die with this process. Raises WorkError, and
    the Rejected that `work` raised.
    """
    memory = PROCESS_MEMORY_BYTES if process_memory_bytes is None else process_memory_bytes
    with _Pool(work, max(1, processes), record_time_limit_s, memory) as pool:
        yield from pool.run(iter(chunks))


def out_of_memory(doing: str) -> str:
    """The sentence for a record that asked for more memory than a process may have."""
    return f"{doing} needs more memory than one process may use."


@dataclass(frozen=True, slots=True)
class _Done(Generic[R]):
    """A result that waits to be handed over, and the size of its message."""

    count: int
    result: R | Lost
    size: int


@dataclass
class _Worker:
    """A process, what it was given (oldest first), and how long it was seen on one step of a record."""

    process: BaseProcess
    connection: Connection
    slot: int
    given: list[Chunk] = field(default_factory=list)
    seen: int = NOWHERE
    seen_s: float = 0.0


class _Pool(Generic[R]):
    def __init__(
        self, work: Callable[[Chunk, Report], R], processes: int, limit_s: float, memory_bytes: int
    ) -> None:
        self._work = work
        self._steps: Sequence[str] = getattr(work, "steps", ())
        self._processes = processes
        self._limit_s, self._tick_s = limit_s, min(_TICK_S, limit_s / 20)
        self._memory_bytes = memory_bytes
        self._context = multiprocessing.get_context("fork")
        self._shared = mmap.mmap(-1, processes * 8)
        self._on = memoryview(self._shared).cast("q")
        self._workers: list[_Worker] = []
        self._again: list[Chunk] = []
        self._done: dict[int, _Done[R]] = {}
        self._waiting_bytes = 0
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
                if fresh and (self._waiting_bytes >= _WAITING_BYTES or len(self._done) >= _WAITING_CHUNKS):
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
                done = self._done.pop(expected)
                self._waiting_bytes -= done.size
                expected += done.count
                yield done.result
            if following is None and not (self._done or self._again or self._at_work()):
                return
            self._listen()

    def _at_work(self) -> bool:
        return any(worker.given for worker in self._workers)

    def _free(self) -> _Worker | None:
        """The least busy process, a new one if all are busy and more may be; None if all are full."""
        least = min(self._workers, key=lambda worker: len(worker.given), default=None)
        if (least is None or least.given) and len(self._workers) < self._processes:
            self._workers.append(self._start(len(self._workers)))
            return self._workers[-1]
        return least if least is not None and len(least.given) < _QUEUED else None

    def _start(self, slot: int) -> _Worker:
        ours, theirs = self._context.Pipe()
        self._on[slot] = NOWHERE
        others = [worker.connection for worker in self._workers]
        process = self._context.Process(
            target=serve,
            args=(theirs, [ours, *others], self._work, self._on, slot, self._memory_bytes, os.getpid()),
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
        tick_s = self._tick_s
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
            data = worker.connection.recv_bytes()
        except (EOFError, OSError):
            self._bury(worker, RecordCode.FEATURIZATION_FAILED)
            return
        result, failure = ForkingPickler.loads(data)
        if failure is not None:
            raise failure if isinstance(failure, Rejected) else WorkError(failure)
        chunk = worker.given.pop(0)
        worker.seen = NOWHERE
        self._done[chunk.first_record] = _Done(chunk.count, result, len(data))
        self._waiting_bytes += len(data)

    def _watch(self, worker: _Worker, passed: float) -> None:
        word = self._on[worker.slot]
        if word == NOWHERE or word != worker.seen:
            worker.seen, worker.seen_s = word, 0.0
            return
        worker.seen_s += passed
        # What the end of a process and the beginning of another cost is part of the limit.
        if worker.seen_s > self._limit_s - 2 * self._tick_s:
            worker.process.kill()
            self._bury(worker, RecordCode.TIMEOUT)

    def _bury(self, worker: _Worker, code: RecordCode) -> None:
        """Take back what a dead process was given, without the record that it was on."""
        worker.process.join()
        worker.connection.close()
        word = self._on[worker.slot]
        if code is RecordCode.TIMEOUT and word != worker.seen:
            word = NOWHERE  # it went on just before it was killed: nothing is lost
        given = worker.given
        self._again.extend(given[1:])
        if given:
            record, step = split_word(word)
            chunk, offset = given[0], record - given[0].first_record
            if 0 <= offset < chunk.count:
                self._lose(chunk, offset, self._cause(code, step, worker.process.exitcode))
            else:
                self._retry(chunk, code, worker.process.exitcode)
        self._again.sort(key=lambda chunk: chunk.first_record)
        self._workers.remove(worker)
        self._workers.append(self._start(worker.slot))

    def _cause(self, code: RecordCode, step: int, exitcode: int | None) -> tuple[RecordCode, str]:
        """The code and the sentence for a record that was lost in this step."""
        doing = self._steps[step] if step < len(self._steps) else "The record"
        if code is RecordCode.TIMEOUT:
            return code, f"{doing} took longer than the limit of {self._limit_s:g} s."
        if exitcode == OUT_OF_MEMORY:
            return RecordCode.TOO_LARGE, out_of_memory(doing)
        return code, f"{doing} ended the process that worked on the record ({_ending(exitcode)})."

    def _lose(self, chunk: Chunk, offset: int, cause: tuple[RecordCode, str]) -> None:
        lost = Lost(chunk.part(offset, 1), *cause)
        self._done[lost.chunk.first_record] = _Done(1, lost, 0)
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


def _ending(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        with suppress(ValueError):
            return signal.Signals(-exitcode).name
    return f"exit code {exitcode}"
