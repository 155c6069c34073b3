"""When a run began and ended, told by the process itself; what its store was asked meanwhile."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from molfleet.blobs.port import BlobInfo, BlobStore, Loan
from molfleet.broker.kafka import KafkaBroker
from molfleet.broker.kafka_consumer import KafkaConsumer
from molfleet.broker.port import Committed, Incoming, Partition, RebalanceListener


@dataclass
class Meter:
    """Begins with the first records that the consumer hands over, ends when all are committed.

    Every contestant is measured so, by itself: starting Python, connecting and joining the group are
    the same for all and say nothing of the work, so they do not count; the last commit does.
    """

    count: int
    result: Path
    began: float | None = None

    @classmethod
    def from_environment(cls) -> Meter:
        return cls(int(os.environ["BENCH_COUNT"]), Path(os.environ["BENCH_RESULT"]))

    def records_came(self) -> None:
        if self.began is None:
            self.began = time.monotonic()

    def committed(self, count: int) -> None:
        """`count` commands in all are committed."""
        if count >= self.count and not self.result.exists():
            report = {"count": self.count, "began": self.began, "ended": time.monotonic()}
            aside = self.result.with_suffix(".new")
            aside.write_text(json.dumps(report), "utf-8")
            aside.replace(self.result)


class MeteredBroker(KafkaBroker):
    """The real broker port; its consumers tell the meter."""

    meter: Meter

    def consumer(self, topics: Collection[str], group: str, listener: RebalanceListener) -> KafkaConsumer:
        made = _MeteredConsumer(self._connection, topics, group, listener, self.ping)
        made.meter = self.meter
        return made


class _MeteredConsumer(KafkaConsumer):
    meter: Meter
    _ends: dict[Partition, int]

    async def poll(self, timeout_s: float, max_records: int | None = None) -> list[Incoming]:
        records = await super().poll(timeout_s, max_records)
        if records:
            self.meter.records_came()
        return records

    async def commit(self, positions: Mapping[Partition, Committed]) -> None:
        await super().commit(positions)
        ends = self.__dict__.setdefault("_ends", {})
        ends.update({partition: position.offset for partition, position in positions.items()})
        self.meter.committed(sum(ends.values()))


@dataclass
class CountingStore:
    """A blob store that counts requests from the first records on."""

    store: BlobStore
    meter: Meter
    counts: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def _count(self, what: str) -> None:
        if self.meter.began is not None:
            with self._lock:
                self.counts[what] += 1

    def fetch(self, bucket: str, key: str, to: Path, *, max_bytes: int | None = None) -> BlobInfo:
        self._count("fetch")
        return self.store.fetch(bucket, key, to, max_bytes=max_bytes)

    def borrow(self, bucket: str, key: str, to: Path, *, max_bytes: int | None = None) -> Loan:
        self._count("fetch")
        return self.store.borrow(bucket, key, to, max_bytes=max_bytes)

    def fetch_range(self, bucket: str, key: str, to: Path, *, start: int, end: int, etag: str) -> None:
        self._count("fetch")
        self.store.fetch_range(bucket, key, to, start=start, end=end, etag=etag)

    def read(self, bucket: str, key: str, *, max_bytes: int = 64 << 20) -> tuple[bytes, BlobInfo]:
        self._count("read")
        return self.store.read(bucket, key, max_bytes=max_bytes)

    def put(
        self,
        bucket: str,
        key: str,
        source: Path | bytes,
        *,
        if_absent: bool = False,
        if_match: str | None = None,
        content_type: str | None = None,
    ) -> BlobInfo:
        self._count("put")
        return self.store.put(
            bucket, key, source, if_absent=if_absent, if_match=if_match, content_type=content_type
        )

    def stat(self, bucket: str, key: str) -> BlobInfo:
        self._count("stat")
        return self.store.stat(bucket, key)

    def list(self, bucket: str, prefix: str = "") -> Iterator[BlobInfo]:
        if prefix != "probe/none":
            self._count("list")
        return self.store.list(bucket, prefix)

    def delete(self, bucket: str, key: str) -> None:
        self._count("delete")
        self.store.delete(bucket, key)

    def ensure_bucket(self, bucket: str) -> None:
        self.store.ensure_bucket(bucket)
