"""A small fleet in this process, on the ports' fakes, that says what a test wants said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from molfleet.blobs.memory import MemoryBlobs
from molfleet.broker.memory import MemoryBroker
from molfleet.broker.port import Incoming, Outgoing
from molfleet.broker.topics import Topics, load_topics
from molfleet.client import FleetClient
from molfleet.client.build import new
from molfleet.errors import Code
from molfleet.messages.codec import Codec
from molfleet.messages.generated import (
    BlobRef,
    CalculateFeatureVectors,
    CommandProgressed,
    FeatureVectorsCalculated,
    FeatureVectorsCalculationFailed,
)
from molfleet.messages.record import Command, Event
from molfleet.runtime.announce import Announcer, Origin
from molfleet.runtime.assembly import event_topics
from molfleet.runtime.dead_letters import dead_letter
from molfleet.settings import Settings

PATIENCE_S = 20.0


class World:
    """Broker, store and the words that workers would say."""

    def __init__(self) -> None:
        self.broker = MemoryBroker()
        self.store = MemoryBlobs()
        self.topics: Topics = load_topics()
        self.codec = Codec()
        self.announcer = Announcer(self.codec, event_topics(self.topics), "test", "1")
        for topic in self.topics.all:
            self.broker.create_topic(topic.name, 2)

    @asynccontextmanager
    async def client(self, **options: bool) -> AsyncIterator[FleetClient]:
        async with FleetClient(
            Settings(), broker=self.broker, store=self.store, topics=self.topics, **options
        ) as client:
            yield client

    async def taken(self, command: Command) -> Incoming:
        """The command as a worker finds it."""
        topic = self.topics.command_topic_of(command.full_name)
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for record in self.broker.records(topic):
                    if self.codec.decode(record.value) == command:
                        return record
                await asyncio.sleep(0.005)

    async def say(self, command: Command, *events: Event, generation: int = 1) -> None:
        """Publish events about a command, headers and all."""
        origin = Origin(command.full_name, command, (), generation)
        await self.send(*(self.announcer.message(origin, event) for event in events))

    async def bury(self, record: Incoming, reason: str, message: str = "why") -> None:
        topic = self.topics.dead_letters_of(record.topic)
        await self.send(dead_letter(record, topic, "g", reason, message))

    async def send(self, *messages: Outgoing) -> None:
        producer = self.broker.producer()
        await producer.start()
        await producer.publish(messages)
        await producer.stop()


def command(**fields: Any) -> CalculateFeatureVectors:
    return new(
        CalculateFeatureVectors,
        source={"bucket": "in", "key": "a.sdf"},
        featurizers=[{"type": "MACCS"}],
        **fields,
    )


def done(about: Command, records: int = 3) -> FeatureVectorsCalculated:
    ref = BlobRef(bucket="out", key="features.parquet")
    counts = {"records": records, "structures": records, "failed": 0, "columns": 1}
    return FeatureVectorsCalculated.answer(about, output=ref, summary=ref, **counts)


def failed(about: Command, code: Code = Code.BLOB_NOT_FOUND) -> FeatureVectorsCalculationFailed:
    return FeatureVectorsCalculationFailed.answer(
        about, code=code, message="a.sdf is not there.", retryable=False
    )


def progressed(about: Command, fraction: float) -> CommandProgressed:
    return CommandProgressed.answer(
        about, command_type=about.full_name, attempt=1, stage="work", fraction=fraction, worker="w"
    )
