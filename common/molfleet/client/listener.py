"""Reads what the fleet says, outside any group, and tells whoever follows a command."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from uuid import UUID

from molfleet.broker.port import Broker, Incoming, Placed, Reader
from molfleet.errors import Unavailable
from molfleet.messages.envelope import generation_of
from molfleet.messages.record import Command, Event, Record, TerminalEvent
from molfleet.runtime import letters
from molfleet.runtime.letters import DeadLetter
from molfleet.telemetry.logs import get_logger

log = get_logger(__name__)

#: Decodes a record; None where it cannot be decoded.
Decode = Callable[[Incoming], Awaitable[Record | None]]

#: Terminal events kept for those who ask after the fact.
REMEMBERED = 10_000
_RETRY_S = 1.0
_POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class Heard:
    """One thing that the fleet said: an event, or a dead letter with the command where it is readable."""

    record: Incoming
    event: Event | None = None
    letter: DeadLetter | None = None
    command: Command | None = None

    @property
    def command_id(self) -> UUID | None:
        about = self.event or self.command
        return about.id if about else None

    @property
    def generation(self) -> int:
        """Of which generation of the command this speaks."""
        return generation_of(self.letter.headers if self.letter else self.record.headers)


class Inbox:
    """What was heard about one command (or, without an id, about all) since it was opened."""

    def __init__(self, command_id: UUID | None) -> None:
        self.command_id = command_id
        self._heard: asyncio.Queue[Heard | Exception] = asyncio.Queue()
        self._placed: Placed | None = None
        self._unclaimed: list[Heard] = []

    def expect_at(self, placed: Placed) -> None:
        """Where the command was published: its dead letter is known by that, even if unreadable."""
        self._placed = placed
        for heard in self._unclaimed:
            self.offer(heard)
        self._unclaimed.clear()

    def offer(self, heard: Heard) -> None:
        if self.command_id is None or heard.command_id == self.command_id:
            self._heard.put_nowait(heard)
        elif heard.letter is not None and self._placed is None:
            self._unclaimed.append(heard)
        elif heard.letter is not None and _came_from(heard.letter, self._placed):
            self._heard.put_nowait(heard)

    def give_up(self, error: Exception) -> None:
        """Nothing more will be heard."""
        self._heard.put_nowait(error)

    async def next(self) -> Heard:
        """The next thing heard; raises what ended the listening."""
        heard = await self._heard.get()
        if isinstance(heard, Exception):
            raise heard
        return heard


class Listener:
    """One reader for all who wait. `start` returns when nothing said from then on can be missed."""

    def __init__(
        self,
        broker: Broker,
        decode: Decode,
        *,
        event_topics: Collection[str],
        dead_letter_topics: Collection[str],
        from_beginning: bool = False,
        remembered: int = REMEMBERED,
    ) -> None:
        self._decode = decode
        self._dead_letter_topics = frozenset(dead_letter_topics)
        self._reader: Reader = broker.reader(
            [*event_topics, *dead_letter_topics], from_beginning=from_beginning
        )
        self._inboxes: set[Inbox] = set()
        self._remembered = remembered
        self._ended: OrderedDict[UUID, Incoming] = OrderedDict()
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._wanted = asyncio.Event()
        if not from_beginning:
            self._wanted.set()
        self._failure: Exception | None = None
        self.trouble = ""

    async def start(self) -> None:
        """Raises BrokerUnavailable, BrokerDenied."""
        try:
            await self._reader.start()
        except BaseException:
            with suppress(Exception):
                await self._reader.stop()
            raise
        self._task = asyncio.create_task(self._listen(), name="molfleet client listener")

    async def stop(self) -> None:
        if self._task is None:
            return
        self._wanted.set()
        self._stopping = True  # a poll is never cancelled, only waited for
        await self._task
        self._task = None
        await self._reader.stop()

    @contextmanager
    def follow(self, command_id: UUID | None = None) -> Iterator[Inbox]:
        """An inbox for one command, or for everything."""
        inbox = Inbox(command_id)
        if self._failure is not None:
            inbox.give_up(self._failure)
        self._inboxes.add(inbox)
        self._wanted.set()
        try:
            yield inbox
        finally:
            self._inboxes.discard(inbox)

    async def remembered(self, command_id: UUID) -> Heard | None:
        """The terminal event of a command that ended a while ago, if it was heard and not forgotten."""
        record = self._ended.get(command_id)
        return await self._understand(record) if record else None

    async def caught_up(self) -> bool:
        """Whether all that was said before `start` has been heard."""
        return await self._reader.caught_up()

    async def _listen(self) -> None:
        try:
            # The past is told once: to whoever follows first, not to nobody.
            await self._wanted.wait()
            while not self._stopping:
                for record in await self._poll():
                    await self._note(record)
        except Exception as error:
            log.warning("the client stops listening", reason=str(error))
            self._failure = error
            for inbox in self._inboxes:
                inbox.give_up(error)

    async def _poll(self) -> list[Incoming]:
        """An unreachable broker is waited for: whoever waits has a timeout of its own."""
        try:
            records = await self._reader.poll(_POLL_S)
        except Unavailable as error:
            self.trouble = str(error)
            await asyncio.sleep(_RETRY_S)
            return []
        self.trouble = ""
        return records

    async def _note(self, record: Incoming) -> None:
        subject = _subject(record)
        letter = record.topic in self._dead_letter_topics
        if subject is not None and not letter and _terminal(record):
            self._ended[subject] = record
            while len(self._ended) > self._remembered:
                self._ended.popitem(last=False)
        wanted = letter or subject is None or any(i.command_id in (None, subject) for i in self._inboxes)
        if not self._inboxes or not wanted:
            return
        heard = await self._understand(record)
        if heard is not None:
            for inbox in tuple(self._inboxes):
                inbox.offer(heard)

    async def _understand(self, record: Incoming) -> Heard | None:
        message = await self._decoded(record)
        if record.topic in self._dead_letter_topics:
            command = message if isinstance(message, Command) else None
            return Heard(record, letter=letters.read(record), command=command)
        if isinstance(message, Event):
            return Heard(record, event=message)
        log.warning("not understood", topic=record.topic, partition=record.partition, offset=record.offset)
        return None

    async def _decoded(self, record: Incoming) -> Record | None:
        """Waits for the schemas of a record for as long as they are out of reach."""
        while True:
            try:
                return await self._decode(record)
            except Unavailable as error:
                self.trouble = str(error)
                if self._stopping:
                    return None
                await asyncio.sleep(_RETRY_S)


def _subject(record: Incoming) -> UUID | None:
    """The command that an event is about, by its header, without decoding it."""
    for name, value in record.headers:
        if name == "ce_subject":
            try:
                return UUID((value or b"").decode("ascii"))
            except ValueError:
                return None
    return None


def _terminal(record: Incoming) -> bool:
    for name, value in record.headers:
        if name == "ce_type":
            return (value or b"").decode("utf-8", "replace").rpartition(".")[2] in _terminal_names()
    return False


@cache
def _terminal_names() -> frozenset[str]:
    """The names of the generated terminal events."""
    pending: list[type[TerminalEvent]] = [TerminalEvent]
    for kind in pending:
        pending += kind.__subclasses__()
    return frozenset(kind.__name__ for kind in pending)


def _came_from(letter: DeadLetter, placed: Placed | None) -> bool:
    return (
        placed is not None
        and letter.source is not None
        and (*letter.source, letter.offset) == (placed.topic, placed.partition, placed.offset)
    )
