"""What operations work with: the broker, the store, and how records are read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from molfleet.blobs.factory import open_store
from molfleet.blobs.port import BlobStore
from molfleet.broker.port import Broker, Incoming, Outgoing, Placed
from molfleet.broker.topics import Topics, load_topics
from molfleet.ledger.receipts import Receipts, StoredEvent
from molfleet.messages.codec import Codec
from molfleet.messages.directory import SchemaDirectory
from molfleet.messages.factory import open_codec
from molfleet.messages.record import Event, Record
from molfleet.runtime.intake import Intake
from molfleet.settings import Settings


@dataclass(frozen=True)
class Session:
    """Adapters built once from the settings; nothing is connected before it is used."""

    settings: Settings
    broker: Broker
    store: BlobStore
    topics: Topics
    codec: Codec

    @property
    def receipts(self) -> Receipts:
        return Receipts(self.store, self.settings.state_bucket, self.settings.topic_prefix)

    async def decode(self, record: Incoming) -> Record | None:
        """A record of any topic, or None where it cannot be read. Raises Unavailable."""
        return await self._intake.decode(record)

    async def decode_stored(self, stored: StoredEvent) -> Event | None:
        """An event as a receipt keeps it: written by a worker, so with a schema of ours."""
        record = self.codec.decode(stored.value)
        return record if isinstance(record, Event) else None

    def dead_letter_topics(self, command_topic: str | None = None) -> list[str]:
        """All dead-letter topics, or that of one command topic. Raises ValueError with the known ones."""
        known = {topic: self.topics.dead_letters_of(topic) for topic in self.topics.command_topics}
        if command_topic is None:
            return list(known.values())
        for name in (command_topic, self.settings.topic_prefix + command_topic):
            if name in known:
                return [known[name]]
        raise ValueError(f"{command_topic} is no command topic; known: {', '.join(known)}")

    @asynccontextmanager
    async def publishing(self) -> AsyncIterator[Callable[[Outgoing], Awaitable[Placed]]]:
        """A function that publishes one record and returns where it lies."""
        largest = max(topic.max_message_bytes for topic in self.topics.all)
        producer = self.broker.producer(max_bytes=largest)
        await producer.start()
        try:

            async def publish(message: Outgoing) -> Placed:
                return (await producer.publish([message]))[0]

            yield publish
        finally:
            await producer.stop()

    @property
    def _intake(self) -> Intake:
        return Intake(self.codec, SchemaDirectory(self.codec, self.broker, self.topics.schemas), {})


def open_session(settings: Settings) -> Session:
    """Adapters as the settings name them. Raises SettingsError."""
    from molfleet.broker.kafka import KafkaBroker

    return Session(
        settings=settings,
        broker=KafkaBroker(settings.kafka, client_id="molfleet-operations"),
        store=open_store(settings),
        topics=load_topics().with_prefix(settings.topic_prefix),
        codec=open_codec(settings),
    )
