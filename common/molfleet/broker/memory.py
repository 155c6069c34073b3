"""A broker within one process: the contract of port.py on virtual topics and groups."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

from molfleet.broker.memory_consumer import MemoryConsumer
from molfleet.broker.memory_log import Cluster
from molfleet.broker.memory_reader import MemoryReader
from molfleet.broker.port import (
    Broker,
    Committed,
    Consumer,
    Incoming,
    MessageTooLarge,
    Outgoing,
    Partition,
    Placed,
    RebalanceListener,
)


def _wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


class MemoryBroker:
    """Virtual brokers that several consumers, readers and producers of one event loop share.

    A topic that was not created has `default_partitions`; None refuses it, as a real broker does.
    Setting `unavailable` makes every call fail with BrokerUnavailable until it is cleared.
    """

    def __init__(
        self,
        *,
        default_partitions: int | None = 1,
        max_request_bytes: int = 2 << 20,
        max_message_bytes: int = 2 << 20,
        now_ms: Callable[[], int] = _wall_clock_ms,
    ) -> None:
        self._cluster = Cluster(default_partitions, max_message_bytes, now_ms)
        self._max_request_bytes = max_request_bytes

    @property
    def unavailable(self) -> bool:
        return self._cluster.unavailable

    @unavailable.setter
    def unavailable(self, value: bool) -> None:
        self._cluster.unavailable = value
        self._cluster.notify()

    def create_topic(self, name: str, partitions: int = 1, *, max_message_bytes: int | None = None) -> None:
        self._cluster.create_topic(name, partitions, max_message_bytes)

    def records(self, topic: str) -> list[Incoming]:
        """All that was published to `topic`, partition after partition."""
        return [record for log in self._cluster.topic(topic).logs for record in log]

    def committed(self, group: str) -> dict[Partition, Committed]:
        return dict(self._cluster.group(group).committed)

    def expel(self, consumer: Consumer) -> None:
        """As after a session timeout: the member is out and does not know; its next poll joins anew."""
        if not isinstance(consumer, MemoryConsumer):
            raise TypeError(f"{consumer!r} is no consumer of a broker in memory")
        consumer.expel()

    def consumer(self, topics: Collection[str], group: str, listener: RebalanceListener) -> MemoryConsumer:
        return MemoryConsumer(self._cluster, self._cluster.group(group), topics, listener)

    def reader(self, topics: Collection[str], *, from_beginning: bool = True) -> MemoryReader:
        return MemoryReader(self._cluster, topics, from_beginning)

    def producer(self, *, max_bytes: int | None = None) -> MemoryProducer:
        return MemoryProducer(self._cluster, max_bytes or self._max_request_bytes)

    async def ping(self) -> None:
        self._cluster.check()


class MemoryProducer:
    def __init__(self, cluster: Cluster, max_bytes: int) -> None:
        self._cluster = cluster
        self._max_bytes = max_bytes

    async def start(self) -> None:
        self._cluster.check()

    async def stop(self) -> None:
        return None

    async def publish(self, messages: Sequence[Outgoing]) -> list[Placed]:
        self._cluster.check()
        for message in messages:
            limit = min(self._max_bytes, self._cluster.topic(message.topic).max_message_bytes)
            if (size := _size(message)) > limit:
                raise MessageTooLarge(
                    f"a record of {size} bytes for {message.topic} is over the limit of {limit} bytes"
                )
        return [self._cluster.append(message) for message in messages]


def _size(message: Outgoing) -> int:
    """About what the record takes on a real broker, which counts its batch's 61-byte header as well."""
    headers = sum(len(name.encode()) + len(value or b"") + 2 for name, value in message.headers)
    return 71 + len(message.key or b"") + len(message.value or b"") + headers


if TYPE_CHECKING:
    _fits_the_port: type[Broker] = MemoryBroker
