"""`make demo`: the fleet's main job on a real broker, from a clone to predictions.

Starts Kafka and three workers, then goes the way of a user: features, a model, 5,000 predictions, one
structure. The molecules ship inside the RDKit wheel: 1,017 with measured activities (CHEMBL2321810) to
learn from, and what it calls the first 5K of the NCI set to predict.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from molfleet.client import FleetClient
from molfleet.client.build import new
from molfleet.local.broker import LocalBroker
from molfleet.local.demo_data import measured_sdf, nci_smiles
from molfleet.local.demo_report import Results, report
from molfleet.local.fleet import environment_of, prepare_topics
from molfleet.local.jars import JarsError
from molfleet.local.node import LocalBrokerError
from molfleet.local.workers import LocalWorkers, WorkerFailed
from molfleet.messages.generated import (
    CalculateFeatureVectors,
    CommandProgressed,
    FeatureVectorsCalculated,
    FeaturizerSpec,
    ModelRef,
    ModelTrained,
    PredictProperties,
    PropertiesPredicted,
    SingleStructurePredict,
    SingleStructurePredicted,
    TrainModel,
)
from molfleet.messages.record import Command, TerminalEvent
from molfleet.settings import load

HOME = Path(".local") / "demo"
ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"
_TIMEOUT_S = 600.0


class DemoFailed(Exception):
    """A command of the demo did not end as it must."""


@dataclass
class _Stage:
    """One command with its bar."""

    bars: Progress
    client: FleetClient

    async def run(self, title: str, command: Command, records: int) -> TerminalEvent:
        """Publish, show rate and time left, and return the success event. Raises DemoFailed."""
        task = self.bars.add_task(title, total=1.0, note="waiting for a worker")
        began = time.monotonic()

        def show(progress: CommandProgressed) -> None:
            seconds = max(time.monotonic() - began, 1e-3)
            rate = f"{progress.fraction * records / seconds:,.0f} molecules/s"
            left = "" if progress.eta_s is None else f", {progress.eta_s:.0f} s left"
            self.bars.update(task, completed=progress.fraction, note=f"{progress.stage}: {rate}{left}")

        outcome = await self.client.run(command, on_progress=show, timeout_s=_TIMEOUT_S)
        seconds = time.monotonic() - began
        if not outcome.succeeded or outcome.event is None:
            self.bars.update(task, note="failed")
            raise DemoFailed(f"{type(command).__name__} failed: {outcome.why}")
        note = f"{records / seconds:,.0f} molecules/s" if records > 1 else f"{seconds * 1000:.0f} ms"
        self.bars.update(task, completed=1.0, note=note)
        return outcome.event


async def _work(client: FleetClient, bars: Progress, directory: Path) -> Results:
    stage = _Stage(bars, client)
    inputs = directory / "inputs"
    measured, count = measured_sdf(inputs / "chembl2321810.sdf")
    smiles, many = nci_smiles(inputs / "nci_5k.smi")
    source = await client.upload(measured)
    ecfp = FeaturizerSpec(type="ECFP", size=2048, radius=2)
    features = await stage.run(
        f"CalculateFeatureVectors  {count:,} molecules",
        new(
            CalculateFeatureVectors,
            source=source,
            featurizers=[ecfp, FeaturizerSpec(type="DESC")],
            standardize="parent-neutral",
            identifiers=["smiles", "inchikey"],
            carry_properties=["activity"],
        ),
        count,
    )
    trained = await stage.run(
        "TrainModel               random forest, 5 folds",
        new(
            TrainModel,
            source=source,
            targets=["activity"],
            task="regression",
            method="randomforestregressor",
            featurizers=[ecfp],
            model_name="CHEMBL2321810 activity",
            k_fold=5,
        ),
        count,
    )
    if not isinstance(features, FeatureVectorsCalculated) or not isinstance(trained, ModelTrained):
        raise DemoFailed("a command was answered by an event of another type")
    model = ModelRef(id=uuid4(), blob=trained.model, name=trained.model_name)
    predicted = await stage.run(
        f"PredictProperties        {many:,} molecules",
        new(PredictProperties, source=await client.upload(smiles), models=[model]),
        many,
    )
    single = await stage.run(
        "SingleStructurePredict   aspirin",
        new(SingleStructurePredict, structure=ASPIRIN, models=[model]),
        1,
    )
    if not isinstance(predicted, PropertiesPredicted) or not isinstance(single, SingleStructurePredicted):
        raise DemoFailed("a command was answered by an event of another type")
    return Results(features, trained, predicted, single, ASPIRIN)


async def _drive(
    environment: dict[str, str], directory: Path, console: Console
) -> tuple[Results, list[Path]]:
    """Run all four commands and fetch what they made; what was said, and the files."""
    settings = load(environment)
    with _bars(console) as bars:
        async with FleetClient(settings) as client:
            results = await _work(client, bars, directory)
            outputs = directory / "outputs"
            outputs.mkdir(parents=True, exist_ok=True)
            files = [await client.download(ref, outputs / name) for name, ref in results.outputs().items()]
    return results, files


@contextmanager
def _bars(console: Console) -> Iterator[Progress]:
    columns = (
        TextColumn("  {task.description}"),
        BarColumn(bar_width=28),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[note]}"),
    )
    with Progress(*columns, console=console) as bars:
        yield bars


@contextmanager
def _waiting(console: Console, text: str) -> Iterator[None]:
    began = time.monotonic()
    spinner = Progress(SpinnerColumn(), TextColumn(text), console=console, transient=True)
    with spinner:
        spinner.add_task("")
        yield
    console.print(f"  {text}: [green]ready[/] after {time.monotonic() - began:.1f} s")


def run(console: Console, directory: Path = HOME) -> None:
    """The whole demo. Raises DemoFailed, LocalBrokerError, JarsError, WorkerFailed."""
    began = time.monotonic()
    console.print("[bold]molfleet demo[/]: Kafka and three workers on this machine; Ctrl-C stops all.\n")
    with ExitStack() as life:
        with _waiting(console, "Apache Kafka (the first time it is fetched: about 54 MB)"):
            broker = life.enter_context(LocalBroker(directory / "kafka"))
        environment = environment_of(broker, directory)
        with _waiting(console, "topics and workers"):
            prepare_topics(load(environment))
            life.enter_context(LocalWorkers(directory / "logs", environment))
        console.print()
        results, files = asyncio.run(_drive(environment, directory, console))
    report(console, results, files, directory, time.monotonic() - began)


def main() -> int:
    console = Console()
    try:
        run(console)
    except KeyboardInterrupt:
        console.print("\nStopped; nothing is left running.")
        return 130
    except (DemoFailed, LocalBrokerError, JarsError, WorkerFailed, TimeoutError) as error:
        console.print(f"\n[red]The demo did not work:[/] {error}\nLogs: {HOME / 'logs'}", highlight=False)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
