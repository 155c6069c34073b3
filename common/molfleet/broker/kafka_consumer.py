"""A member of a Kafka consumer group, with aiokafka's traps kept inside.

What is worked around here, and why:

- A cancelled `getmany`, or one that raises, switches aiokafka's check of the maximal poll interval off
  for good. So `getmany` runs in a task of its own that is never cancelled while the consumer lives, and
  after a fault the whole aiokafka consumer is replaced.
- During a rebalance `getmany` waits without a timeout. `poll` then comes back empty in time, and the
  next poll goes on waiting for the same task. Records that it brings after a pause, a seek or a
  rebalance are not handed over: the position is put back.
- The sticky assignor keeps its memory in class attributes: each consumer gets a class of its own.
- `committed()` drops the note that lies beside an offset: the admin client returns it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

from aiokafka import (
    AIOKafkaConsumer,
    ConsumerRebalanceListener,
    OffsetAndMetadata,
    TopicPartition,
)
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor

from molfleet.broker.kafka_admin import KafkaAdmin
from molfleet.broker.kafka_connection import Connection, closed_quietly, translated, within
from molfleet.broker.kafka_records import incoming, require
from molfleet.broker.port import (
    BrokerDenied,
    BrokerUnavailable,
    CommitRefused,
    Committed,
    Incoming,
    Partition,
    RebalanceListener,
)

#: An empty-handed consumer asks whether a broker is still there so often, in seconds.
PROOF_OF_LIFE_S = 10.0
_CLOSE_S = 10.0

log = logging.getLogger(__name__)


class KafkaConsumer:
    def __init__(
        self,
        connection: Connection,
        topics: Collection[str],
        group: str,
        listener: RebalanceListener,
        ping: Callable[[], Awaitable[None]],
    ) -> None:
        self._connection = connection
        self._topics = sorted(topics)
        self._group = group
        self._listener = listener
        self._ping = ping
        self._doing = f"group {group} on {', '.join(self._topics)}"
        self._client: AIOKafkaConsumer | None = None
        self._fetch: asyncio.Task[dict[Any, list[Any]]] | None = None
        self._fetch_due = 0.0
        self._stale: set[Partition] = set()
        self._paused: set[Partition] = set()
        self._unheard: set[Partition] = set()
        self._last_sign = 0.0
        self._fault: Exception | None = None

    async def start(self) -> None:
        """Connect; joining the group goes on in the background, and the listener hears of it."""
        client = AIOKafkaConsumer(**self._options())
        try:
            await self._connection.started(client.start(), self._doing)
            with translated(self._doing):
                await within(self._connection.timeout_s, require(client, self._topics))
        except BaseException:
            await closed_quietly(client.stop(), _CLOSE_S)
            raise
        client.subscribe(self._topics, listener=_Relay(self))
        self._client = client
        self._fault = None
        self._last_sign = time.monotonic()

    def _options(self) -> dict[str, Any]:
        settings = self._connection.settings
        return {
            **self._connection.options(),
            "group_id": self._group,
            "enable_auto_commit": False,
            "auto_offset_reset": "earliest",
            "isolation_level": "read_committed",
            "session_timeout_ms": settings.session_timeout_ms,
            "heartbeat_interval_ms": settings.heartbeat_interval_ms,
            "max_poll_interval_ms": settings.max_poll_interval_ms,
            # The join request waits for the slowest member so long; it must end before it times out.
            "rebalance_timeout_ms": min(settings.session_timeout_ms, settings.request_timeout_ms * 3 // 4),
            "fetch_max_bytes": settings.fetch_max_bytes,
            # Sticky: under eager rebalances a partition stays with the worker that computes on it,
            # which can then still commit.
            "partition_assignment_strategy": (type("Sticky", (StickyPartitionAssignor,), {}),),
        }

    async def stop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await closed_quietly(client.stop(), _CLOSE_S)
        await self._drop_fetch()

    async def poll(self, timeout_s: float, max_records: int | None = None) -> list[Incoming]:
        if self._client is None:
            await self.start()
        client = self._required()
        if self._fetch is None:
            self._stale.clear()
            self._fetch_due = time.monotonic() + timeout_s
            self._fetch = asyncio.ensure_future(
                client.getmany(timeout_ms=int(timeout_s * 1000), max_records=max_records)
            )
        done, _ = await asyncio.wait({self._fetch}, timeout=timeout_s + 0.05)
        if self._fault is not None:
            raise self._fault
        if not done:
            await self._prove_life()
            return []
        task, self._fetch = self._fetch, None
        try:
            with translated(self._doing):
                batches = task.result()
        except Exception:
            await self._replace()
            raise
        records = self._handed_over(client, batches)
        if records:
            self._last_sign = time.monotonic()
        else:
            await self._prove_life()
        return records

    def _handed_over(
        self, client: AIOKafkaConsumer, batches: Mapping[TopicPartition, list[Any]]
    ) -> list[Incoming]:
        found: list[Incoming] = []
        for source, records in batches.items():
            partition = Partition(source.topic, source.partition)
            if partition in self._stale or source not in client.assignment():
                continue
            if partition in self._paused | self._unheard:
                client.seek(source, records[0].offset)
                continue
            found += [incoming(record) for record in records]
        return found

    async def _prove_life(self) -> None:
        """aiokafka goes on quietly without a broker; ask now and then, so that `poll` can say so."""
        if time.monotonic() - self._last_sign > PROOF_OF_LIFE_S:
            await self._ping()
            self._last_sign = time.monotonic()
            if self._client is not None and not self._client.assignment():
                # A group whose leader saw no topics just after an outage shares out nothing until the
                # next look at them, which would be a minute away.
                self._client._client.force_metadata_update()

    async def commit(self, positions: Mapping[Partition, Committed]) -> None:
        offsets = {
            TopicPartition(*partition): OffsetAndMetadata(committed.offset, committed.metadata)
            for partition, committed in positions.items()
        }
        if not offsets:
            return
        with translated(f"committing for {self._doing}"):
            await within(self._connection.timeout_s, self._required().commit(offsets))

    async def committed(self, partitions: Collection[Partition]) -> dict[Partition, Committed]:
        if not partitions:
            return {}
        async with KafkaAdmin(self._connection.settings, self._connection.client_id) as admin:
            return await admin.committed(self._group, partitions)

    async def lag(self) -> dict[Partition, int]:
        client = self._client
        assigned = list(client.assignment()) if client is not None else []
        if client is None or not assigned:
            return {}
        try:
            with translated("measuring the lag"):
                async with asyncio.timeout(self._connection.timeout_s):
                    ends = await client.end_offsets(assigned)
                    behind = {each: end - await client.position(each) for each, end in ends.items()}
        except (BrokerUnavailable, BrokerDenied, CommitRefused):
            return {}
        return {Partition(*each): max(0, count) for each, count in behind.items()}

    def assignment(self) -> frozenset[Partition]:
        if self._client is None:
            return frozenset()
        return frozenset(Partition(*each) for each in self._client.assignment())

    def stalled_s(self) -> float:
        if self._fetch is None or self._fetch.done():
            return 0.0
        return max(0.0, time.monotonic() - self._fetch_due)

    def pause(self, partitions: Collection[Partition]) -> None:
        for partition in self.assignment().intersection(partitions):
            self._paused.add(partition)
            self._required().pause(TopicPartition(*partition))

    def resume(self, partitions: Collection[Partition]) -> None:
        for partition in self.assignment().intersection(partitions):
            self._paused.discard(partition)
            self._required().resume(TopicPartition(*partition))

    def seek(self, partition: Partition, offset: int) -> None:
        if partition in self.assignment():
            self._outdate({partition})
            self._required().seek(TopicPartition(*partition), offset)

    def _outdate(self, partitions: Collection[Partition]) -> None:
        """What was fetched before, and is not handed over yet, is not to be handed over any more."""
        if self._fetch is not None and self._fetch.done():
            self._stale.update(partitions)

    async def _revoked(self, partitions: frozenset[Partition]) -> None:
        if partitions:
            await self._listener.revoked(partitions)
        self._outdate(partitions)
        self._paused.clear()

    async def _assigned(self, partitions: frozenset[Partition]) -> None:
        self._outdate(partitions)
        self._paused.clear()
        self._last_sign = time.monotonic()
        # aiokafka fetches before its listener returns; ours may have to read or seek first.
        self._unheard |= partitions
        try:
            await self._listener.assigned(partitions)
        finally:
            self._unheard -= partitions

    async def _replace(self) -> None:
        """Leave the group after a fault; the next poll joins it with a new client."""
        owned = self.assignment()
        await self.stop()
        if owned:
            await self._listener.revoked(owned)

    async def _drop_fetch(self) -> None:
        fetch, self._fetch = self._fetch, None
        if fetch is not None:
            fetch.cancel()
            await asyncio.wait({fetch})
            if not fetch.cancelled():
                fetch.exception()

    def _required(self) -> AIOKafkaConsumer:
        if self._client is None:
            raise BrokerUnavailable(f"{self._doing}: not connected")
        return self._client


class _Relay(ConsumerRebalanceListener):  # type: ignore[misc]
    """aiokafka swallows what a listener raises; here it comes out of the next poll."""

    def __init__(self, consumer: KafkaConsumer) -> None:
        self._consumer = consumer

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        await self._keeping_faults(self._consumer._revoked(_partitions(revoked)))

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        await self._keeping_faults(self._consumer._assigned(_partitions(assigned)))

    async def _keeping_faults(self, work: Awaitable[None]) -> None:
        try:
            await work
        except Exception as error:
            log.exception("a rebalance listener failed")
            self._consumer._fault = error


def _partitions(found: Collection[TopicPartition]) -> frozenset[Partition]:
    return frozenset(Partition(*each) for each in found)
