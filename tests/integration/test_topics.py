"""The fleet's topics on a real cluster: applied twice, grown, and never shrunk."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest

from molfleet.broker.kafka_admin import KafkaAdmin, TopicRefused
from molfleet.broker.topics import Topics, load_topics
from molfleet.operations.topics import apply_topics, plan_topics
from molfleet.settings import KafkaSettings

pytestmark = pytest.mark.real


@pytest.fixture
def settings(kafka_broker: str) -> KafkaSettings:
    return KafkaSettings(bootstrap=kafka_broker, request_timeout_ms=10_000)


@pytest.fixture
def topics() -> Topics:
    return load_topics().with_prefix(f"{uuid4().hex[:8]}.")


async def test_the_second_time_there_is_nothing_to_do(settings: KafkaSettings, topics: Topics) -> None:
    first = await apply_topics(settings, topics, replication=1)
    assert [change.kind for change in first.changes] == ["create"] * len(topics.all)
    assert (await apply_topics(settings, topics, replication=1)).changes == ()
    async with KafkaAdmin(settings) as admin:
        found = await admin.existing([topic.name for topic in topics.all])
    for topic in topics.all:
        state = found[topic.name]
        assert (state.partitions, state.replication) == (topic.partitions, 1)
        assert state.config == {**topic.config, "min.insync.replicas": "1"}


async def test_partitions_and_configuration_follow_the_file_and_nothing_is_taken_away(
    settings: KafkaSettings, topics: Topics
) -> None:
    name = topics.progress
    await apply_topics(settings, topics, replication=1)
    async with KafkaAdmin(settings) as admin:
        await admin.configure(name, {"compression.type": "zstd"})
    changed = [
        replace(entry, partitions=14, retention_ms=7_200_000) if entry.name in name else entry
        for entry in topics.entries
    ]
    grown = Topics(tuple(changed), topics.prefix)
    diff = await apply_topics(settings, grown, replication=1)
    assert [str(change) for change in diff.changes] == [
        f"~ {name}: partitions 12 -> 14",
        f"~ {name}: retention.ms 86400000 -> 7200000",
    ]
    assert (await plan_topics(settings, grown, replication=1)).changes == ()
    back = await apply_topics(settings, topics, replication=1)
    assert [change.kind for change in back.changes] == ["left alone", "config"]
    async with KafkaAdmin(settings) as admin:
        state = (await admin.existing([name]))[name]
    assert state.partitions == 14
    assert state.config["retention.ms"] == "86400000"
    assert state.config["compression.type"] == "zstd"


async def test_two_who_apply_at_once_both_succeed(settings: KafkaSettings, topics: Topics) -> None:
    await asyncio.gather(*(apply_topics(settings, topics, replication=1) for _ in range(2)))
    assert (await plan_topics(settings, topics, replication=1)).empty


async def test_more_replicas_than_brokers_are_refused_by_name(
    settings: KafkaSettings, topics: Topics
) -> None:
    with pytest.raises(TopicRefused, match=topics.entries[0].name):
        await apply_topics(settings, topics, replication=3)
