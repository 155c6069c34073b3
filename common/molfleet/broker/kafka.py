"""The broker port on Apache Kafka, by aiokafka."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import TYPE_CHECKING

from aiokafka.client import AIOKafkaClient

from molfleet.broker.kafka_connection import Connection, closed_quietly, within
from molfleet.broker.kafka_consumer import KafkaConsumer
from molfleet.broker.kafka_producer import KafkaProducer
from molfleet.broker.kafka_reader import KafkaReader
from molfleet.broker.port import Broker, RebalanceListener
from molfleet.settings import KafkaSettings

_PING_S = 5.0


class KafkaBroker:
    """Makes consumers, readers and producers; nothing is connected before their `start`."""

    def __init__(self, settings: KafkaSettings, client_id: str) -> None:
        self._connection = Connection(settings, client_id)
        self._pinging = asyncio.Lock()

    def consumer(self, topics: Collection[str], group: str, listener: RebalanceListener) -> KafkaConsumer:
        return KafkaConsumer(self._connection, topics, group, listener, self.ping)

    def reader(self, topics: Collection[str], *, from_beginning: bool = True) -> KafkaReader:
        return KafkaReader(self._connection, topics, from_beginning, self.ping)

    def producer(self, *, max_bytes: int | None = None) -> KafkaProducer:
        return KafkaProducer(self._connection, max_bytes)

    async def ping(self) -> None:
        """A new connection each time: an old one says little of a broker that was stopped."""
        seconds = min(_PING_S, self._connection.timeout_s)
        options = {**self._connection.options(), "request_timeout_ms": int(seconds * 1000)}
        async with self._pinging:
            client = AIOKafkaClient(**options)
            try:
                await self._connection.started(within(seconds, client.bootstrap()), "asking the broker")
            finally:
                await closed_quietly(client.close(), seconds)


if TYPE_CHECKING:
    _fits_the_port: type[Broker] = KafkaBroker
