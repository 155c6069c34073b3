"""The differences between topics.yaml and a cluster, and what is done about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from molfleet.broker.kafka_admin import TopicState
from molfleet.broker.topics import Topic, Topics
from molfleet.operations.topics import apply, compare, plan

WANTED = Topic("a.commands", "us", (), 4, 3, 3_600_000, 1 << 20)
CONFIG = {
    "cleanup.policy": "delete",
    "message.timestamp.type": "LogAppendTime",
    "retention.ms": "3600000",
    "max.message.bytes": "1048576",
    "min.insync.replicas": "2",
}
AS_WANTED = TopicState(4, 3, CONFIG)


class Cluster:
    """A cluster that does at once what it is asked, and remembers the order."""

    def __init__(self, **topics: TopicState) -> None:
        self.topics = dict(topics)
        self.done: list[str] = []

    async def existing(self, names: list[str]) -> dict[str, TopicState]:
        return {name: state for name, state in self.topics.items() if name in names}

    async def create(
        self, name: str, *, partitions: int, replication: int, config: Mapping[str, str]
    ) -> None:
        self.done.append(f"create {name}")
        self.topics[name] = TopicState(partitions, replication, dict(config))

    async def add_partitions(self, name: str, total: int) -> None:
        self.done.append(f"partitions {name}")
        self.topics[name] = replace(self.topics[name], partitions=total)

    async def configure(self, name: str, config: Mapping[str, str]) -> None:
        self.done.append(f"configure {name}")
        state = self.topics[name]
        self.topics[name] = replace(state, config={**state.config, **config})

    async def wait_for(self, partitions: Mapping[str, int]) -> None:
        self.done.append("wait")


def test_a_topic_that_is_as_it_should_be_is_no_difference() -> None:
    diff = compare([WANTED], {"a.commands": AS_WANTED})
    assert diff.empty
    assert diff.changes == ()
    assert str(diff) == "Every topic is as it should be."


def test_a_missing_topic_is_created_with_everything() -> None:
    (change,) = compare([WANTED], {}).changes
    assert (change.kind, change.partitions, change.replication) == ("create", 4, 3)
    assert change.config == CONFIG


def test_too_few_partitions_are_added_to() -> None:
    diff = compare([WANTED], {"a.commands": replace(AS_WANTED, partitions=3)})
    assert str(diff) == "~ a.commands: partitions 3 -> 4"


def test_partitions_are_never_taken_away() -> None:
    diff = compare([WANTED], {"a.commands": replace(AS_WANTED, partitions=9)})
    assert diff.empty
    assert str(diff) == "! a.commands: has 9 partitions, the file says 4; none is taken away"


def test_replicas_of_an_existing_topic_are_shown_and_left_alone() -> None:
    state = TopicState(4, 1, {**CONFIG, "min.insync.replicas": "1"})
    diff = compare([WANTED], {"a.commands": state})
    assert diff.empty
    assert [change.kind for change in diff.changes] == ["left alone"]


def test_only_configuration_that_differs_is_set_and_what_others_set_stays() -> None:
    config = {**CONFIG, "retention.ms": "7", "compression.type": "zstd"}
    (change,) = compare([WANTED], {"a.commands": replace(AS_WANTED, config=config)}).changes
    assert (change.kind, change.config) == ("config", {"retention.ms": "3600000"})
    assert change.text == "retention.ms 7 -> 3600000"


def test_replication_can_be_overridden_for_a_cluster_of_one() -> None:
    (change,) = compare([WANTED], {}, replication=1).changes
    assert change.replication == 1
    assert change.config["min.insync.replicas"] == "1"


def test_the_topics_own_minimum_of_replicas_fits_those_that_it_has() -> None:
    single = TopicState(4, 1, {**CONFIG, "min.insync.replicas": "1"})
    assert compare([WANTED], {"a.commands": single}, replication=1).changes == ()


async def test_applying_does_what_was_planned_and_a_second_time_nothing() -> None:
    topics = Topics((WANTED, replace(WANTED, name="b"), replace(WANTED, name="c")), prefix="p-")
    cluster = Cluster(
        **{
            "p-b": replace(AS_WANTED, partitions=2),
            "p-c": replace(AS_WANTED, config={}),
            "foreign": AS_WANTED,
        }
    )
    planned = await plan(cluster, topics)
    assert cluster.done == []
    assert await apply(cluster, topics) == planned
    assert cluster.done == ["create p-a.commands", "partitions p-b", "configure p-c", "wait"]
    assert cluster.topics["p-a.commands"] == AS_WANTED
    cluster.done.clear()
    assert (await apply(cluster, topics)).changes == ()
    assert cluster.done == []
    assert cluster.topics["foreign"] == AS_WANTED
