"""Dead letters: what lies there, why, and how it is sent again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from dataclasses import dataclass

from molfleet.broker.port import Broker, Headers, Incoming, Outgoing, Partition, Placed
from molfleet.errors import Code
from molfleet.ledger.receipts import Receipts
from molfleet.messages.envelope import generation_of
from molfleet.messages.record import Command, Record
from molfleet.runtime import letters
from molfleet.runtime.letters import DeadLetter

GENERATION = "molfleet-generation"

#: Decodes a record; None where it cannot be decoded.
Decode = Callable[[Incoming], Awaitable[Record | None]]

_POLL_S = 0.5


class CannotResend(Exception):
    """The dead letter cannot be sent again; the message says why."""


@dataclass(frozen=True, slots=True)
class Found:
    """A dead letter, and its command where it can be read."""

    letter: DeadLetter
    command: Command | None

    @property
    def place(self) -> str:
        """topic:partition:offset, as `parse_place` reads it."""
        return f"{self.letter.place.topic}:{self.letter.place.number}:{self.letter.place_offset}"


def parse_place(text: str) -> tuple[Partition, int]:
    """topic:partition:offset. Raises ValueError."""
    topic, number, offset = text.rsplit(":", 2)
    return Partition(topic, int(number)), int(offset)


async def read_all(broker: Broker, topics: Collection[str], decode: Decode) -> AsyncIterator[Found]:
    """Every dead letter that `topics` hold now, as they are read. Raises BrokerUnavailable."""
    reader = broker.reader(topics)
    try:
        await reader.start()
        while True:
            # Asked before the poll: what is handed over by then is all that there was.
            done = await reader.caught_up()
            for record in await reader.poll(0.0 if done else _POLL_S):
                command = await decode(record)
                yield Found(letters.read(record), command if isinstance(command, Command) else None)
            if done:
                return
    finally:
        await reader.stop()


async def find(broker: Broker, place: Partition, offset: int, decode: Decode) -> Found | None:
    """The dead letter at one place."""
    found = None
    async for candidate in read_all(broker, [place.topic], decode):
        if (candidate.letter.place, candidate.letter.place_offset) == (place, offset):
            found = candidate
    return found


async def resend(
    found: Found, receipts: Receipts, publish: Callable[[Outgoing], Awaitable[Placed]]
) -> tuple[Placed, int]:
    """Send a dead letter to where it came from; returns its place and its generation.

    The reasons are stripped, all else goes as it came. Where the latest generation of the command ended
    in a failure receipt a new one begins, since the recorded one would only be repeated. Raises
    CannotResend, BlobsUnavailable, BrokerUnavailable.
    """
    letter = found.letter
    if letter.source is None:
        raise CannotResend(f"{found.place}: nothing says from which topic it came.")
    generation = await _generation(found, receipts)
    headers = _with_generation(letter.headers, generation)
    placed = await publish(Outgoing(letter.source.topic, letter.key, letter.value, headers))
    return placed, generation


async def _generation(found: Found, receipts: Receipts) -> int:
    now = generation_of(found.letter.headers)
    if found.command is None:
        return now
    kind, command_id = found.command.full_name, found.command.id
    latest = await asyncio.to_thread(receipts.latest_generation, kind, command_id)
    receipt = await asyncio.to_thread(receipts.get, kind, command_id, latest) if latest else None
    if receipt is not None and receipt.outcome == "failed":
        return latest + 1
    if receipt is None and found.letter.reason == Code.WORKER_CRASHED:
        # A light command keeps no receipt, but its failure event is out.
        return now + 1
    return max(now, latest)


def _with_generation(headers: Headers, generation: int) -> Headers:
    others = tuple((name, value) for name, value in headers if name != GENERATION)
    return (
        headers
        if generation == generation_of(headers)
        else (
            *others,
            (GENERATION, str(generation).encode()),
        )
    )
