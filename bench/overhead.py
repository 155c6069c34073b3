"""`python -m bench.overhead`: what the fleet itself costs, with handlers that do nothing."""

from __future__ import annotations

import asyncio
import sys
from collections import defaultdict
from pathlib import Path

from bench.heavy import measure_heavy
from bench.program import run
from bench.report import Options, Report, alternating
from bench.site import Site
from bench.work import ASPIRIN, Prepared, prepared, singles
from molfleet.messages.codec import Codec

_COMMANDS = "predictions.single.commands"
_TOPICS = (
    _COMMANDS,
    f"{_COMMANDS}.dead-letters",
    "predictions.single.events",
    "fleet.control",
    "fleet.schemas",
)
#: module, environment, the part of the commands that it gets (it is a rate that is compared).
_CONTESTANTS: dict[str, tuple[str, dict[str, str], float]] = {
    "molfleet": ("bench.worker", {"BENCH_TOPICS": _COMMANDS}, 1.0),
    "bare aiokafka loop": ("bench.rivals.bare", {}, 1.0),
    "FastStream": ("bench.rivals.faststream_app", {"BENCH_FASTSTREAM": "each"}, 0.2),
    "FastStream in batches": ("bench.rivals.faststream_app", {"BENCH_FASTSTREAM": "batch"}, 1.0),
}


async def run_light(site: Site, name: str, commands: list[Prepared], profile: Path | None) -> float:
    """Commands per second of one contestant over a topic that holds them all."""
    module, environment, part = _CONTESTANTS[name]
    some = commands[: int(len(commands) * part)]
    async with site.stage(_TOPICS) as stage:
        await stage.fill(stage.settings.topic_prefix + _COMMANDS, some)
        wanted = {**environment, "BENCH_COUNT": str(len(some))}
        if profile is not None:
            wanted["BENCH_PROFILE"] = str(profile)
        with stage.process(module, **wanted) as process:
            return (await asyncio.to_thread(process.measured)).rate


async def measure_light(site: Site, report: Report, chosen: Options) -> None:
    codec = Codec()
    count = 10_000 if chosen.quick else 30_000
    commands = [prepared(command, codec) for command in singles([ASPIRIN] * count)]
    rates: dict[str, list[float]] = defaultdict(list)
    # A broker that has just started is slow for whoever comes first.
    await run_light(site, "bare aiokafka loop", commands, None)
    for name in alternating(chosen.rounds(5), list(_CONTESTANTS)):
        profile = chosen.profile / "light.prof" if chosen.profile and name == "molfleet" else None
        rates[name].append(await run_light(site, name, commands, profile))
    ours = rates.pop("molfleet")
    for rival, goal in (("bare aiokafka loop", 0.8), ("FastStream", 1.5), ("FastStream in batches", None)):
        report.add(
            "light no-op commands",
            ours,
            "commands/s",
            rival=rival,
            rival_values=rates[rival],
            goal=goal,
        )
    report.notes.append(
        "light: from the first records handed over to the last commit acknowledged, told by each process "
        "itself; starting and joining the group do not count"
    )


async def measure(site: Site, chosen: Options) -> Report:
    report = Report("What the fleet itself costs")
    await measure_light(site, report, chosen)
    await measure_heavy(site, report, chosen)
    return report


if __name__ == "__main__":
    sys.exit(run(__doc__ or "", measure, profiles=True))
