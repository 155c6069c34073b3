"""What the contract is held with: topics on any broker, members that remember what they were told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol
from uuid import uuid4

from molfleet.broker.port import (
    Broker,
    Consumer,
    Incoming,
    Outgoing,
    Partition,
    Placed,
    Reader,
)

PATIENCE_S = 30.0
_POLL_S = 0.05


class Rig(Protocol):
    """A broker, and the one thing that the port leaves to others: making topics."""

    @property
    def broker(self) -> Broker: ...

    async def create(self, name: str, partitions: int, max_message_bytes: int | None) -> None: ...


class Member:
    """A listener that remembers, and its consumer. `during` is called within the callbacks."""

    def __init__(self) -> None:
        self.told: list[tuple[str, frozenset[Partition]]] = []
        self.during: dict[str, Callable[[frozenset[Partition]], Awaitable[Any]]] = {}
        self.consumer: Consumer

    async def revoked(self, partitions: frozenset[Partition]) -> None:
        self.told.append(("revoked", partitions))
        await self._call("revoked", partitions)

    async def assigned(self, partitions: frozenset[Partition]) -> None:
        self.told.append(("assigned", partitions))
        await self._call("assigned", partitions)

    async def _call(self, name: str, partitions: frozenset[Partition]) -> None:
        if name in self.during:
            await self.during[name](partitions)

    @property
    def share(self) -> frozenset[Partition]:
        return self.consumer.assignment()

    async def read(self, count: int) -> list[Incoming]:
        """Exactly so many records, by as many polls as it takes."""
        found: list[Incoming] = []
        async with asyncio.timeout(PATIENCE_S):
            while len(found) < count:
                found += await self.consumer.poll(_POLL_S)
        assert len(found) == count, f"{len(found)} records came where {count} were expected"
        return found

    async def read_nothing(self, polls: int = 5) -> None:
        for _ in range(polls):
            assert await self.consumer.poll(_POLL_S) == []


async def new_topic(rig: Rig, partitions: int = 1, max_message_bytes: int | None = None) -> str:
    name = f"contract-{uuid4().hex[:12]}"
    await rig.create(name, partitions, max_message_bytes)
    return name


@asynccontextmanager
async def member(rig: Rig, topic: str, group: str | None = None) -> AsyncIterator[Member]:
    """A started member; alone in its group where none is named."""
    made = Member()
    made.consumer = rig.broker.consumer([topic], group or f"group-of-{topic}", made)
    await made.consumer.start()
    try:
        yield made
    finally:
        await made.consumer.stop()


async def shared_out(topic: str, partitions: int, *members: Member) -> None:
    """Poll all members until the whole topic is theirs, each with an equal share."""
    everything = {Partition(topic, number) for number in range(partitions)}
    async with asyncio.timeout(PATIENCE_S):
        while True:
            await asyncio.gather(*(each.consumer.poll(_POLL_S) for each in members))
            shares = [each.share for each in members]
            if frozenset().union(*shares) == everything and all(
                len(share) == partitions // len(members) for share in shares
            ):
                return


async def publish(rig: Rig, *messages: Outgoing) -> list[Placed]:
    producer = rig.broker.producer()
    await producer.start()
    try:
        return await producer.publish(messages)
    finally:
        await producer.stop()


def numbered(topic: str, count: int, start: int = 0) -> list[Outgoing]:
    return [Outgoing(topic, f"{n}".encode(), f"value {n}".encode()) for n in range(start, start + count)]


@asynccontextmanager
async def reading(rig: Rig, *topics: str, from_beginning: bool = True) -> AsyncIterator[Reader]:
    reader = rig.broker.reader(topics, from_beginning=from_beginning)
    await reader.start()
    try:
        yield reader
    finally:
        await reader.stop()


async def read_until(reader: Reader, done: Callable[[list[Incoming]], bool]) -> list[Incoming]:
    found: list[Incoming] = []
    async with asyncio.timeout(PATIENCE_S):
        while not done(found):
            found += await reader.poll(_POLL_S)
    return found


async def read_to_the_end(reader: Reader) -> list[Incoming]:
    found: list[Incoming] = []
    async with asyncio.timeout(PATIENCE_S):
        while not await reader.caught_up():
            found += await reader.poll(_POLL_S)
    return found


def by_partition(records: Sequence[Incoming]) -> dict[Partition, list[int]]:
    offsets: dict[Partition, list[int]] = {}
    for record in records:
        offsets.setdefault(record.source, []).append(record.offset)
    return offsets
