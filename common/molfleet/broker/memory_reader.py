"""Reads whole virtual topics outside any group."""

from __future__ import annotations

from collections.abc import Collection

from molfleet.broker.memory_log import Cluster
from molfleet.broker.port import Incoming, Partition

_MAX_RECORDS = 500


class MemoryReader:
    def __init__(self, cluster: Cluster, topics: Collection[str], from_beginning: bool) -> None:
        self._cluster = cluster
        self._topics = frozenset(topics)
        self._from_beginning = from_beginning
        self._positions: dict[Partition, int] = {}
        self._goals: dict[Partition, int] = {}

    async def start(self) -> None:
        self._cluster.check()
        self._goals = {p: len(self._cluster.log(p)) for p in self._cluster.partitions(self._topics)}
        self._positions = {p: 0 if self._from_beginning else end for p, end in self._goals.items()}

    async def stop(self) -> None:
        self._positions.clear()

    async def poll(self, timeout_s: float, max_records: int | None = None) -> list[Incoming]:
        await self._cluster.wait(self._has_records, timeout_s)
        found: list[Incoming] = []
        for partition, start in self._positions.items():
            room = (max_records or _MAX_RECORDS) - len(found)
            records = self._cluster.log(partition)[start : start + max(0, room)]
            self._positions[partition] = start + len(records)
            found += records
        return found

    def _has_records(self) -> bool:
        return any(position < len(self._cluster.log(p)) for p, position in self._positions.items())

    async def caught_up(self) -> bool:
        return all(self._positions.get(p, 0) >= goal for p, goal in self._goals.items())
