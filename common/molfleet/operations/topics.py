"""Bring a cluster's topics to what topics.yaml says: create, add partitions, set configuration.

Never deletes a topic, never takes partitions away, never changes how many replicas a topic has: where
the file asks for such a thing, the difference is shown and left to people.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from molfleet.broker.kafka_admin import KafkaAdmin, TopicState
from molfleet.broker.topics import Topic, Topics
from molfleet.settings import KafkaSettings

Kind = Literal["create", "partitions", "config", "left alone"]


class Admin(Protocol):
    """What is asked of a cluster (see KafkaAdmin)."""

    async def existing(self, names: list[str]) -> dict[str, TopicState]: ...

    async def create(
        self, name: str, *, partitions: int, replication: int, config: Mapping[str, str]
    ) -> None: ...

    async def add_partitions(self, name: str, total: int) -> None: ...

    async def configure(self, name: str, config: Mapping[str, str]) -> None: ...

    async def wait_for(self, partitions: Mapping[str, int]) -> None: ...


@dataclass(frozen=True)
class Change:
    """One difference. `left alone` is shown, not applied."""

    topic: str
    kind: Kind
    text: str
    partitions: int = 0
    replication: int = 0
    config: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        sign = {"create": "+", "partitions": "~", "config": "~", "left alone": "!"}[self.kind]
        return f"{sign} {self.topic}: {self.text}"


@dataclass(frozen=True)
class Diff:
    """What differs between the file and the cluster, topic by topic."""

    changes: tuple[Change, ...]

    @property
    def to_apply(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.kind != "left alone")

    @property
    def empty(self) -> bool:
        """Whether there is nothing to apply."""
        return not self.to_apply

    def __str__(self) -> str:
        return "\n".join(map(str, self.changes)) or "Every topic is as it should be."


def compare(
    wanted: Iterable[Topic], existing: Mapping[str, TopicState], replication: int | None = None
) -> Diff:
    """The differences; `replication` overrides what the file says of every topic."""
    changes: list[Change] = []
    for topic in wanted:
        replicas = replication or topic.replication
        state = existing.get(topic.name)
        changes += [_creation(topic, replicas)] if state is None else _corrections(topic, replicas, state)
    return Diff(tuple(changes))


def _config(topic: Topic, replication: int) -> dict[str, str]:
    """An acknowledged record must outlive one broker, where there are enough brokers for that."""
    return {**topic.config, "min.insync.replicas": "2" if replication >= 3 else "1"}


def _creation(topic: Topic, replication: int) -> Change:
    config = _config(topic, replication)
    said = ", ".join(f"{key}={value}" for key, value in config.items())
    text = f"create with {topic.partitions} partitions, {replication} replicas, {said}"
    return Change(topic.name, "create", text, topic.partitions, replication, config)


def _corrections(topic: Topic, replication: int, state: TopicState) -> Iterable[Change]:
    if state.partitions < topic.partitions:
        text = f"partitions {state.partitions} -> {topic.partitions}"
        yield Change(topic.name, "partitions", text, partitions=topic.partitions)
    elif state.partitions > topic.partitions:
        text = f"has {state.partitions} partitions, the file says {topic.partitions}; none is taken away"
        yield Change(topic.name, "left alone", text)
    if state.replication != replication:
        text = (
            f"has {state.replication} replicas, {replication} are asked for; moving replicas is left to "
            "Kafka's own kafka-reassign-partitions"
        )
        yield Change(topic.name, "left alone", text)
    config = _config(topic, state.replication)
    different = {key: value for key, value in config.items() if state.config.get(key) != value}
    if different:
        text = ", ".join(
            f"{key} {state.config.get(key, 'not set')} -> {value}" for key, value in different.items()
        )
        yield Change(topic.name, "config", text, config=different)


async def plan(admin: Admin, topics: Topics, *, replication: int | None = None) -> Diff:
    """What `apply` would do."""
    return compare(topics.all, await admin.existing([topic.name for topic in topics.all]), replication)


async def apply(admin: Admin, topics: Topics, *, replication: int | None = None) -> Diff:
    """Make the cluster so, wait until it is, and return what was done.

    Raises TopicRefused, BrokerUnavailable, BrokerDenied; what was done before stays, and applying
    again goes on from there.
    """
    diff = await plan(admin, topics, replication=replication)
    for change in diff.to_apply:
        if change.kind == "create":
            await admin.create(
                change.topic,
                partitions=change.partitions,
                replication=change.replication,
                config=change.config,
            )
        elif change.kind == "partitions":
            await admin.add_partitions(change.topic, change.partitions)
        else:
            await admin.configure(change.topic, change.config)
    if not diff.empty:
        await admin.wait_for({topic.name: topic.partitions for topic in topics.all})
    return diff


async def plan_topics(settings: KafkaSettings, topics: Topics, *, replication: int | None = None) -> Diff:
    async with KafkaAdmin(settings) as admin:
        return await plan(admin, topics, replication=replication)


async def apply_topics(settings: KafkaSettings, topics: Topics, *, replication: int | None = None) -> Diff:
    async with KafkaAdmin(settings) as admin:
        return await apply(admin, topics, replication=replication)
