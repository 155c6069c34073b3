"""What the fleet's work costs and what it stands: memory, a second worker, molecules that do not end."""

from __future__ import annotations

import asyncio
import statistics
from functools import partial

from bench.family import pin, watching
from bench.featuring import Featuring, Fleet
from bench.molecules import lattice, with_molecule
from bench.race import race, say

_ECFP = "ECFP:2048:2"
_MOST_MB = 800.0
_ALIKE = 1 / 1.10
_LIMIT_S = 5.0


async def measure_memory(featuring: Featuring) -> None:
    """Peaks over all processes of one worker, its children included."""
    report, many = featuring.report, featuring.chosen.records
    few = max(1, many // 10)
    sources = {count: featuring.file(count) for count in (few, many)}
    peaks: dict[int, float] = {}
    async with featuring.fleet() as fleet:
        for count, source in sources.items():
            with watching(fleet.pids, memory=True) as watched:
                await fleet.jobs.run(source, [_ECFP])
            peaks[count] = watched.peak_pss / 1e6
            say(f"memory: {count:,} records: {peaks[count]:,.0f} MB")
            report.notes.append(
                f"memory: {count:,} records: {watched.peak_pss / 1e6:,.0f} MB proportional (PSS), "
                f"{watched.peak_rss / 1e6:,.0f} MB resident, shared pages counted for each process"
            )
    title = f"peak memory of the worker's processes, {many:,} records"
    for rival, value, goal in (
        (f"{_MOST_MB:g} MB", _MOST_MB, 1.0),
        (f"the same with {few:,}", peaks[few], _ALIKE),
    ):
        report.add(
            title, [peaks[many]], "MB", rival=rival, rival_values=[value], goal=goal, less_is_better=True
        )


async def measure_two_workers(featuring: Featuring) -> None:
    """One worker on one core, and two on one core each; a file that is shared out in parts."""
    report = featuring.report
    if featuring.cores < 2:
        report.notes.append("two workers: not measured, there is one core")
        return
    count = max(2, featuring.chosen.records // 2)
    source = featuring.file(count)
    settings = {
        "MOLFLEET_WORKER_PROCESSES": "1",
        "MOLFLEET_WORKER_SPLIT_RECORDS": str(count // 2),
        "MOLFLEET_WORKER_PART_RECORDS": str(max(1, count // 60)),
    }
    async with featuring.fleet(1, settings) as one, featuring.fleet(2, settings) as two:
        for fleet in (one, two):
            for core, pid in enumerate(fleet.pids):
                await asyncio.to_thread(pin, pid, core)

        async def rate(fleet: Fleet) -> float:
            return (await fleet.jobs.run(source, [_ECFP])).rate

        rates = await race(
            "one giant file",
            {"two workers": partial(rate, two), "one worker": partial(rate, one)},
            featuring.chosen.most_rounds,
            300.0,
        )
    if len(rates) < 2:
        report.notes.append("two workers: not measured, see above")
        return
    report.add(
        f"one file of {count:,} records over two workers, a core each",
        rates["two workers"],
        "records/s",
        rival="one worker, one core",
        rival_values=rates["one worker"],
        goal=1.8,
    )
    report.notes.append(
        f"two workers: one process each, parts of {settings['MOLFLEET_WORKER_PART_RECORDS']} records, both "
        f"contestants with the same settings; the broker and this program share the {featuring.cores} cores"
    )


async def measure_harm(featuring: Featuring) -> None:
    """A job with one molecule that RDKit is slow with, or not known to end, against it without."""
    count = max(1, featuring.chosen.records // 50)
    plain = featuring.file(count)
    carbons, sulphurs = lattice((9, 10), "C"), lattice((3, 5, 6), "S")
    directory = featuring.site.directory
    jobs = {
        "without": plain,
        "90 carbons": with_molecule(plain, carbons, directory / "carbons.sdf"),
        "no end": with_molecule(plain, sulphurs, directory / "sulphurs.sdf"),
    }
    async with featuring.fleet() as fleet:

        async def seconds(name: str) -> float:
            limit_ms = round(_LIMIT_S * 1000)
            done = await fleet.jobs.run(jobs[name], ["MACCS"], record_time_limit_ms=limit_ms)
            if done.event.failed:
                say(f"harm: {name}: {done.summary['codes']}")
            return done.seconds

        took = await race(
            "harm", {name: partial(seconds, name) for name in jobs}, featuring.chosen.most_rounds, 120.0
        )
    for name, what in (
        ("90 carbons", "a molecule of 90 atoms that takes long"),
        ("no end", "a molecule of 90 atoms that does not end"),
    ):
        if name not in took or "without" not in took:
            featuring.report.notes.append(f"{what}: not measured")
            continue
        base = statistics.median(took["without"])
        featuring.report.add(
            f"what {what} costs a job of {count:,}",
            [max(0.001, each - base) for each in took[name]],
            "s",
            rival="its time limit",
            rival_values=[_LIMIT_S],
            goal=1.0,
            less_is_better=True,
        )
    featuring.report.notes.append(
        "harm: MACCS keys, wall time beyond the same job without it; 9 x 10 carbons (0.8 s alone) and "
        "3 x 5 x 6 sulphur atoms (not done in 120 s), in the middle of the file"
    )
