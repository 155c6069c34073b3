"""The state that virtual brokers hold: records by partition, groups with their committed positions."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiokafka.partitioner import murmur2

from molfleet.broker.port import (
    BrokerUnavailable,
    Committed,
    Incoming,
    Outgoing,
    Partition,
    Placed,
    partition_of_turn,
)

if TYPE_CHECKING:
    from molfleet.broker.memory_consumer import MemoryConsumer


@dataclass
class Topic:
    logs: list[list[Incoming]]
    max_message_bytes: int
    turn: itertools.count[int] = field(default_factory=itertools.count)

    def partition_of(self, key: bytes | None) -> int:
        """As Kafka's default: one key, one partition; without a key each in turn."""
        number = next(self.turn) if key is None else murmur2(key) & 0x7FFFFFFF
        return int(number % len(self.logs))


class Cluster:
    def __init__(
        self, default_partitions: int | None, max_message_bytes: int, now_ms: Callable[[], int]
    ) -> None:
        self.unavailable = False
        self._default_partitions = default_partitions
        self._max_message_bytes = max_message_bytes
        self._now_ms = now_ms
        self._topics: dict[str, Topic] = {}
        self._groups: dict[str, Group] = {}
        self._waiting: set[asyncio.Event] = set()

    def check(self) -> None:
        if self.unavailable:
            raise BrokerUnavailable("the broker in memory is set to be unavailable")

    def create_topic(self, name: str, partitions: int, max_message_bytes: int | None) -> None:
        if name in self._topics:
            raise ValueError(f"topic {name} exists")
        limit = self._max_message_bytes if max_message_bytes is None else max_message_bytes
        self._topics[name] = Topic([[] for _ in range(partitions)], limit)

    def topic(self, name: str) -> Topic:
        if name not in self._topics:
            if self._default_partitions is None:
                raise BrokerUnavailable(f"there is no topic {name}")
            self.create_topic(name, self._default_partitions, None)
        return self._topics[name]

    def partitions(self, topics: frozenset[str]) -> list[Partition]:
        return [Partition(name, n) for name in sorted(topics) for n in range(len(self.topic(name).logs))]

    def log(self, partition: Partition) -> list[Incoming]:
        return self.topic(partition.topic).logs[partition.number]

    def append(self, message: Outgoing) -> Placed:
        topic = self.topic(message.topic)
        if message.turn is None:
            number = topic.partition_of(message.key)
        else:
            number = partition_of_turn(message.turn, len(topic.logs))
        log = topic.logs[number]
        log.append(
            Incoming(
                topic=message.topic,
                partition=number,
                offset=len(log),
                key=message.key,
                value=message.value,
                headers=tuple(message.headers),
                timestamp_ms=self._now_ms(),
            )
        )
        self.notify()
        return Placed(message.topic, number, len(log) - 1)

    def group(self, name: str) -> Group:
        return self._groups.setdefault(name, Group(self))

    def notify(self) -> None:
        """Wake all that wait for records, partitions or the end of an outage."""
        for event in self._waiting:
            event.set()

    async def wait(self, ready: Callable[[], bool], timeout_s: float) -> None:
        """Until `ready`, at most so long. An outage raises BrokerUnavailable."""
        event = asyncio.Event()
        self._waiting.add(event)
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    self.check()
                    if ready():
                        return
                    await event.wait()
                    event.clear()
        except TimeoutError:
            return
        finally:
            self._waiting.discard(event)


class Group:
    """One consumer group. Rebalances are eager: all give up everything, then all get their share."""

    def __init__(self, cluster: Cluster) -> None:
        self.committed: dict[Partition, Committed] = {}
        self._cluster = cluster
        self._members: list[MemoryConsumer] = []
        self._task: asyncio.Task[None] | None = None
        self._due = False

    def has(self, member: MemoryConsumer) -> bool:
        return member in self._members

    def join(self, member: MemoryConsumer) -> None:
        """Comes back at once; the rebalance follows, as on a real broker."""
        if member not in self._members:
            self._members.append(member)
            self._soon()

    def leave(self, member: MemoryConsumer) -> None:
        if member in self._members:
            self._members.remove(member)
            self._soon()

    def _soon(self) -> None:
        self._due = True
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._rebalance())

    async def _rebalance(self) -> None:
        while self._due:
            self._due = False
            members = list(self._members)
            for member in members:
                await member.give_up()
            topics = frozenset(topic for member in members for topic in member.topics)
            shares: dict[int, set[Partition]] = {id(member): set() for member in members}
            for turn, partition in enumerate(self._cluster.partitions(topics)):
                takers = [member for member in members if partition.topic in member.topics]
                shares[id(takers[turn % len(takers)])].add(partition)
            for member in members:
                if self.has(member):
                    await member.take(frozenset(shares[id(member)]))
            self._cluster.notify()
