"""What every figure of bench.features works with: files of molecules, workers, rivals."""

from __future__ import annotations

import asyncio
import shutil
import statistics
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

from bench.gun import fire, together
from bench.jobs import Jobs, open_jobs
from bench.molecules import default_cache, many_file
from bench.race import race
from bench.report import Options, Report
from bench.rivals.raw_rdkit import SUPPLIERS, ranges
from bench.rivals.skfp_environment import SKFP
from bench.site import ROOT, RunFailed, Site
from molfleet.local.workers import LocalWorkers
from molfleet.settings import Settings

_KIND = "feature-vectors"
#: The setting of the C library's allocator that the worker's processes run with.
TUNED = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=127"}


@dataclass(frozen=True, slots=True)
class FeaturingOptions(Options):
    records: int
    wanted_rounds: int
    only: tuple[str, ...]
    skfp_python: Path | None
    stages: bool

    @property
    def most_rounds(self) -> int:
        return self.rounds(self.wanted_rounds)


@dataclass(frozen=True, slots=True)
class Fleet:
    """Running workers, and the jobs that are sent to them."""

    jobs: Jobs
    pids: tuple[int, ...]


@dataclass
class Featuring:
    site: Site
    chosen: FeaturingOptions
    report: Report
    base: Path
    _supplier: str | None = field(default=None, init=False)

    @cached_property
    def cores(self) -> int:
        return Settings().cores

    def file(self, count: int) -> Path:
        """An SD file of `count` records, removed at the end."""
        return many_file(self.base, count, self.site.directory)

    @asynccontextmanager
    async def fleet(
        self, workers: int = 1, settings: Mapping[str, str] | None = None
    ) -> AsyncIterator[Fleet]:
        """Real workers with topics and blobs of their own, ready; all is removed afterwards."""
        async with self.site.stage() as stage:
            environment = {**stage.environment, **(settings or {})}
            running = LocalWorkers(stage.directory / "logs", environment, [_KIND] * workers)
            try:
                await asyncio.to_thread(running.start)
                async with open_jobs(stage) as jobs:
                    # The first command meets cold caches.
                    await jobs.run(self.file(min(1000, self.chosen.records)), ["ECFP:2048:2"])
                    yield Fleet(jobs, tuple(one.process.pid for one in running.processes))
            finally:
                await asyncio.to_thread(running.stop)
                await asyncio.to_thread(shutil.rmtree, stage.directory, ignore_errors=True)

    async def raw(
        self,
        source: Path,
        work: str,
        *,
        supplier: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> float:
        """Molecules per second of raw RDKit on all cores. Raises RunFailed."""
        chosen = supplier or await self.supplier()
        program = [sys.executable, "-m", "bench.rivals.raw_rdkit", str(source)]
        commands = [
            [*program, str(start), str(end), chosen, work] for start, end in ranges(source, self.cores)
        ]
        return together(await asyncio.to_thread(fire, commands, environment)).rate

    async def supplier(self) -> str:
        """Which of RDKit's ways to read an SD file is the fastest here; found out once."""
        if self._supplier is None:
            source = self.file(min(20_000, self.chosen.records))
            ways = {name: partial(self.raw, source, "ecfp", supplier=name) for name in SUPPLIERS}
            rates = await race("reading", ways, self.chosen.most_rounds, 60.0)
            if not rates:
                raise RunFailed("raw RDKit does not run")
            medians = {name: statistics.median(found) for name, found in rates.items()}
            self._supplier = max(medians, key=medians.__getitem__)
            tuned = await self.raw(source, "ecfp", supplier=self._supplier, environment=TUNED)
            self.report.notes.append(
                f"raw RDKit reads by {self._supplier}, the fastest here (molecules/s with ECFP4): "
                + ", ".join(f"{name} {rate:,.0f}" for name, rate in medians.items())
                + f"; {tuned:,.0f} under the allocator's setting that our worker has"
            )
        return self._supplier

    async def library(self, source: Path, work: str) -> float:
        """Molecules per second of scikit-fingerprints on all cores. Raises RunFailed, NoEnvironment."""
        program = [str(await self.library_python()), str(ROOT / "bench" / "rivals" / "skfp_sdf.py")]
        # Not our PYTHONPATH: its environment has packages of its own.
        return together(
            await asyncio.to_thread(fire, [[*program, str(source), work]], {"PYTHONPATH": ""})
        ).rate

    async def library_python(self) -> Path:
        """Raises NoEnvironment."""
        if self.chosen.skfp_python is not None:
            return self.chosen.skfp_python
        return await asyncio.to_thread(SKFP.interpreter, default_cache())
