"""A cluster's topics, and changes to them; a group's positions. Nothing here deletes or shrinks."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from aiokafka import OffsetAndMetadata, TopicPartition, errors
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from molfleet.broker.kafka_connection import Connection, closed_quietly, translated, within
from molfleet.broker.port import Committed, Partition
from molfleet.settings import KafkaSettings

_SET_ON_THE_TOPIC = 1  # Kafka's ConfigSource DYNAMIC_TOPIC_CONFIG
_CLOSE_S = 5.0


class TopicRefused(Exception):
    """The cluster would not make or change a topic so; the message names topic and reason."""


@dataclass(frozen=True)
class TopicState:
    """A topic as the cluster has it; `config` holds only what was set on the topic itself."""

    partitions: int
    replication: int
    config: Mapping[str, str]


class KafkaAdmin:
    """`async with KafkaAdmin(settings) as admin`. Raises BrokerUnavailable, BrokerDenied."""

    def __init__(self, settings: KafkaSettings, client_id: str = "molfleet-admin") -> None:
        self._connection = Connection(settings, client_id)
        self._client: Any = None

    async def __aenter__(self) -> Self:
        self._client = AIOKafkaAdminClient(**self._connection.options())
        try:
            await self._connection.started(self._client.start(), "connecting to the cluster")
        except BaseException:
            await closed_quietly(self._client._client.close(), _CLOSE_S)
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await closed_quietly(self._client.close(), _CLOSE_S)

    async def existing(self, names: Collection[str]) -> dict[str, TopicState]:
        """Those of `names` that exist."""
        found = await self._topics(names)
        config = await self._config(found)
        return {
            name: TopicState(len(replicas), len(replicas[0]), config.get(name, {}))
            for name, replicas in found.items()
        }

    async def create(
        self, name: str, *, partitions: int, replication: int, config: Mapping[str, str]
    ) -> None:
        """Raises TopicRefused; a topic that somebody else has just made is none of it."""
        topic = NewTopic(name, partitions, replication, topic_configs=dict(config))
        response = await self._asked(f"creating {name}", self._client.create_topics([topic]))
        for _, code, message, *_ in response.topic_errors:
            fault = errors.for_code(code)
            if code and fault is not errors.TopicAlreadyExistsError:
                _refuse(f"creating {name}", fault, message)

    async def add_partitions(self, name: str, total: int) -> None:
        with translated(f"adding partitions to {name}"):
            try:
                await within(
                    self._connection.timeout_s,
                    self._client.create_partitions({name: NewPartitions(total)}),
                )
            except errors.InvalidPartitionsError as error:
                raise TopicRefused(str(error)) from error

    async def configure(self, name: str, config: Mapping[str, str]) -> None:
        """Set `config` on the topic, beside what is set there already. Raises TopicRefused."""
        # This request replaces all that is set on the topic, so what is there goes with it.
        known = (await self._config([name])).get(name, {})
        resource = ConfigResource(ConfigResourceType.TOPIC, name, {**known, **config})
        asked = self._client.alter_configs([resource])
        for response in await self._asked(f"configuring {name}", asked):
            for code, message, *_ in response.resources:
                if code:
                    _refuse(f"configuring {name}", errors.for_code(code), message)

    async def committed(self, group: str, partitions: Collection[Partition]) -> dict[Partition, Committed]:
        """The group's positions with their notes; what was never committed is left out."""
        wanted = [TopicPartition(*partition) for partition in partitions]

        async def ask() -> Mapping[TopicPartition, OffsetAndMetadata]:
            while True:
                try:
                    return dict(await self._client.list_consumer_group_offsets(group, partitions=wanted))
                except errors.KafkaError as error:
                    if not error.retriable:
                        raise
                await asyncio.sleep(0.2)

        found = await self._asked(f"reading the committed offsets of {group}", ask())
        return {
            Partition(*partition): Committed(position.offset, position.metadata)
            for partition, position in found.items()
            if position.offset >= 0
        }

    async def wait_for(self, partitions: Mapping[str, int], timeout_s: float = 30.0) -> None:
        """Until each topic has that many partitions with a leader, as the brokers tell their clients."""

        async def all_there() -> None:
            while True:
                found = await self._topics(partitions)
                if all(len(found.get(name, ())) >= count for name, count in partitions.items()):
                    return
                await asyncio.sleep(0.1)

        with translated("waiting for the topics"):
            await within(timeout_s, all_there())

    async def _topics(self, names: Collection[str]) -> dict[str, list[list[int]]]:
        """The replicas of each led partition, by topic."""
        if not names:
            return {}
        described = await self._asked("asking for topics", self._client.describe_topics(sorted(names)))
        return {
            topic["topic"]: [
                partition["replicas"] for partition in topic["partitions"] if partition["leader"] >= 0
            ]
            for topic in described
            if not topic["error_code"]
        }

    async def _config(self, names: Collection[str]) -> dict[str, dict[str, str]]:
        if not names:
            return {}
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in sorted(names)]
        responses = await self._asked("reading topics", self._client.describe_configs(resources))
        found: dict[str, dict[str, str]] = {}
        for response in responses:
            for code, message, _, name, entries in response.resources:
                if code:
                    _refuse(f"reading {name}", errors.for_code(code), message)
                found[name] = {
                    key: value
                    for key, value, _, source, *_ in entries
                    if source == _SET_ON_THE_TOPIC and value is not None
                }
        return found

    async def _asked(self, doing: str, request: Any) -> Any:
        with translated(doing):
            return await within(self._connection.timeout_s, request)


def _refuse(doing: str, fault: type[errors.KafkaError], message: str | None) -> None:
    if fault.retriable or "Authorization" in fault.__name__:
        with translated(doing):
            raise fault(message)
    raise TopicRefused(f"{doing}: {message or fault.__name__}")
