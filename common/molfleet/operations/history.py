"""What a fleet did, as its logs and its store show it: the material of an audit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from molfleet.broker.port import Headers, Incoming, Partition
from molfleet.ledger.receipts import Receipt
from molfleet.messages.record import Command, Event, FailureEvent

#: Commands that keep no receipt and whose repeats are computed anew.
LIGHT = frozenset({"molfleet.commands.SingleStructurePredict"})


@dataclass(frozen=True, slots=True)
class Run:
    """What has one outcome: one generation of one command."""

    type: str
    id: UUID
    generation: int = 1

    def __str__(self) -> str:
        again = f" (generation {self.generation})" if self.generation > 1 else ""
        return f"{self.type.rpartition('.')[2]} {self.id}{again}"


@dataclass(frozen=True, slots=True)
class SeenCommand:
    """A record of a command topic.

    `run` and `identity` are None where it is no command of that topic. Two commands with equal
    `content` ask for the same; when they were sent is no part of that.
    """

    record: Incoming
    run: Run | None = None
    identity: Command | None = None
    content: str = ""

    @property
    def about(self) -> str:
        what = "unreadable" if self.run is None else str(self.run)
        return f"{what} at {self.record.topic}/{self.record.partition}@{self.record.offset}"


@dataclass(frozen=True, slots=True)
class SeenLetter:
    """A record of a dead-letter topic and the place it says that it comes from."""

    record: Incoming
    source: Partition
    offset: int


@dataclass(frozen=True, slots=True)
class SeenEvent:
    """A record of an event topic; `event_id` is its `ce_id`."""

    record: Incoming
    message: Event
    event_id: str
    generation: int = 1

    @property
    def code(self) -> str | None:
        return self.message.code if isinstance(self.message, FailureEvent) else None

    @property
    def bytes(self) -> tuple[bytes | None, bytes | None, Headers]:
        return self.record.key, self.record.value, self.record.headers


@dataclass(frozen=True, slots=True)
class SeenReceipt:
    """A receipt; `content` is that of the command which it holds, comparable with SeenCommand's."""

    receipt: Receipt
    content: str

    @property
    def run(self) -> Run:
        return Run(self.receipt.command_type, self.receipt.command_id, self.receipt.generation)


@dataclass(frozen=True, slots=True)
class SeenCommit:
    """A group's committed position, the next offset to read.

    `ends` are the ends of the event and dead-letter partitions, looked up after the position was:
    whatever must precede the commit lies before them. None: whatever the history holds.
    """

    partition: Partition
    offset: int
    ends: Mapping[Partition, int] | None = None


@dataclass(frozen=True)
class History:
    """Everything that is kept about some commands, each log in its own order.

    `blobs` holds the SHA-256 of what lies at (bucket, key), for every output that a receipt names;
    what is not in it does not exist.
    """

    commands: tuple[SeenCommand, ...] = ()
    letters: tuple[SeenLetter, ...] = ()
    events: tuple[SeenEvent, ...] = ()
    commits: tuple[SeenCommit, ...] = ()
    receipts: tuple[SeenReceipt, ...] = ()
    blobs: Mapping[tuple[str, str], str] = field(default_factory=dict)
    light: frozenset[str] = LIGHT
