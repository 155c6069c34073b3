"""Deaths of whole workers on light commands, counted in the notes of committed offsets.

A light command has no receipt and no attempt record. Before the first record behind a committed offset
is run, that same offset is committed again with the note `starts=n+1`; any progress wipes the note out.
So an offset that is begun over and over, and never passed, is known to every later worker.
"""

from __future__ import annotations

from dataclasses import dataclass

from molfleet.broker.port import CommitRefused, Committed, Consumer, Incoming, Partition
from molfleet.runtime.lane import Lane

_PREFIX = "starts="


@dataclass
class _Start:
    """What is known of one owned partition until its first record is finished."""

    offset: int | None
    starts: int
    noted: bool = False


class LightStarts:
    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._open: dict[Partition, _Start] = {}

    async def assigned(self, consumer: Consumer, partitions: frozenset[Partition]) -> None:
        """Read the notes that earlier workers left. Raises Unavailable."""
        found = await consumer.committed(partitions)
        for partition in partitions:
            position = found.get(partition)
            self._open[partition] = _Start(
                position.offset if position else None, _parse(position.metadata if position else "")
            )

    async def revoked(self, partitions: frozenset[Partition]) -> None:
        """A partition given back in order, with nothing finished, died of nothing here."""
        for partition in partitions:
            start = self._open.pop(partition, None)
            if start is not None and start.noted and start.offset is not None:
                await self._commit(partition, Committed(start.offset, _note(start.starts)))

    def suspicion(self, record: Incoming) -> int:
        """How often a worker began this record, or one before it, and never finished it."""
        start = self._open.get(record.source)
        return start.starts if start is not None else 0

    def to_begin(self, record: Incoming) -> bool:
        """Whether `begin` has something to note."""
        start = self._open.get(record.source)
        return start is not None and not start.noted

    async def begin(self, record: Incoming) -> None:
        """Note that the first record of its partition is about to run."""
        start = self._open.get(record.source)
        if start is None or start.noted:
            return
        if start.offset is None:
            start.offset = record.offset
        await self._commit(record.source, Committed(start.offset, _note(start.starts + 1)))
        start.noted = True

    def finished(self, record: Incoming) -> None:
        """A record of the partition is finished: what is committed next carries no note."""
        self._open.pop(record.source, None)

    async def _commit(self, partition: Partition, position: Committed) -> None:
        try:
            await self._lane.commit_note(partition, position)
        except CommitRefused:
            self._open.pop(partition, None)


def _note(starts: int) -> str:
    return f"{_PREFIX}{starts}" if starts else ""


def _parse(metadata: str) -> int:
    number = metadata.removeprefix(_PREFIX)
    return int(number) if metadata.startswith(_PREFIX) and number.isdecimal() else 0
