"""One command topic of a worker: take records, hand them over, commit behind them in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from molfleet.broker.port import (
    Broker,
    BrokerDenied,
    CommitRefused,
    Committed,
    Consumer,
    Incoming,
    Partition,
)
from molfleet.errors import Unavailable
from molfleet.runtime.commits import CommitTracker
from molfleet.runtime.patience import Patience
from molfleet.runtime.waiting import Stopped, unless
from molfleet.telemetry.logs import get_logger
from molfleet.telemetry.metrics import Metrics

log = get_logger(__name__)

_POLL_S = 0.2
_STUCK_S = 60.0
#: Far longer than any rebalance takes.
_STALLED_S = 120.0
_COMMIT_PAUSE_S = 1.0


class OwnershipWatcher(Protocol):
    async def assigned(self, consumer: Consumer, partitions: frozenset[Partition]) -> None: ...

    async def revoked(self, partitions: frozenset[Partition]) -> None: ...


class Lane:
    """Polls without end, so that the membership lives through hours of work.

    `take` is given each record once and calls `finished` or `abandoned` later. At `capacity` records in
    hand the partitions are paused. Nothing is committed past a record that is not finished.
    """

    def __init__(
        self,
        broker: Broker,
        topic: str,
        group: str,
        *,
        capacity: int,
        take: Callable[[list[Incoming]], None],
        patience: Patience,
        metrics: Metrics,
    ) -> None:
        self.topic = topic
        self.group = group
        self.patience = patience
        self._broker = broker
        self._capacity = capacity
        self._take = take
        self._metrics = metrics
        self._watcher: OwnershipWatcher | None = None
        self._tracker = CommitTracker()
        self._consumer: Consumer | None = None
        self._stopping = False
        self._room = asyncio.Event()
        self._commit_wanted = asyncio.Event()
        self._joined = False
        self._committing = asyncio.Lock()

    def watch(self, watcher: OwnershipWatcher) -> None:
        """Tell `watcher` of ownership changes, before records of a partition are handed over."""
        self._watcher = watcher

    @property
    def joined(self) -> bool:
        """Whether this member takes part in its group, with partitions or idle."""
        return self._joined and not self.patience.away

    @property
    def in_hand(self) -> int:
        return self._tracker.running

    def owns(self, partition: Partition) -> bool:
        return self._tracker.owns(partition)

    def finished(self, record: Incoming) -> None:
        """The outcome of the record is with the brokers: its offset may be committed."""
        self._tracker.finished(record)
        self._room.set()
        self._commit_wanted.set()

    def abandoned(self, record: Incoming) -> None:
        """The record was handed back: it stays uncommitted, another worker takes it."""
        self._tracker.abandoned(record)
        self._room.set()

    def stop_taking(self) -> None:
        self._stopping = True

    async def run(self, ended: asyncio.Event) -> None:
        """Take records until `ended`; after `stop_taking` only the membership is kept."""
        committer = asyncio.create_task(self._commit_when_wanted())
        try:
            while not ended.is_set():
                try:
                    consumer = await unless(ended, self.patience(self._open))
                except Stopped:
                    return
                try:
                    await self._poll_until(consumer, ended, committer)
                except (Unavailable, BrokerDenied) as error:
                    log.warning("the consumer failed and is replaced", topic=self.topic, reason=str(error))
                    await asyncio.sleep(1.0)
                finally:
                    await self._close(consumer)
        finally:
            committer.cancel()

    async def commit(self) -> None:
        """Commit what is due now; what the broker does not take is tried again soon."""
        async with self._committing:
            due = self._due()
            if not due or self._consumer is None:
                return
            try:
                await self._consumer.commit(due)
                self._tracker.committed(due)
            except CommitRefused:
                log.info("a commit was refused after a rebalance", topic=self.topic)
            except (Unavailable, BrokerDenied) as error:
                log.warning("a commit must wait", topic=self.topic, reason=str(error))

    def _due(self) -> dict[Partition, Committed]:
        owned = self._consumer.assignment() if self._consumer is not None else frozenset()
        return {
            partition: position for partition, position in self._tracker.due().items() if partition in owned
        }

    async def commit_note(self, partition: Partition, position: Committed) -> None:
        """Commit a position with a note at once. Raises CommitRefused, Unavailable."""
        if self._consumer is not None:
            await self._consumer.commit({partition: position})

    async def lag(self) -> dict[Partition, int]:
        return await self._consumer.lag() if self._consumer else {}

    async def revoked(self, partitions: frozenset[Partition]) -> None:
        await self.commit()
        if self._watcher is not None:
            with suppress(Unavailable, BrokerDenied):
                await self._watcher.revoked(partitions)
        self._tracker.revoked(partitions)

    async def assigned(self, partitions: frozenset[Partition]) -> None:
        self._tracker.assigned(partitions)
        self._joined = True
        log.info("partitions assigned", topic=self.topic, partitions=sorted(p.number for p in partitions))
        if self._watcher is not None and self._consumer is not None:
            await self._watcher.assigned(self._consumer, partitions)

    async def _open(self) -> Consumer:
        consumer = self._broker.consumer([self.topic], self.group, self)
        self._consumer = consumer
        try:
            await consumer.start()
        except BaseException:
            self._consumer = None
            with suppress(Exception):
                await consumer.stop()
            raise
        return consumer

    async def _close(self, consumer: Consumer) -> None:
        self._joined = False
        await self.revoked(consumer.assignment())
        self._consumer = None
        with suppress(Unavailable, BrokerDenied, TimeoutError):
            async with asyncio.timeout(_STUCK_S):
                await consumer.stop()

    async def _poll_until(
        self, consumer: Consumer, ended: asyncio.Event, committer: asyncio.Task[None]
    ) -> None:
        paused = False
        while not ended.is_set():
            if committer.done():
                committer.result()
            if self._must_hold():
                await self._wait_for_room()
            hold = self._must_hold()
            if hold:
                consumer.pause(consumer.assignment())
            elif paused:
                consumer.resume(consumer.assignment())
            paused = hold
            room = max(1, self._capacity - self._tracker.running)
            records = await self._poll(consumer, 0.0 if hold else _POLL_S, room)
            if self._stopping:
                continue
            fresh = [record for record in records if self._tracker.delivered(record)]
            if fresh:
                self._take(fresh)

    def _must_hold(self) -> bool:
        return self._stopping or bool(self.patience.away) or self._tracker.running >= self._capacity

    async def _wait_for_room(self) -> None:
        self._room.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._room.wait(), _POLL_S)

    async def _poll(self, consumer: Consumer, timeout_s: float, limit: int) -> list[Incoming]:
        # Never cancelled: one cancelled poll switches off the client's own interval check for good.
        poll = asyncio.ensure_future(consumer.poll(timeout_s, limit))
        done, _ = await asyncio.wait({poll}, timeout=timeout_s + _STUCK_S)
        if not done:
            raise Unavailable(f"the consumer of {self.topic} does not come back from a poll")
        if consumer.stalled_s() > _STALLED_S:
            raise Unavailable(f"the consumer of {self.topic} does not come back to its group")
        return poll.result()

    async def _commit_when_wanted(self) -> None:
        while True:
            await self._commit_wanted.wait()
            self._commit_wanted.clear()
            await self.commit()
            if self._due():
                await asyncio.sleep(_COMMIT_PAUSE_S)
                self._commit_wanted.set()
