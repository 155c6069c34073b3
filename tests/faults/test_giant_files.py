"""One file over the whole fleet, while its workers are killed: one outcome, the bytes of a quiet run."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest

from molfleet.messages.generated import CalculateFeatureVectors, FeatureVectorsCalculated, FeaturizerSpec
from molfleet.messages.record import FailureEvent
from molfleet.runtime.steps import Step
from tests import builders
from tests.faults.fleet import FaultFleet, gone
from tests.harness import until

pytestmark = pytest.mark.faults

FEATURES = "feature-vectors.commands"
CHUNKS = "feature-vectors.chunks.commands"
ENVIRONMENT = {
    "FAULT_TABLE": "workers.feature_vectors.handlers:HANDLERS",
    "FAULT_KIND": "feature-vectors",
    "MOLFLEET_WORKER_SPLIT_RECORDS": "100",
    "MOLFLEET_WORKER_PART_RECORDS": "60",
}
SMILES = ["CCO", "c1ccccc1", "CC(=O)[O-].[Na+]", "C1CC", "OC(=O)c1ccccc1O", "CN(C)C"]
RECORDS = 500


@pytest.fixture
async def fleet(kafka_broker: str, tmp_path: Path) -> AsyncIterator[FaultFleet]:
    made = FaultFleet(kafka_broker, tmp_path, ENVIRONMENT)
    await made.create_topics()
    try:
        yield made
    finally:
        made.stop()


def command(fleet: FaultFleet, salt: int = 0, **fields: object) -> CalculateFeatureVectors:
    """A giant file: of 500 records where the limit is 100. `salt` is what makes two of them differ."""
    store, key = fleet.store, f"giant-{salt}.smi"
    store.ensure_bucket("inputs")
    lines = (f"{SMILES[number % len(SMILES)]} {salt}-{number}" for number in range(RECORDS))
    store.put("inputs", key, "\n".join(lines).encode())
    specs = [FeaturizerSpec(type="ECFP", size=128), FeaturizerSpec(type="ECFC", size=64)]
    return builders.calculate_feature_vectors(
        source=builders.blob(key), featurizers=specs, identifiers=["smiles"], **fields
    )


async def digest(fleet: FaultFleet, sent: CalculateFeatureVectors) -> str:
    """Of the output; the event's counts are those of the input."""
    event = await fleet.outcome(sent)
    assert isinstance(event, FeatureVectorsCalculated), event
    assert (event.records, event.failed) == (RECORDS, sum(n % len(SMILES) == 3 for n in range(RECORDS)))
    data, _ = fleet.store.read(event.output.bucket, event.output.key)
    return hashlib.sha256(data).hexdigest()


def left(fleet: FaultFleet, sent: CalculateFeatureVectors) -> list[str]:
    prefix = f"{fleet.settings.topic_prefix}shared/{sent.id}/"
    return [info.key for info in fleet.store.list(fleet.settings.state_bucket, prefix)]


async def test_the_worker_that_cut_the_file_is_killed_when_its_parts_are_sent(
    fleet: FaultFleet,
) -> None:
    worker = await fleet.start_worker(pause_at=Step.PARTS_SENT)
    sent = command(fleet)
    await fleet.send(sent)
    await until(worker.stood_still.exists, 30)
    await gone(worker.kill())
    await fleet.start_worker()
    await digest(fleet, sent)
    await fleet.audit()
    assert left(fleet, sent) == []


@pytest.mark.parametrize("step", [Step.COMPUTED, Step.RECEIPT_WRITTEN])
async def test_a_worker_is_killed_within_a_part(fleet: FaultFleet, step: Step) -> None:
    await fleet.start_worker(only=[FEATURES])
    worker = await fleet.start_worker(pause_at=step, only=[CHUNKS])
    sent = command(fleet)
    await fleet.send(sent)
    await until(worker.stood_still.exists, 30)
    await gone(worker.kill())
    await fleet.start_worker(only=[CHUNKS])
    await digest(fleet, sent)
    await fleet.audit()
    assert left(fleet, sent) == []


async def test_a_worker_is_killed_while_it_joins_the_parts(fleet: FaultFleet) -> None:
    await fleet.start_worker(only=[CHUNKS])
    worker = await fleet.start_worker(pause_at=Step.COMPUTED, only=[FEATURES])
    sent = command(fleet)
    await fleet.send(sent)
    await until(worker.stood_still.exists, 30)
    await gone(worker.kill())
    await fleet.start_worker(only=[FEATURES])
    await digest(fleet, sent)
    await fleet.audit()


async def test_killers_of_workers_change_nothing_in_the_bytes(fleet: FaultFleet) -> None:
    """Three giants, two workers of one slot, and a kill -9 every now and then."""
    quiet = await fleet.start_worker(worker_split_records="1000000")
    giants = [command(fleet, salt) for salt in range(3)]
    await fleet.send(*giants)
    expected = [await digest(fleet, giant) for giant in giants]
    await fleet.at_rest()
    await gone(quiet.kill())
    again = [giant.model_copy(update={"id": builders.identity()["id"]}) for giant in giants]
    random = Random(7)
    workers = [await fleet.start_worker() for _ in range(2)]
    await fleet.send(*again)
    for _ in range(3):
        await asyncio.sleep(random.uniform(0.3, 2.0))
        await gone(workers.pop(random.randrange(2)).kill())
        workers.append(await fleet.start_worker())
    assert [await digest(fleet, giant) for giant in again] == expected
    await fleet.audit()
    assert [left(fleet, giant) for giant in again] == [[], [], []]


async def test_a_cancelled_giant_leaves_nothing(fleet: FaultFleet) -> None:
    await fleet.start_worker(only=[FEATURES])
    sent = command(fleet)
    await fleet.send(sent)
    await until(lambda: bool(left_checkpoints(fleet, sent)), 30)
    await fleet.send(builders.cancel_command(command_id=sent.id))
    event = await fleet.outcome(sent)
    assert isinstance(event, FailureEvent)
    assert event.code == "CANCELLED"
    await fleet.start_worker(only=[CHUNKS])
    await fleet.audit()
    assert left(fleet, sent) == []


def left_checkpoints(fleet: FaultFleet, sent: CalculateFeatureVectors) -> list[str]:
    prefix = f"{fleet.settings.topic_prefix}checkpoints/{sent.id}/"
    found = (info.key for info in fleet.store.list(fleet.settings.state_bucket, prefix))
    return [key for key in found if key.endswith("-parts")]
