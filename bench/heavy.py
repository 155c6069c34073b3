"""The fixed cost of one heavy command: lease, attempt record, child process, receipt, event, commit."""

from __future__ import annotations

import asyncio
import json
import time

from bench.ears import listening
from bench.report import Options, Report
from bench.site import Site, Stage
from bench.work import heavy_no_ops, prepared
from molfleet.broker.port import Outgoing
from molfleet.messages.codec import Codec

_COMMANDS = "predictions.batch.commands"
_EVENTS = "predictions.batch.events"
_TOPICS = (
    _COMMANDS,
    f"{_COMMANDS}.dead-letters",
    _EVENTS,
    "fleet.control",
    "fleet.progress",
    "fleet.schemas",
)
_WARM = 3


async def one_at_a_time(stage: Stage, count: int) -> list[float]:
    """Milliseconds from publishing a command to seeing its event, for each of `count` after a few."""
    codec, prefix = Codec(), stage.settings.topic_prefix
    producer = stage.broker.producer()
    await producer.start()
    took = []
    try:
        async with listening(stage.broker, prefix + _EVENTS) as ears:
            for command in heavy_no_ops(count + _WARM):
                one = prepared(command, codec)
                began = time.monotonic()
                await producer.publish([Outgoing(prefix + _COMMANDS, one.key, one.value, one.headers)])
                took.append((await ears.heard(one.subject) - began) * 1000)
    finally:
        await producer.stop()
    return took[_WARM:]


async def measure_heavy(site: Site, report: Report, chosen: Options) -> None:
    codec = Codec()
    count = 30 if chosen.quick else 200
    rates, singly = [], []
    requests = 0.0
    for _ in range(chosen.rounds(3)):
        async with site.stage(_TOPICS) as stage:
            backlog = [prepared(command, codec) for command in heavy_no_ops(count)]
            await stage.fill(stage.settings.topic_prefix + _COMMANDS, backlog)
            asked = stage.directory / "requests.json"
            wanted = {"BENCH_TOPICS": _COMMANDS, "BENCH_COUNT": str(count), "BENCH_REQUESTS": str(asked)}
            if chosen.profile is not None:
                wanted["BENCH_PROFILE"] = str(chosen.profile / "heavy.prof")
            with stage.process("bench.worker", **wanted) as process:
                rates.append((await asyncio.to_thread(process.measured)).rate)
                singly += await one_at_a_time(stage, count // 3)
            said = json.loads(asked.read_text("utf-8"))
            requests = sum(said.values()) / (count + count // 3 + _WARM)
            kinds = ", ".join(f"{n / (count + count // 3 + _WARM):.1f} {kind}" for kind, n in said.items())
    report.add("heavy no-op command, one at a time", singly, "ms")
    report.add("heavy no-op commands, one slot", rates, "commands/s")
    report.add("blob requests of one heavy no-op command", [requests], "requests")
    report.notes.append(
        "heavy: one at a time from the publish call to the event seen; the rate with a backlog"
    )
    report.notes.append(
        f"heavy: blobs in a local directory; requests by kind: {kinds} (the readiness probe is left out)"
    )
