"""The port to the message broker. Adapters: kafka, memory; tests/conformance/ holds their contract.

Values, keys and headers are bytes here: decoding belongs to `molfleet.messages`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from molfleet.errors import Unavailable

#: Names may repeat; a value may be null.
Headers = tuple[tuple[str, bytes | None], ...]


class Partition(NamedTuple):
    topic: str
    number: int


@dataclass(frozen=True, slots=True)
class Incoming:
    """One record as the broker delivered it. `timestamp_ms` is Unix time in milliseconds."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp_ms: int

    @property
    def source(self) -> Partition:
        return Partition(self.topic, self.partition)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One record to publish; the partition follows from the key, or from its `turn` where it has one."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    turn: int | None = None


def partition_of_turn(turn: int, partitions: int) -> int:
    """Where the record goes whose turn is `turn`, when records 0, 1, 2, ... share the work of a group.

    However few they are, the lower and the upper half of the partitions get as many, and so do the even
    and the odd ones: the ways in which partitions are dealt out to two members.
    """
    half = partitions // 4 * 2 if partitions % 2 == 0 else 0
    return (turn + turn % 2 * half) % partitions


@dataclass(frozen=True, slots=True)
class Placed:
    """Where an acknowledged record lies."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Committed:
    """A committed position: the next offset to read, and the note kept with it."""

    offset: int
    metadata: str = ""


class BrokerUnavailable(Unavailable):
    """No broker answers, or not enough replicas do. What was asked may or may not have happened."""


class MessageTooLarge(Exception):
    """The record is larger than its topic or the producer allows; it was not published."""


class CommitRefused(Exception):
    """This member no longer owns a partition that it tried to commit (a rebalance went by)."""


class BrokerDenied(Exception):
    """Authentication or authorization failed; the message names topic or group."""


class RebalanceListener(Protocol):
    """Told of ownership changes, on the loop, between two polls or within one.

    When `assigned` is called every partition is unpaused and stands at its committed offset: a listener
    that still runs records of it pauses and seeks itself. No record is handed over before it returns.
    """

    async def revoked(self, partitions: frozenset[Partition]) -> None: ...

    async def assigned(self, partitions: frozenset[Partition]) -> None: ...


class Consumer(Protocol):
    """A member of a consumer group. Offsets are committed only by `commit`.

    `poll` must be called again before the maximal poll interval ends, or the member leaves; with all
    partitions paused it returns nothing but keeps the membership. Never cancel a poll: give it a
    timeout. Raises BrokerUnavailable where the broker does not answer. `pause`, `resume` and `seek`
    of a partition that is not (or no longer) this member's do nothing.
    """

    async def start(self) -> None:
        """Connect; joining the group goes on in the background, and the listener hears of it."""
        ...

    async def stop(self) -> None:
        """Leave the group. Commits nothing, and the listener is not told of what is given up."""
        ...

    async def poll(self, timeout_s: float, max_records: int | None = None) -> list[Incoming]:
        """What has come, waiting so long at most. Raises what the listener raised, BrokerUnavailable."""
        ...

    async def commit(self, positions: Mapping[Partition, Committed]) -> None:
        """Raises CommitRefused after losing a partition, BrokerUnavailable."""
        ...

    async def committed(self, partitions: Collection[Partition]) -> dict[Partition, Committed]:
        """The group's committed positions with their notes; absent where nothing was committed."""
        ...

    async def lag(self) -> dict[Partition, int]:
        """Records behind the end, by assigned partition; what the broker cannot tell is left out."""
        ...

    def assignment(self) -> frozenset[Partition]: ...

    def stalled_s(self) -> float:
        """Seconds for which this member has waited for its group beyond its polls' time; 0 when well.

        For a watchdog: a consumer that stays stalled is stopped and another one made.
        """
        ...

    def pause(self, partitions: Collection[Partition]) -> None: ...

    def resume(self, partitions: Collection[Partition]) -> None: ...

    def seek(self, partition: Partition, offset: int) -> None: ...


class Reader(Protocol):
    """Reads whole topics outside any group, from the beginning or the end, on and on."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def poll(self, timeout_s: float, max_records: int | None = None) -> list[Incoming]: ...

    async def caught_up(self) -> bool:
        """Whether all that was there when `start` returned has been handed over by `poll`."""
        ...


class Producer(Protocol):
    """An idempotent producer with acks=all."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def publish(self, messages: Sequence[Outgoing]) -> list[Placed]:
        """Send all, return when all are acknowledged; order within a partition is kept.

        Raises MessageTooLarge (naming topic and size; others of the call may have been published),
        BrokerUnavailable, BrokerDenied. May be called concurrently.
        """
        ...


class Broker(Protocol):
    """Makes the three. Names of topics and groups are final here (prefix already applied)."""

    def consumer(self, topics: Collection[str], group: str, listener: RebalanceListener) -> Consumer: ...

    def reader(self, topics: Collection[str], *, from_beginning: bool = True) -> Reader: ...

    def producer(self, *, max_bytes: int | None = None) -> Producer:
        """`max_bytes` is the largest record it takes; None means the settings' (dead letters need more)."""
        ...

    async def ping(self) -> None:
        """Returns if a broker answers; raises BrokerUnavailable or BrokerDenied."""
        ...
