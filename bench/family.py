"""A worker's processes while it works: memory of them all, processor time by what they are."""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

#: What a process is, by how many ancestors it has below and including the worker's own.
LEVELS = ("worker", "fork server and helpers", "parent of the job", "pool")
#: Looking takes some milliseconds, more with memory; where nothing grows it need not be often.
_EVERY_S = {True: 0.25, False: 1.0}


@dataclass(frozen=True, slots=True)
class Sample:
    """One process at one moment. `level`: 0 = the worker itself."""

    pid: int
    level: int
    processor_s: float
    pss: int
    rss: int


@dataclass
class Watched:
    """Peaks in bytes over all processes together, and processor seconds by level."""

    peak_pss: int = 0
    peak_rss: int = 0
    _first: dict[int, float] = field(default_factory=dict)
    _last: dict[int, tuple[int, float]] = field(default_factory=dict)

    def add(self, samples: Iterable[Sample], *, first: bool) -> None:
        """All processes at one moment; what those of the first moment used before does not count."""
        some = list(samples)
        self.peak_pss = max(self.peak_pss, sum(one.pss for one in some))
        self.peak_rss = max(self.peak_rss, sum(one.rss for one in some))
        for one in some:
            if first:
                self._first[one.pid] = one.processor_s
            self._last[one.pid] = one.level, one.processor_s

    def processor_s(self) -> dict[str, float]:
        """By level; what a process used after it was last seen is missing."""
        total: dict[str, float] = defaultdict(float)
        for pid, (level, seconds) in self._last.items():
            total[LEVELS[min(level, len(LEVELS) - 1)]] += seconds - self._first.get(pid, 0.0)
        return dict(total)


@contextmanager
def watching(pids: Iterable[int], *, memory: bool) -> Iterator[Watched]:
    """Looks at the workers with these process ids, and all below them, every now and then.

    `memory`: also at their memory, which costs each of them some milliseconds of the kernel's time.
    """
    watched, over = Watched(), threading.Event()
    roots = list(pids)
    watched.add(look(roots, memory=memory), first=True)

    def watch() -> None:
        while not over.wait(_EVERY_S[memory]):
            watched.add(look(roots, memory=memory), first=False)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield watched
    finally:
        over.set()
        thread.join()
        watched.add(look(roots, memory=memory), first=False)


def look(roots: Iterable[int], *, memory: bool) -> list[Sample]:
    found: list[Sample] = []
    for root in roots:
        with suppress(psutil.NoSuchProcess):
            _descend(psutil.Process(root), 0, memory, found)
    return found


def _descend(process: psutil.Process, level: int, memory: bool, found: list[Sample]) -> None:
    with suppress(psutil.NoSuchProcess, ProcessLookupError, FileNotFoundError):
        times = process.cpu_times()
        rss = process.memory_info().rss
        pss = proportional(process.pid) if memory else 0
        found.append(Sample(process.pid, level, times.user + times.system, pss, rss))
        for child in process.children():
            _descend(child, level + 1, memory, found)


def proportional(pid: int) -> int:
    """Bytes of memory, pages shared with others by their share (PSS of smaps_rollup)."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text("ascii", "replace").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def pin(root: int, core: int) -> None:
    """Keep a process, all below it and all their threads on one core; what they start stays there."""
    # Twice: a thread that was started while the first round went by may have escaped it.
    for _ in range(2):
        for process in (psutil.Process(root), *psutil.Process(root).children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                for thread in process.threads():
                    with suppress(ProcessLookupError):
                        os.sched_setaffinity(thread.id, {core})
