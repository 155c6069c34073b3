"""Real trainings whose workers are killed: who takes over goes on, and ends in the very same model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from molfleet.blobs.port import BlobInfo
from molfleet.messages.generated import BlobRef, CommandProgressed, EnsembleMember, ModelTrained, TrainModel
from tests import builders
from tests.faults.fleet import FaultFleet, gone
from tests.harness import until

pytestmark = pytest.mark.faults

TRAININGS = "training.commands"
SOURCE = builders.sdf(builders.measured_molecules()[::2])
ENVIRONMENT = {
    "FAULT_TABLE": "workers.modeler.handlers:HANDLERS",
    "FAULT_KIND": "modeler",
    "MOLFLEET_WORKER_PROCESSES": "1",
}
FOLDS = 5
PATIENCE_S = 300.0
COMMANDS: dict[str, dict[str, Any]] = {
    "forest": {"method": "randomforest", "hyper_parameters": {"n_estimators": 300}},
    "stacking": {
        "method": "stacking",
        "members": [
            EnsembleMember(method="ridgeregression"),
            EnsembleMember(method="extratrees", hyper_parameters={"n_estimators": 100}),
        ],
    },
}


async def fleet_of(bootstrap: str, directory: Path) -> FaultFleet:
    fleet = FaultFleet(bootstrap, directory, ENVIRONMENT)
    await fleet.create_topics()
    fleet.store.ensure_bucket("inputs")
    fleet.store.put("inputs", "measured.sdf", SOURCE)
    return fleet


def finished(fleet: FaultFleet, command: TrainModel) -> dict[str, BlobInfo]:
    """The checkpoints of the fits that are done, by the name of the fit."""
    prefix = f"{fleet.settings.topic_prefix}checkpoints/{command.id}/"
    found = fleet.store.list(fleet.settings.state_bucket, prefix)
    names = ((info.key.rpartition("/")[2].split("-"), info) for info in found)
    return {"-".join(parts[1:-1]): info for parts, info in names}


async def killed_when_done(fleet: FaultFleet, command: TrainModel, fit: str) -> dict[str, BlobInfo]:
    """Start a worker, kill it -9 as soon as `fit` is a checkpoint; what it has left."""
    worker = await fleet.start_worker(only=[TRAININGS])
    await until(lambda: fit in finished(fleet, command), PATIENCE_S)
    await gone(worker.kill())
    return finished(fleet, command)


async def progress(fleet: FaultFleet, command: TrainModel, worker: str) -> list[CommandProgressed]:
    records = await fleet.read(fleet.topics.progress)
    events = [fleet.codec.decode(record.value or b"") for record in records]
    return [
        event
        for event in events
        if isinstance(event, CommandProgressed) and (event.id, event.worker) == (command.id, worker)
    ]


def content(fleet: FaultFleet, event: ModelTrained) -> dict[str, bytes]:
    """Every file of a training, by what it is; the numbers of its event, under which names they have."""

    def read(ref: BlobRef) -> bytes:
        return fleet.store.read(ref.bucket, ref.key)[0]

    files = {artifact.name: read(artifact.blob) for artifact in event.artifacts}
    told = event.model_dump_json(exclude={"model", "artifacts", "rejects", "elapsed_ms", "time_stamp"})
    return {"model": read(event.model), "event": told.encode(), **files}


async def undisturbed(bootstrap: str, directory: Path, command: TrainModel) -> dict[str, bytes]:
    fleet = await fleet_of(bootstrap, directory)
    try:
        await fleet.start_worker(only=[TRAININGS])
        await fleet.send(command)
        event = await fleet.outcome(command, PATIENCE_S)
        assert isinstance(event, ModelTrained), event
        return content(fleet, event)
    finally:
        fleet.stop()


def folds_of(messages: Sequence[CommandProgressed]) -> set[str]:
    """The folds that a worker has fitted; it tells nothing of those that it found."""
    return {event.message for event in messages if event.message.startswith("fold ")}


@pytest.mark.timeout(900)
@pytest.mark.parametrize("method", COMMANDS)
async def test_a_training_killed_twice_goes_on_behind_what_is_done_and_ends_in_the_same_model(
    kafka_broker: str, tmp_path: Path, method: str
) -> None:
    source = builders.blob("measured.sdf")
    command = builders.train_model(
        source=source,
        task="regression",
        featurizers=[builders.ecfp(1024)],
        k_fold=FOLDS,
        options={"y_randomization": "1"},
        **COMMANDS[method],
    )
    expected = await undisturbed(kafka_broker, tmp_path / "undisturbed", command)
    fleet = await fleet_of(kafka_broker, tmp_path / "killed")
    try:
        await fleet.send(command)
        first = await killed_when_done(fleet, command, "fold-1")
        assert {"fold-0", "fold-1"} <= set(first)
        assert f"fold-{FOLDS - 1}" not in first
        second = await killed_when_done(fleet, command, "final")
        assert {f"fold-{number}" for number in range(FOLDS)} <= set(second)
        assert {name: (info.etag, info.modified) for name, info in first.items()} == {
            name: (second[name].etag, second[name].modified) for name in first
        }
        await fleet.start_worker(only=[TRAININGS])
        event = await fleet.outcome(command, PATIENCE_S)
        assert isinstance(event, ModelTrained), event
        assert content(fleet, event) == expected
        folds = [folds_of(await progress(fleet, command, f"worker-{number}")) for number in (1, 2, 3)]
        assert {"fold 1 of 5", "fold 2 of 5"} <= folds[0]
        assert "fold 5 of 5" in folds[1]
        assert not {"fold 1 of 5", "fold 2 of 5"} & folds[1]
        assert folds[2] == set()
        for worker in ("worker-1", "worker-2", "worker-3"):
            fractions = [event.fraction for event in await progress(fleet, command, worker)]
            assert fractions == sorted(fractions)
        await fleet.audit()
        assert finished(fleet, command) == {}
    finally:
        fleet.stop()
