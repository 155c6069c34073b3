"""A worker running in this process on given ports, and what its subscribers see."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from molfleet.blobs.local import LocalBlobs
from molfleet.blobs.port import BlobStore
from molfleet.broker.memory import MemoryBroker
from molfleet.broker.port import Headers, Incoming, Outgoing
from molfleet.broker.topics import Topics, load_topics
from molfleet.messages.codec import Codec
from molfleet.messages.record import Command, Event, TerminalEvent
from molfleet.runtime.steps import Step
from molfleet.runtime.worker import Worker
from molfleet.settings import Settings, load
from tests import toy

T = TypeVar("T")
PATIENCE_S = 30.0


class Fleet:
    """The ports, and workers on them. Children are real processes; only the broker is in memory."""

    def __init__(self, directory: Path, **settings: str) -> None:
        self.directory = directory
        self.settings: Settings = load(
            {
                "MOLFLEET_BLOBS_URL": f"file://{directory / 'blobs'}",
                "MOLFLEET_KAFKA_SESSION_TIMEOUT_MS": "2000",
                "MOLFLEET_WORKER_RETRY_PAUSE_S": "0.05",
                "MOLFLEET_WORKER_GRACE_S": "0.5",
                "MOLFLEET_WORKER_SINGLE_PROCESSES": "1",
                **settings,
            }
        )
        self.topics: Topics = load_topics()
        self.broker = MemoryBroker(default_partitions=2)
        self.store: BlobStore = LocalBlobs(directory / "blobs")
        self.codec = Codec()

    @asynccontextmanager
    async def worker(
        self,
        table: str = toy.TABLE,
        *,
        only: Sequence[str] = (),
        settings: Mapping[str, Any] | None = None,
        hook: Callable[[Step], Any] | None = None,
        store: BlobStore | None = None,
    ) -> AsyncIterator[Worker]:
        """A ready worker; stopped, and its failures raised, at the end of the block."""
        chosen = self.settings
        if settings:
            chosen = chosen.model_copy(update={"worker": chosen.worker.model_copy(update=dict(settings))})
        worker = Worker(
            chosen,
            "toy",
            table,
            broker=self.broker,
            store=store or self.store,
            topics=self.topics,
            only=only,
            **({"hook": hook} if hook else {}),
        )
        running = asyncio.create_task(worker.run())
        try:
            await until(lambda: running.done() or not worker.not_ready())
            if running.done():
                running.result()
            yield worker
        finally:
            if not worker.stopping:
                worker.stop()
            await asyncio.wait_for(running, PATIENCE_S)

    async def send(self, command: Command, headers: Headers = ()) -> None:
        await self.send_raw(
            self.topics.command_topic_of(command.full_name), self.codec.encode(command), headers
        )

    async def send_raw(self, topic: str, value: bytes | None, headers: Headers = ()) -> None:
        producer = self.broker.producer()
        await producer.start()
        await producer.publish([Outgoing(topic, b"key", value, headers)])
        await producer.stop()

    def events(self, command: Command) -> list[Event]:
        """The events about a command, in their topic's order, progress aside."""
        return [self.decoded(record) for record in self.records(command)]

    def records(self, command: Command) -> list[Incoming]:
        topic = self.topics.command_topic_of(command.full_name).replace(".commands", ".events")
        found = []
        for record in self.broker.records(topic):
            event = self.codec.decode(record.value or b"")
            if isinstance(event, Event) and event.id == command.id:
                found.append(record)
        return found

    def terminal(self, command: Command) -> list[TerminalEvent]:
        return [event for event in self.events(command) if isinstance(event, TerminalEvent)]

    def dead_letters(self, topic: str) -> list[Incoming]:
        return self.broker.records(self.topics.dead_letters_of(topic))

    def decoded(self, record: Incoming) -> Event:
        event = self.codec.decode(record.value or b"")
        assert isinstance(event, Event)
        return event

    def committed(self, topic: str) -> int:
        """Committed records of a topic over all partitions."""
        return sum(
            position.offset for position in self.broker.committed(self.topics.group_of(topic)).values()
        )

    async def outcome(self, command: Command) -> TerminalEvent:
        await until(lambda: bool(self.terminal(command)))
        return self.terminal(command)[0]

    def outputs(self, command_id: UUID) -> list[str]:
        """Keys of all blobs that any attempt at a command has left in the output bucket."""
        return [
            info.key
            for info in self.store.list(self.settings.output_bucket, "molfleet/")
            if f"/{command_id}/" in info.key
        ]


async def until(condition: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
    """Returns when the condition holds; fails past the bound."""
    async with asyncio.timeout(patience_s):
        while not condition():
            await asyncio.sleep(0.01)
