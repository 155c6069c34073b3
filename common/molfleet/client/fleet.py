"""FleetClient: publish commands, follow them, learn how they ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import UUID

from molfleet.blobs.factory import open_store
from molfleet.blobs.port import BlobStore
from molfleet.broker.port import Broker, Outgoing, Placed, Producer
from molfleet.broker.topics import Topics, load_topics
from molfleet.client import transfer
from molfleet.client.build import new
from molfleet.client.listener import Heard, Inbox, Listener
from molfleet.client.outcome import Outcome
from molfleet.errors import Code
from molfleet.messages.directory import SchemaDirectory
from molfleet.messages.envelope import command_headers
from molfleet.messages.factory import open_codec
from molfleet.messages.generated import BlobRef, CancelCommand, CommandProgressed
from molfleet.messages.record import Command, TerminalEvent
from molfleet.runtime.intake import Intake
from molfleet.runtime.letters import DeadLetter
from molfleet.settings import Settings

OnProgress = Callable[[CommandProgressed], None]


class FleetClient:
    """An asynchronous context manager; one serves any number of concurrent callers.

    With `listen` (the default) it reads the fleet's events from the moment it is entered, so that
    nothing said about what it publishes is missed; without, it can only publish. Entering raises
    BrokerUnavailable and BrokerDenied. `broker`, `store` and `topics` default to what the settings name.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        listen: bool = True,
        from_beginning: bool = False,
        broker: Broker | None = None,
        store: BlobStore | None = None,
        topics: Topics | None = None,
    ) -> None:
        self._settings = settings
        self._listen = listen
        self._from_beginning = from_beginning
        self._given_broker = broker
        self._given_store = store
        self._topics = topics or load_topics().with_prefix(settings.topic_prefix)
        self._codec = open_codec(settings)
        self._life = AsyncExitStack()
        self._producer: Producer | None = None
        self._listener: Listener | None = None

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as life:
            broker = self._given_broker or _kafka(self._settings)
            if self._listen:
                self._listener = self._listener_on(broker)
                await self._listener.start()
                life.push_async_callback(self._listener.stop)
            self._producer = broker.producer()
            life.push_async_callback(self._producer.stop)
            await self._producer.start()
            self._life = life.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._life.aclose()

    async def publish(
        self, command: Command, *, headers: Mapping[str, str] | None = None, generation: int = 1
    ) -> UUID:
        """Publish and return the command's id, once the brokers have acknowledged it.

        `headers` are put over ours (`traceparent`, say). A `generation` above 1 does a command again
        that already has its outcome. Raises MessageTooLarge, BrokerUnavailable.
        """
        await self._publish(command, headers or {}, generation)
        return command.id

    async def run(
        self,
        command: Command,
        *,
        on_progress: OnProgress | None = None,
        timeout_s: float | None = None,
        headers: Mapping[str, str] | None = None,
        generation: int = 1,
    ) -> Outcome:
        """Publish, and wait for the outcome. Raises TimeoutError; the command runs on nevertheless."""
        with self._ears.follow(command.id) as inbox:
            inbox.expect_at(await self._publish(command, headers or {}, generation))
            return await self._outcome(inbox, command.id, timeout_s, on_progress, generation)

    async def wait(self, command: Command | UUID, timeout_s: float | None = None) -> Outcome:
        """The outcome of a command that was published since this client was entered.

        Its terminal event, or its dead letter where it ends in that alone. Raises TimeoutError.
        """
        command_id = command.id if isinstance(command, Command) else command
        with self._ears.follow(command_id) as inbox:
            earlier = await self._ears.remembered(command_id)
            if earlier is not None:
                inbox.offer(earlier)
            return await self._outcome(inbox, command_id, timeout_s, None, None)

    async def progress(self, command_id: UUID) -> AsyncIterator[CommandProgressed]:
        """Its progress from now on; ends when the command ends."""
        async for heard in self.watch(command_id):
            if isinstance(heard.event, CommandProgressed):
                yield heard.event

    async def watch(self, command_id: UUID | None = None) -> AsyncIterator[Heard]:
        """Events and dead letters as they come: of one command until it ends, or of all without end."""
        with self._ears.follow(command_id) as inbox:
            while True:
                heard = await inbox.next()
                yield heard
                if command_id is not None and _verdict(heard):
                    return

    async def cancel(self, command_id: UUID, reason: str | None = None) -> UUID:
        """Ask for a command to be cancelled; returns the id of the request, which has no event."""
        return await self.publish(new(CancelCommand, command_id=command_id, reason=reason))

    async def upload(self, path: Path, *, bucket: str | None = None, key: str | None = None) -> BlobRef:
        """Put a local file into the store (default: the output bucket, named by its content)."""
        return await asyncio.to_thread(
            transfer.upload, self._store, path, bucket=bucket or self._settings.output_bucket, key=key
        )

    async def download(self, ref: BlobRef, to: Path) -> Path:
        """Fetch a blob into the file or directory `to`, verified; returns the file."""
        return await asyncio.to_thread(transfer.download, self._store, ref, to)

    async def _publish(self, command: Command, extra: Mapping[str, str], generation: int) -> Placed:
        if self._producer is None:
            raise RuntimeError("enter the client first: async with FleetClient(settings) as client")
        headers = command_headers(
            command,
            fingerprint=self._codec.fingerprint(command),
            generation=generation,
            now=datetime.now(UTC),
        )
        over = {name: value.encode() for name, value in extra.items()}
        kept = tuple((name, value) for name, value in headers if name not in over)
        # Off the loop: with a registry the first value of a type waits for the network.
        value = await asyncio.to_thread(self._codec.encode, command)
        topic = self._topics.command_topic_of(command.full_name)
        message = Outgoing(topic, str(command.id).encode(), value, (*kept, *over.items()))
        return (await self._producer.publish([message]))[0]

    async def _outcome(
        self,
        inbox: Inbox,
        command_id: UUID,
        timeout_s: float | None,
        on_progress: OnProgress | None,
        generation: int | None,
    ) -> Outcome:
        letter: DeadLetter | None = None
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    heard = await inbox.next()
                    letter = heard.letter or letter
                    if isinstance(heard.event, CommandProgressed) and on_progress is not None:
                        on_progress(heard.event)
                    if generation is not None and heard.generation != generation:
                        continue
                    if _verdict(heard):
                        event = heard.event if isinstance(heard.event, TerminalEvent) else None
                        return Outcome(command_id, event, letter)
        except TimeoutError:
            trouble = f" ({self._ears.trouble})" if self._ears.trouble else ""
            raise TimeoutError(f"{command_id} has no outcome within {timeout_s:g} s{trouble}.") from None

    @property
    def _ears(self) -> Listener:
        if self._listener is None:
            raise RuntimeError("this client does not listen: enter it first, with listen=True")
        return self._listener

    @property
    def _store(self) -> BlobStore:
        if self._given_store is None:
            self._given_store = open_store(self._settings)
        return self._given_store

    def _listener_on(self, broker: Broker) -> Listener:
        directory = SchemaDirectory(self._codec, broker, self._topics.schemas)
        return Listener(
            broker,
            Intake(self._codec, directory, {}).decode,
            event_topics=self._topics.event_topics,
            dead_letter_topics=[self._topics.dead_letters_of(t) for t in self._topics.command_topics],
            from_beginning=self._from_beginning,
        )


def _verdict(heard: Heard) -> bool:
    """Whether nothing more follows. After a crash past the limit the event follows the dead letter."""
    if heard.letter is not None:
        return heard.letter.reason != Code.WORKER_CRASHED
    return isinstance(heard.event, TerminalEvent)


def _kafka(settings: Settings) -> Broker:
    from molfleet.broker.kafka import KafkaBroker

    return KafkaBroker(settings.kafka, client_id="molfleet-client")
