"""How many records per second, against RDKit and scikit-fingerprints doing the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from bench.family import watching
from bench.featuring import Featuring, Fleet
from bench.jobs import Done
from bench.race import Contestant, race, say
from bench.rivals.environments import NoEnvironment
from bench.rivals.skfp_environment import SKFP

_ECFP = "ECFP:2048:2"
_OURS, _RAW = "fleet", "raw RDKit"
_CONVENIENCE, _LIBRARY = "RDKit's convenience functions", "scikit-fingerprints"


async def _rate(fleet: Fleet, source: Path, featurizer: str, **fields: Any) -> float:
    return (await fleet.jobs.run(source, [featurizer], **fields)).rate


async def _compare(
    featuring: Featuring,
    title: str,
    source: Path,
    contestants: Mapping[str, Contestant],
    goals: Mapping[str, float | None],
    minutes: float,
) -> None:
    """Adds a figure for each rival that ran."""
    rates = await race(title, contestants, featuring.chosen.most_rounds, minutes * 60)
    ours = rates.pop(_OURS, None)
    if ours is None:
        featuring.report.notes.append(f"{title}: the fleet gave no result")
        return
    for number, (rival, found) in enumerate(rates.items()):
        featuring.report.add(
            title,
            ours,
            "records/s",
            rival=rival,
            rival_values=found,
            goal=goals.get(rival),
            note=number == 0,
        )
        low, high = min(found), max(found)
        featuring.report.notes.append(f"{title}: {rival} {low:,.0f} to {high:,.0f} records/s")


async def measure_ecfp(featuring: Featuring) -> None:
    count = featuring.chosen.records
    source = featuring.file(count)
    async with featuring.fleet() as fleet:

        async def ours() -> float:
            if not featuring.chosen.stages:
                return await _rate(fleet, source, _ECFP)
            with watching(fleet.pids, memory=False) as watched:
                done = await fleet.jobs.run(source, [_ECFP])
            for line in profile(done, watched.processor_s()):
                say(line)
            return done.rate

        await _compare(
            featuring,
            f"SDF to ECFP4-2048 Parquet, {count:,} records",
            source,
            {
                _OURS: ours,
                _RAW: partial(featuring.raw, source, "ecfp"),
            },
            {_RAW: 0.95},
            9.5,
        )


def profile(done: Done, processor_s: Mapping[str, float]) -> Sequence[str]:
    """Where a job's time went, in milliseconds per 1,000 records."""
    thousands = done.event.records / 1000
    stages = {
        **done.summary.get("seconds", {}),
        "elapsed": done.summary.get("elapsed_s", 0),
    }
    lines = [f"profile: {done.seconds / thousands * 1000:.1f} ms wall per 1,000 records"]
    lines += [f"profile: stage {name}: {took / thousands * 1000:.1f} ms" for name, took in stages.items()]
    lines += [
        f"profile: processor time of the {level}: {took / thousands * 1000:.1f} ms"
        for level, took in processor_s.items()
    ]
    return lines


async def measure_identified(featuring: Featuring) -> None:
    count = max(1, featuring.chosen.records // 10)
    source = featuring.file(count)
    async with featuring.fleet() as fleet:
        identifiers = {"identifiers": ["smiles", "inchikey"]}
        await _compare(
            featuring,
            f"the same with SMILES and InChIKey, {count:,} records",
            source,
            {
                _OURS: partial(_rate, fleet, source, _ECFP, **identifiers),
                _RAW: partial(featuring.raw, source, "identified"),
            },
            {_RAW: 0.95},
            3.0,
        )


async def measure_levels(featuring: Featuring) -> None:
    async with featuring.fleet() as fleet:
        for level, part, minutes in (
            ("parent", 10, 2.0),
            ("parent-neutral", 10, 3.0),
            ("tautomer", 250, 4.0),
        ):
            count = max(1, featuring.chosen.records // part)
            source = featuring.file(count)
            await _compare(
                featuring,
                f"the same standardized to {level}, {count:,} records",
                source,
                {
                    _OURS: partial(_rate, fleet, source, _ECFP, standardize=level),
                    _RAW: partial(featuring.raw, source, level),
                    _CONVENIENCE: partial(featuring.raw, source, f"{level}, convenience"),
                },
                {_RAW: 0.95},
                minutes,
            )


async def measure_library(featuring: Featuring) -> None:
    count = max(1, featuring.chosen.records // 10)
    source = featuring.file(count)
    if not await _has_library(featuring):
        return
    async with featuring.fleet() as fleet:
        await _compare(
            featuring,
            f"SDF to ECFP4-2048, {count:,} records",
            source,
            {
                _OURS: partial(_rate, fleet, source, _ECFP),
                _LIBRARY: partial(featuring.library, source, "ecfp"),
            },
            {_LIBRARY: 2.0},
            2.0,
        )


async def measure_descriptors(featuring: Featuring) -> None:
    count = max(1, featuring.chosen.records // 200)
    source = featuring.file(count)
    async with featuring.fleet() as fleet:
        contestants: dict[str, Contestant] = {
            _OURS: partial(_rate, fleet, source, "DESC"),
            _RAW: partial(featuring.raw, source, "descriptors"),
        }
        if await _has_library(featuring):
            contestants[_LIBRARY] = partial(featuring.library, source, "descriptors")
        await _compare(
            featuring,
            f"217 descriptors, {count:,} records",
            source,
            contestants,
            {_RAW: 1.0, _LIBRARY: 1.0},
            3.0,
        )


async def _has_library(featuring: Featuring) -> bool:
    """Whether scikit-fingerprints can be measured; a note says which, or why not."""
    try:
        found = SKFP.versions(await featuring.library_python())
    except NoEnvironment as error:
        note = f"scikit-fingerprints is left out: {error}"
        say(note)
    else:
        note = f"in an environment of its own: {', '.join(f'{name} {v}' for name, v in found.items())}"
    if note not in featuring.report.notes:
        featuring.report.notes.append(note)
    return not note.startswith("scikit-fingerprints is left out")
