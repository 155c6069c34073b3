"""Which offsets may be committed when records finish out of order."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field

from molfleet.broker.port import Committed, Incoming, Partition


@dataclass
class _Progress:
    """Records of one owned partition, in the order delivered; offsets may have gaps."""

    open: deque[int] = field(default_factory=deque)
    finished: set[int] = field(default_factory=set)
    position: int | None = None
    committed: int | None = None


class CommitTracker:
    """Follows delivered and finished records; commits never pass an unfinished one.

    A partition that is revoked is forgotten, its running records are not: when it comes back they are
    recognized by offset, so that nothing runs twice here.
    """

    def __init__(self) -> None:
        self._owned: dict[Partition, _Progress] = {}
        self._running: set[tuple[Partition, int]] = set()

    def assigned(self, partitions: Collection[Partition]) -> None:
        for partition in partitions:
            self._owned[partition] = _Progress()

    def revoked(self, partitions: Collection[Partition]) -> None:
        for partition in partitions:
            self._owned.pop(partition, None)

    def delivered(self, record: Incoming) -> bool:
        """Note a delivered record; False if it is already running here and must not start again."""
        progress = self._owned.setdefault(record.source, _Progress())
        progress.open.append(record.offset)
        key = (record.source, record.offset)
        if key in self._running:
            return False
        self._running.add(key)
        return True

    def finished(self, record: Incoming) -> None:
        """The record's outcome is acknowledged by the brokers."""
        self._running.discard((record.source, record.offset))
        progress = self._owned.get(record.source)
        if progress is None:
            return
        progress.finished.add(record.offset)
        while progress.open and progress.open[0] in progress.finished:
            offset = progress.open.popleft()
            progress.finished.discard(offset)
            progress.position = offset + 1

    def abandoned(self, record: Incoming) -> None:
        """The record was handed back unfinished: its offset stays uncommitted."""
        self._running.discard((record.source, record.offset))

    def due(self) -> dict[Partition, Committed]:
        """Positions that may be committed and were not yet."""
        return {
            partition: Committed(progress.position)
            for partition, progress in self._owned.items()
            if progress.position is not None and progress.position != progress.committed
        }

    def committed(self, positions: dict[Partition, Committed]) -> None:
        for partition, position in positions.items():
            if partition in self._owned:
                self._owned[partition].committed = position.offset

    def owns(self, partition: Partition) -> bool:
        return partition in self._owned

    @property
    def running(self) -> int:
        return len(self._running)
