"""A stop comes at any moment: the worker ends soon, and nothing that it held is lost or blamed."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from pathlib import Path

import pytest

from molfleet.blobs.local import LocalBlobs
from molfleet.blobs.port import BlobsUnavailable
from molfleet.broker.memory import MemoryBroker
from molfleet.broker.memory_consumer import MemoryConsumer
from molfleet.broker.port import BrokerUnavailable, Committed, Partition, RebalanceListener
from molfleet.messages.generated import CalculateFeatureVectors, FeatureVectorsCalculated
from molfleet.runtime.waiting import Stopped
from molfleet.runtime.worker import Worker
from tests import builders, toy
from tests.harness import Fleet, until

pytestmark = pytest.mark.worker

TOPIC = "feature-vectors.commands"
SINGLE = "predictions.single.commands"


@pytest.fixture
async def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path)


def command(do: str = "store", **options: object) -> CalculateFeatureVectors:
    return builders.calculate_feature_vectors(
        options={"do": do, **{name: str(value) for name, value in options.items()}}
    )


async def test_a_stop_while_no_broker_can_be_reached_does_not_wait_for_one(fleet: Fleet) -> None:
    async with fleet.worker(only=[TOPIC]) as worker:
        fleet.broker.unavailable = True
        await until(lambda: any("unavailable" in reason for reason in worker.not_ready()))


async def test_a_stop_before_the_worker_is_ready_ends_it(fleet: Fleet) -> None:
    fleet.broker.unavailable = True
    worker = Worker(
        fleet.settings, "toy", toy.TABLE, broker=fleet.broker, store=fleet.store, topics=fleet.topics
    )
    running = asyncio.create_task(worker.run())
    await until(lambda: len(worker.not_ready()) > 1)
    worker.stop()
    with pytest.raises(Stopped):
        await asyncio.wait_for(running, 20)


async def test_what_only_waits_for_a_slot_is_not_begun_after_a_stop(fleet: Fleet, tmp_path: Path) -> None:
    first = command("wait", marker=tmp_path / "began", until=tmp_path / "go")
    waiting = command(log=tmp_path / "log")
    async with fleet.worker(only=[TOPIC], settings={"grace_s": 20.0}) as worker:
        await fleet.send(first)
        await until((tmp_path / "began").exists)
        await fleet.send(waiting)
        await until(lambda: b"in_flight" in worker.metrics.render()[0])
        await until(lambda: _in_flight(worker) == 2)
        worker.stop()
        await until(lambda: _in_flight(worker) == 1)
        await fleet.send(command(log=tmp_path / "log"))
        (tmp_path / "go").touch()
    assert isinstance(await fleet.outcome(first), FeatureVectorsCalculated)
    assert not (tmp_path / "log").exists()


def _in_flight(worker: Worker) -> float:
    labels = {"command": CalculateFeatureVectors.full_name}
    return worker.metrics.registry.get_sample_value("molfleet_in_flight", labels) or 0.0


async def test_a_second_stop_ends_the_grace_period(fleet: Fleet, tmp_path: Path) -> None:
    running = command("wait", marker=tmp_path / "began", until=tmp_path / "never")
    async with fleet.worker(only=[TOPIC], settings={"grace_s": 3600.0}) as worker:
        await fleet.send(running)
        await until((tmp_path / "began").exists)
        worker.stop()
        worker.stop()


async def test_a_stop_while_the_receipt_cannot_be_written_counts_no_death(
    fleet: Fleet, tmp_path: Path
) -> None:
    store = Refusing(tmp_path / "blobs", "receipts/")
    running = command()
    async with fleet.worker(only=[TOPIC], settings={"grace_s": 0.0}, store=store) as worker:
        await fleet.send(running)
        await until(lambda: any("receipts" in reason for reason in worker.not_ready()))
    async with fleet.worker(only=[TOPIC], settings={"crash_limit": 1}):
        assert isinstance(await fleet.outcome(running), FeatureVectorsCalculated)


class Refusing(LocalBlobs):
    """A store that is away for writes below a prefix."""

    def __init__(self, directory: Path, prefix: str) -> None:
        super().__init__(directory)
        self._prefix = prefix

    def put(self, bucket, key, *args, **options):  # type: ignore[no-untyped-def]
        if key.startswith(self._prefix):
            raise BlobsUnavailable(f"{key}: the store is away, says the test")
        return super().put(bucket, key, *args, **options)


async def test_a_commit_that_failed_is_tried_again_without_another_outcome(fleet: Fleet) -> None:
    broker = fleet.broker = Straying(default_partitions=2)
    only = command()
    async with fleet.worker(only=[TOPIC]):
        broker.consumers[0].refusals = 3
        await fleet.send(only)
        await until(lambda: fleet.committed(TOPIC) == 1)
        assert len(broker.consumers) == 1


async def test_a_consumer_that_does_not_come_back_to_its_group_is_replaced(fleet: Fleet) -> None:
    broker = fleet.broker = Straying(default_partitions=2)
    async with fleet.worker(only=[TOPIC]) as worker:
        broker.consumers[0].lost_s = 1e6
        await until(lambda: len(broker.consumers) == 2 and not worker.not_ready())
        after = command()
        await fleet.send(after)
        assert isinstance(await fleet.outcome(after), FeatureVectorsCalculated)


class Straying(MemoryBroker):
    """Its consumers can be told to have lost their group, or their group's coordinator."""

    def __init__(self, *, default_partitions: int) -> None:
        super().__init__(default_partitions=default_partitions)
        self.consumers: list[StrayConsumer] = []

    def consumer(self, topics: Collection[str], group: str, listener: RebalanceListener) -> StrayConsumer:
        made = StrayConsumer(self._cluster, self._cluster.group(group), topics, listener)
        self.consumers.append(made)
        return made


class StrayConsumer(MemoryConsumer):
    lost_s = 0.0
    refusals = 0

    def stalled_s(self) -> float:
        return self.lost_s

    async def commit(self, positions: Mapping[Partition, Committed]) -> None:
        if self.refusals:
            self.refusals -= 1
            raise BrokerUnavailable("no coordinator, says the test")
        await super().commit(positions)
