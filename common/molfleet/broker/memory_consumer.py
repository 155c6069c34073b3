"""A member of a virtual consumer group."""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Mapping

from molfleet.broker.memory_log import Cluster, Group
from molfleet.broker.port import CommitRefused, Committed, Incoming, Partition, RebalanceListener

_MAX_RECORDS = 500


class MemoryConsumer:
    def __init__(
        self, cluster: Cluster, group: Group, topics: Collection[str], listener: RebalanceListener
    ) -> None:
        self.topics = frozenset(topics)
        self._cluster = cluster
        self._group = group
        self._listener = listener
        self._positions: dict[Partition, int] = {}
        self._paused: set[Partition] = set()
        self._started = False
        self._expelled = False
        self._fault: Exception | None = None
        self._telling = False

    async def start(self) -> None:
        self._cluster.check()
        self._cluster.partitions(self.topics)
        self._started = True
        self._group.join(self)

    async def stop(self) -> None:
        if self._started:
            self._started = False
            self._positions.clear()
            self._paused.clear()
            self._group.leave(self)

    def expel(self) -> None:
        self._expelled = True
        self._group.leave(self)

    async def give_up(self) -> None:
        """The group's first phase; commits are still accepted while the listener runs."""
        if owned := frozenset(self._positions):
            await self._tell(self._listener.revoked(owned))
        self._positions.clear()
        self._paused.clear()

    async def take(self, partitions: frozenset[Partition]) -> None:
        """The group's second phase."""
        committed = self._group.committed
        self._positions = {p: committed[p].offset if p in committed else 0 for p in partitions}
        self._paused.clear()
        await self._tell(self._listener.assigned(partitions))

    async def _tell(self, callback: Awaitable[None]) -> None:
        """A broken listener fails its own member, in its next poll, and not the whole group."""
        self._telling = True
        try:
            await callback
        except Exception as error:
            self._fault = error
        finally:
            self._telling = False
            self._cluster.notify()

    async def poll(self, timeout_s: float, max_records: int | None = None) -> list[Incoming]:
        if self._expelled:
            self._cluster.check()
            self._expelled = False
            await self.give_up()
            self._group.join(self)
        await self._cluster.wait(lambda: self._fault is not None or self._has_records(), timeout_s)
        if self._fault is not None:
            raise self._fault
        found: list[Incoming] = []
        for partition in () if self._telling else tuple(self._positions):
            room = (max_records or _MAX_RECORDS) - len(found)
            if partition in self._paused or room <= 0:
                continue
            start = self._positions.pop(partition)
            records = self._cluster.log(partition)[start : start + room]
            # Put back last, so that a full partition does not keep the others waiting.
            self._positions[partition] = start + len(records)
            found += records
        return found

    def _has_records(self) -> bool:
        return not self._telling and any(
            position < len(self._cluster.log(partition))
            for partition, position in self._positions.items()
            if partition not in self._paused
        )

    async def commit(self, positions: Mapping[Partition, Committed]) -> None:
        self._cluster.check()
        lost = [] if self._group.has(self) else list(positions)
        if lost := lost or [p for p in positions if p not in self._positions]:
            raise CommitRefused(f"{_names(lost)} no longer belong to this member")
        self._group.committed.update(positions)

    async def committed(self, partitions: Collection[Partition]) -> dict[Partition, Committed]:
        self._cluster.check()
        return {p: self._group.committed[p] for p in partitions if p in self._group.committed}

    async def lag(self) -> dict[Partition, int]:
        if self._cluster.unavailable:
            return {}
        return {p: len(self._cluster.log(p)) - position for p, position in self._positions.items()}

    def assignment(self) -> frozenset[Partition]:
        return frozenset(self._positions)

    def stalled_s(self) -> float:
        return 0.0

    def pause(self, partitions: Collection[Partition]) -> None:
        self._paused.update(self._owned(partitions))

    def resume(self, partitions: Collection[Partition]) -> None:
        self._paused.difference_update(partitions)
        self._cluster.notify()

    def seek(self, partition: Partition, offset: int) -> None:
        if partition in self._positions:
            self._positions[partition] = offset
            self._cluster.notify()

    def _owned(self, partitions: Collection[Partition]) -> set[Partition]:
        return {partition for partition in partitions if partition in self._positions}


def _names(partitions: Collection[Partition]) -> str:
    return ", ".join(f"{topic}[{number}]" for topic, number in sorted(partitions))
