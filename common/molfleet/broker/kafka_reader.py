"""Reads whole Kafka topics outside any group: control, schemas, the events that a client waits for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from molfleet.broker.kafka_connection import Connection, closed_quietly, translated, within
from molfleet.broker.kafka_records import incoming, require
from molfleet.broker.port import BrokerDenied, BrokerUnavailable, CommitRefused, Incoming, Partition

PROOF_OF_LIFE_S = 10.0
_CLOSE_S = 10.0


class KafkaReader:
    """Keeps its own positions, because aiokafka forgets them whenever a topic gets more partitions."""

    def __init__(
        self,
        connection: Connection,
        topics: Collection[str],
        from_beginning: bool,
        ping: Callable[[], Awaitable[None]],
    ) -> None:
        self._connection = connection
        self._topics = sorted(topics)
        self._from_beginning = from_beginning
        self._ping = ping
        self._doing = f"reading {', '.join(self._topics)}"
        self._client: AIOKafkaConsumer | None = None
        self._fetch: asyncio.Task[dict[Any, list[Any]]] | None = None
        self._positions: dict[Partition, int] = {}
        self._goals: dict[Partition, int] = {}
        self._last_sign = 0.0

    async def start(self) -> None:
        client = AIOKafkaConsumer(
            **self._connection.options(),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            fetch_max_bytes=self._connection.settings.fetch_max_bytes,
        )
        try:
            await self._connection.started(client.start(), self._doing)
            with translated(self._doing):
                await within(self._connection.timeout_s, self._take_bearings(client))
        except BaseException:
            await closed_quietly(client.stop(), _CLOSE_S)
            raise
        self._client = client
        self._last_sign = time.monotonic()

    async def _take_bearings(self, client: AIOKafkaConsumer) -> None:
        """Where the topics end now, and where to go on: at our own positions after a fault."""
        await require(client, self._topics)
        client.subscribe(self._topics)
        while {source.topic for source in client.assignment()} != set(self._topics):
            await asyncio.sleep(0.01)
        ends = await client.end_offsets(list(client.assignment()))
        again = bool(self._positions)
        for source, end in ends.items():
            partition = Partition(*source)
            if not again:
                self._goals[partition] = end
                self._positions[partition] = 0 if self._from_beginning else end
            if position := self._positions.get(partition, 0):
                client.seek(source, position)

    async def stop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await closed_quietly(client.stop(), _CLOSE_S)
        fetch, self._fetch = self._fetch, None
        if fetch is not None:
            fetch.cancel()
            await asyncio.wait({fetch})
            if not fetch.cancelled():
                fetch.exception()

    async def poll(self, timeout_s: float, max_records: int | None = None) -> list[Incoming]:
        if self._client is None:
            await self.start()
        client = self._required()
        if self._fetch is None:
            self._fetch = asyncio.ensure_future(
                client.getmany(timeout_ms=int(timeout_s * 1000), max_records=max_records)
            )
        done, _ = await asyncio.wait({self._fetch}, timeout=timeout_s + 0.05)
        found: list[Incoming] = []
        if done:
            task, self._fetch = self._fetch, None
            try:
                with translated(self._doing):
                    batches = task.result()
            except Exception:
                await self.stop()
                raise
            for source, records in batches.items():
                found += self._new_ones(client, source, [incoming(record) for record in records])
        if found:
            self._last_sign = time.monotonic()
        elif time.monotonic() - self._last_sign > PROOF_OF_LIFE_S:
            await self._ping()
            self._last_sign = time.monotonic()
        return found

    def _new_ones(
        self, client: AIOKafkaConsumer, source: TopicPartition, records: list[Incoming]
    ) -> list[Incoming]:
        partition = Partition(*source)
        position = self._positions.get(partition, 0)
        new = [record for record in records if record.offset >= position]
        if new:
            self._positions[partition] = new[-1].offset + 1
        elif records and source in client.assignment():
            client.seek(source, position)
        return new

    async def caught_up(self) -> bool:
        if any([not await self._reached(each, goal) for each, goal in self._goals.items()]):
            return False
        return self._client is not None

    async def _reached(self, partition: Partition, goal: int) -> bool:
        if self._positions.get(partition, 0) >= goal:
            return True
        # The last offsets may be markers or compacted away: they are passed, but never delivered.
        if self._client is None or self._fetch is not None:
            return False
        try:
            with translated(self._doing):
                position: int = await within(1.0, self._client.position(TopicPartition(*partition)))
        except (BrokerUnavailable, BrokerDenied, CommitRefused):
            return False
        return position >= goal

    def _required(self) -> AIOKafkaConsumer:
        if self._client is None:
            raise BrokerUnavailable(f"{self._doing}: not connected")
        return self._client
