"""`python -m bench.idle`: what workers without work cost, once they are ready."""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import suppress

import psutil

from bench.program import run
from bench.report import Options, Report
from bench.site import Site
from molfleet.local.workers import KINDS, LocalWorkers, WorkerProcess

_SETTLE_S = 5.0


def family(worker: WorkerProcess) -> list[psutil.Process]:
    """The worker with its fork server, resident processes and helpers."""
    root = psutil.Process(worker.process.pid)
    return [root, *root.children(recursive=True)]


def processor_s(processes: list[psutil.Process]) -> float:
    total = 0.0
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def memory(processes: list[psutil.Process]) -> tuple[float, float]:
    """(resident megabytes of the worker's own process, proportional megabytes of them all)."""
    total = 0.0
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            full = process.memory_full_info()
            total += getattr(full, "pss", full.uss)
    return processes[0].memory_info().rss / 1e6, total / 1e6


async def measure(site: Site, chosen: Options) -> Report:
    report = Report("Idle workers")
    seconds = 15.0 if chosen.quick else 60.0
    async with site.stage() as stage:
        workers = LocalWorkers(stage.directory / "logs", stage.environment, KINDS)
        try:
            await asyncio.to_thread(workers.start)
            await asyncio.sleep(_SETTLE_S)
            families = {worker.kind: family(worker) for worker in workers.processes}
            sizes = {kind: memory(found) for kind, found in families.items()}
            before = {kind: processor_s(found) for kind, found in families.items()}
            began = time.monotonic()
            await asyncio.sleep(seconds)
            span = time.monotonic() - began
            for kind, found in families.items():
                used = (processor_s(found) - before[kind]) * 60 / span
                report.add(f"idle {kind}: processor time", [used], "s per minute")
                report.add(f"idle {kind}: resident memory of its own process", [sizes[kind][0]], "MB")
                report.add(
                    f"idle {kind}: proportional memory, {len(found)} processes", [sizes[kind][1]], "MB"
                )
        finally:
            await asyncio.to_thread(workers.stop)
    report.notes.append(f"{_SETTLE_S:g} s after all were ready, over {seconds:g} s")
    return report


if __name__ == "__main__":
    sys.exit(run(__doc__ or "", measure))
