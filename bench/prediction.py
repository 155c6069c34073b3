"""`python -m bench.prediction`: predictions by the fleet against the same handlers without it."""

from __future__ import annotations

import asyncio
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from bench.batch import Batches
from bench.ears import listening
from bench.load import Load, Sustained
from bench.models import METHODS, train
from bench.program import run
from bench.raw import raw_rate
from bench.report import Options, Report, alternating, percentile
from bench.site import Site, Stage
from bench.work import nci_structures, prepared, singles
from molfleet.blobs.factory import open_store
from molfleet.local.workers import LocalWorkers
from molfleet.messages.codec import Codec
from molfleet.messages.generated import BlobRef, ModelRef

_COMMANDS, _EVENTS = "predictions.single.commands", "predictions.single.events"
_IN_FLIGHT = 1_024
_PER_SECOND = 100.0
_HEADLINE = "old system's stated headline"
_HEADLINE_MS, _HEADLINE_RATE = 200.0, 1_000.0


@dataclass(frozen=True, slots=True)
class Fleet:
    """A real predictor worker on a real broker, and the models in its store."""

    stage: Stage
    models: Mapping[str, ModelRef]

    @asynccontextmanager
    async def load(self) -> AsyncIterator[Load]:
        prefix = self.stage.settings.topic_prefix
        producer = self.stage.broker.producer()
        await producer.start()
        try:
            async with listening(self.stage.broker, prefix + _EVENTS) as ears:
                yield Load(producer, prefix + _COMMANDS, ears)
        finally:
            await producer.stop()


@asynccontextmanager
async def open_fleet(site: Site, files: Mapping[str, Path]) -> AsyncIterator[Fleet]:
    async with site.stage() as stage:
        store = open_store(stage.settings)
        store.ensure_bucket("models")
        refs = {}
        for name, path in files.items():
            key = f"{path.parent.name}.molmodel"
            store.put("models", key, path)
            refs[name] = ModelRef(id=uuid4(), blob=BlobRef(bucket="models", key=key), name=name)
        workers = LocalWorkers(stage.directory / "logs", stage.environment, ["predictor"])
        try:
            await asyncio.to_thread(workers.start)
            yield Fleet(stage, refs)
        finally:
            await asyncio.to_thread(workers.stop)


async def measure_rates(fleet: Fleet, files: Mapping[str, Path], report: Report, chosen: Options) -> None:
    codec, structures = Codec(), nci_structures()
    warm_s, seconds = (2.0, 6.0) if chosen.quick else (4.0, 20.0)
    batch = fleet.stage.settings.worker.single_batch
    cores = fleet.stage.settings.cores
    for name, path in files.items():
        commands = [prepared(command, codec) for command in singles(structures, fleet.models[name])]
        found: dict[str, list[Sustained]] = defaultdict(list)
        for who in alternating(chosen.rounds(3), ["raw", "fleet"]):
            if who == "raw":
                rate = await asyncio.to_thread(raw_rate, path, cores, seconds, batch)
                found[who].append(Sustained(rate, 0.0))
            else:
                async with fleet.load() as load:
                    found[who].append(await load.sustained(commands, _IN_FLIGHT, warm_s, seconds))
        rates = [one.rate for one in found["fleet"]]
        rival = f"loop in {cores} processes"
        raw = [one.rate for one in found["raw"]]
        title = f"SingleStructurePredict, {name}"
        report.add(title, rates, "commands/s", rival=rival, rival_values=raw, goal=0.6)
        report.add(
            title, rates, "commands/s", rival=_HEADLINE, rival_values=[_HEADLINE_RATE], goal=1.0, note=False
        )
        report.add(
            f"processor time of the load generator, {name}",
            [one.generator for one in found["fleet"]],
            "cores",
        )


async def measure_latencies(fleet: Fleet, report: Report, chosen: Options) -> None:
    codec, structures = Codec(), nci_structures()
    count = 801 if chosen.quick else 3_001
    for name, ref in fleet.models.items():
        found: dict[int, list[float]] = defaultdict(list)
        for _ in range(chosen.rounds(3)):
            commands = [prepared(command, codec) for command in singles(structures[:count], ref)]
            async with fleet.load() as load:
                took = await load.latencies(commands, _PER_SECOND)
            for percent in (50, 99):
                found[percent].append(percentile(took, percent))
        for percent, values in found.items():
            report.add(
                f"p{percent} latency at {_PER_SECOND:g}/s, {name}",
                values,
                "ms",
                rival=_HEADLINE,
                rival_values=[_HEADLINE_MS],
                goal=1.0,
                less_is_better=True,
            )
    report.notes.append(
        "latency: open loop, from the moment a command was due to its event seen by a consumer"
    )


async def measure_batch(fleet: Fleet, files: Mapping[str, Path], report: Report, chosen: Options) -> None:
    name, path = next(iter(files.items()))
    batches = Batches(fleet.stage, copies=1 if chosen.quick else 6)
    rates: dict[str, list[float]] = defaultdict(list)
    for who in alternating(chosen.rounds(3), ["raw", "fleet"]):
        if who == "raw":
            rates[who].append(await asyncio.to_thread(batches.without_fleet, path))
        else:
            rates[who].append(await batches.by_fleet(fleet.models[name]))
    report.add(
        f"PredictProperties, {name}, {batches.molecules:,} molecules",
        rates["fleet"],
        "molecules/s",
        rival="the handler without Kafka",
        rival_values=rates["raw"],
    )


async def measure(site: Site, chosen: Options) -> Report:
    report = Report("Predictions, with the broker and the load generator on the same machine")
    methods = dict(list(METHODS.items())[: 1 if chosen.quick else None])
    files = await asyncio.to_thread(train, site.directory / "training", methods)
    async with open_fleet(site, files) as fleet:
        await measure_rates(fleet, files, report, chosen)
        await measure_latencies(fleet, report, chosen)
        await measure_batch(fleet, files, report, chosen)
    sizes = ", ".join(f"{name} {path.stat().st_size / 1e6:.1f} MB" for name, path in files.items())
    report.notes.append(f"models: {sizes}; structures: the 5,000 NCI molecules of the RDKit wheel")
    return report


if __name__ == "__main__":
    sys.exit(run(__doc__ or "", measure))
