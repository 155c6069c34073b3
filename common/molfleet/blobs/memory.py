"""Blobs in this process's memory: for tests and for trying things out. Gone with the process."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from molfleet.blobs import names
from molfleet.blobs.files import arriving
from molfleet.blobs.port import (
    BlobChanged,
    BlobInfo,
    BlobNotFound,
    BlobStore,
    BlobsUnavailable,
    BlobTooLarge,
    Loan,
    PreconditionFailed,
)


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass
class MemoryBlobs:
    """A BlobStore whose clock can be set and which can be away (`away = True`), for tests of outages."""

    clock: Callable[[], datetime] = _utc_now
    away: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _buckets: dict[str, dict[str, tuple[bytes, BlobInfo]]] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        return "The memory store"

    def fetch(self, bucket: str, key: str, to: Path, *, max_bytes: int | None = None) -> BlobInfo:
        data, info = self._get(bucket, key, max_bytes)
        with arriving(to) as file:
            file.write(data)
        return info

    def borrow(self, bucket: str, key: str, to: Path, *, max_bytes: int | None = None) -> Loan:
        return Loan(self.fetch(bucket, key, to, max_bytes=max_bytes))

    def fetch_range(self, bucket: str, key: str, to: Path, *, start: int, end: int, etag: str) -> None:
        data, info = self._get(bucket, key, None)
        if info.etag != etag or len(data) < end:
            raise BlobChanged(bucket, key, "it is another version")
        with arriving(to) as file:
            file.write(data[start:end])

    def read(self, bucket: str, key: str, *, max_bytes: int = 64 << 20) -> tuple[bytes, BlobInfo]:
        return self._get(bucket, key, max_bytes)

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
        names.check(bucket, key)
        data = source if isinstance(source, bytes) else source.read_bytes()
        etag = hashlib.sha256(data).hexdigest()
        with self._lock:
            objects = self._bucket(bucket)
            if objects is None:
                raise BlobNotFound(bucket, key, "the bucket does not exist")
            present = objects.get(key)
            if if_absent and present:
                raise PreconditionFailed(bucket, key, "it is there already")
            if if_match is not None and (present is None or present[1].etag != if_match):
                raise PreconditionFailed(bucket, key, "it is another version, or absent")
            now = self.clock()
            info = BlobInfo(bucket, key, len(data), etag, now, now, content_type)
            objects[key] = (data, info)
            return info

    def stat(self, bucket: str, key: str) -> BlobInfo:
        return self._get(bucket, key, None)[1]

    def list(self, bucket: str, prefix: str = "") -> Iterator[BlobInfo]:
        names.check_bucket(bucket)
        with self._lock:
            now = self.clock()
            found = [
                replace(info, now=now, content_type=None)
                for key, (_, info) in (self._bucket(bucket) or {}).items()
                if key.startswith(prefix)
            ]
        yield from sorted(found, key=lambda info: info.key.encode())

    def delete(self, bucket: str, key: str) -> None:
        names.check(bucket, key)
        with self._lock:
            (self._bucket(bucket) or {}).pop(key, None)

    def ensure_bucket(self, bucket: str) -> None:
        names.check_bucket(bucket)
        with self._lock:
            if self._bucket(bucket) is None:
                self._buckets[bucket] = {}

    def _get(self, bucket: str, key: str, max_bytes: int | None) -> tuple[bytes, BlobInfo]:
        names.check(bucket, key)
        with self._lock:
            found = (self._bucket(bucket) or {}).get(key)
            now = self.clock()
        if found is None:
            raise BlobNotFound(bucket, key, "there is no such object")
        data, info = found
        if max_bytes is not None and len(data) > max_bytes:
            raise BlobTooLarge(bucket, key, f"{len(data)} bytes, more than {max_bytes}")
        return data, replace(info, now=now)

    def _bucket(self, bucket: str) -> dict[str, tuple[bytes, BlobInfo]] | None:
        if self.away:
            raise BlobsUnavailable("the memory store is away")
        return self._buckets.get(bucket)


_: type[BlobStore] = MemoryBlobs
