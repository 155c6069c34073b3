"""What a worker says of itself while it starts, works, lacks something and stops."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from molfleet.blobs.local import LocalBlobs
from molfleet.blobs.port import BlobInfo, BlobsUnavailable
from molfleet.broker.topics import Topics, load_topics
from molfleet.messages.generated import (
    CalculateFeatureVectors,
    CommandProgressed,
    PredictProperties,
    SingleStructurePredict,
    TrainModel,
)
from molfleet.runtime.assembly import check_table, published_types, types_by_topic
from molfleet.runtime.steps import Step
from molfleet.runtime.worker import Worker
from tests import builders, toy
from tests.harness import Fleet, until

pytestmark = pytest.mark.worker

TOPIC = "feature-vectors.commands"


@pytest.fixture
async def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path)


def measured(worker: Worker, name: str, **labels: str) -> float | None:
    return worker.metrics.registry.get_sample_value(f"molfleet_{name}", labels)


class Flickering(LocalBlobs):
    away = False

    def list(self, bucket: str, prefix: str = "") -> Iterator[BlobInfo]:
        if self.away:
            raise BlobsUnavailable("the store is away, says the test")
        return super().list(bucket, prefix)


async def test_a_worker_that_idles_sees_a_store_go_and_come(fleet: Fleet, tmp_path: Path) -> None:
    store = Flickering(tmp_path / "blobs")
    fleet.broker.unavailable = True
    worker = Worker(
        fleet.settings,
        "toy",
        toy.TABLE,
        broker=fleet.broker,
        store=store,
        topics=fleet.topics,
        only=[TOPIC],
    )
    running = asyncio.create_task(worker.run())
    await until(lambda: any("broker" in reason for reason in worker.not_ready()))
    assert "starting" in worker.not_ready()
    store.away = True
    fleet.broker.unavailable = False
    await until(lambda: worker.not_ready() == ["blob store: the store is away, says the test"])
    await until(lambda: measured(worker, "ready") == 0)
    store.away = False
    await until(lambda: worker.not_ready() == [] and measured(worker, "ready") == 1)
    worker.stop()
    await until(lambda: worker.not_ready() == ["stopping"] or running.done())
    await asyncio.wait_for(running, 20)


async def test_what_is_in_flight_and_what_came_of_it_is_counted(fleet: Fleet, tmp_path: Path) -> None:
    name = {"command": CalculateFeatureVectors.full_name}
    command = builders.calculate_feature_vectors(
        options={"do": "wait", "marker": str(tmp_path / "began"), "until": str(tmp_path / "go")}
    )
    async with fleet.worker(only=[TOPIC]) as worker:
        await fleet.send(command)
        await fleet.send(command)
        await until((tmp_path / "began").exists)
        assert measured(worker, "in_flight", **name) == 1
        (tmp_path / "go").touch()
        await until(lambda: fleet.committed(TOPIC) == 2)
        await until(lambda: measured(worker, "in_flight", **name) == 0)
        await until(lambda: measured(worker, "commands_total", **name, code="REPEATED") == 1)
        assert measured(worker, "commands_total", **name, code="DONE") == 1
        assert measured(worker, "attempts_total", **name) == 1
        await fleet.send_raw(TOPIC, b"junk")
        await until(lambda: measured(worker, "dead_letters_total", topic=TOPIC, reason="UNDECODABLE") == 1)


async def test_a_fault_of_the_runtime_itself_commits_nothing_and_is_never_ready_again(
    fleet: Fleet,
) -> None:
    async def fail(step: Step) -> None:
        if step is Step.COMPUTED:
            raise RuntimeError("a mistake in the runtime")

    async with fleet.worker(only=[TOPIC], hook=fail, settings={"grace_s": 0.0}) as worker:
        await fleet.send(builders.calculate_feature_vectors())
        await until(lambda: any("cannot be finished" in reason for reason in worker.not_ready()))
    assert fleet.committed(TOPIC) == 0


async def test_a_worker_refuses_a_topic_that_it_does_not_serve(fleet: Fleet) -> None:
    with pytest.raises(ValueError, match=r"does not serve reports\.commands"):
        async with fleet.worker(only=["reports.commands"]):
            pass


def test_a_table_that_leaves_a_command_of_its_topic_unanswered_is_refused() -> None:
    topics = load_topics()
    both = Topics(
        tuple(
            replace(topic, types=(TrainModel.full_name, PredictProperties.full_name))
            if topic.name == "training.commands"
            else replace(topic, types=tuple(set(topic.types) - {PredictProperties.full_name}))
            for topic in topics.entries
        )
    )
    check_table(topics, {TrainModel: toy.HANDLERS[TrainModel]})
    with pytest.raises(ValueError, match=r"PredictProperties, for which there is no handler"):
        check_table(both, {TrainModel: toy.HANDLERS[TrainModel]})
    light = toy.HANDLERS[SingleStructurePredict]
    with pytest.raises(ValueError, match=r"mixes heavy and light"):
        check_table(both, {TrainModel: toy.HANDLERS[TrainModel], PredictProperties: light})


def test_a_worker_knows_every_event_that_it_may_publish() -> None:
    events = published_types(load_topics(), toy.HANDLERS)
    assert CommandProgressed in events
    assert {row.failure for row in toy.HANDLERS.values()} <= set(events)
    assert set(types_by_topic(load_topics(), toy.HANDLERS)) >= {TOPIC, "training.commands"}
