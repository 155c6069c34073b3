"""The lease: who works on a command now. It saves double work; the receipt decides the outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from molfleet.blobs.port import (
    BlobInfo,
    BlobNotFound,
    BlobStore,
    BlobsUnavailable,
    PreconditionFailed,
)
from molfleet.ledger import encoding

_KIND = "lease"
_TRIES = 8

#: Stores stamp objects and answers in whole seconds; an age may be read up to this much too large.
CLOCK_GRAIN_S = 1.0


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease that was ours when the store answered.

    `token` names this one acquisition; `counter` grows with each renewal, so that no two versions have
    equal bytes and hence no two have equal etags.
    """

    key: str
    owner: str
    token: UUID
    counter: int
    ttl_s: float
    etag: str


@dataclass(frozen=True, slots=True)
class Held:
    """Somebody else's living lease, by the store's clock."""

    by: str
    age_s: float
    expires_in_s: float


class LeaseLost(Exception):
    """Another was seen to have taken (or removed) the lease."""

    def __init__(self, key: str, by: str | None) -> None:
        super().__init__(f"{key}: the lease is {f'held by {by}' if by else 'gone'}")
        self.key = key
        self.by = by


@dataclass(frozen=True, slots=True)
class _Entry:
    owner: str
    token: UUID
    counter: int
    ttl_s: float
    free: bool = False

    def encode(self) -> bytes:
        return encoding.dump(
            _KIND,
            {
                "owner": self.owner,
                "token": str(self.token),
                "counter": self.counter,
                "ttl_s": self.ttl_s,
                "free": self.free,
            },
        )

    @classmethod
    def build(cls, entry: Mapping[str, Any]) -> _Entry:
        return cls(
            entry["owner"], UUID(entry["token"]), entry["counter"], float(entry["ttl_s"]), entry["free"]
        )


class Leases:
    """Leases in the state bucket. No local clock is ever read: ages are the store's own.

    Every method may raise BlobsUnavailable, which says nothing about who holds the lease.
    """

    def __init__(self, store: BlobStore, bucket: str, ttl_s: float) -> None:
        self._store = store
        self._bucket = bucket
        self.ttl_s = ttl_s

    def acquire(self, key: str, owner: str) -> Lease | Held:
        """Take the lease at `key` (see Keys.lease) if it is free, absent or past its time to live.

        Two acquisitions by one owner are two: the second finds the first held.
        """
        mine = _Entry(owner, uuid4(), 1, self.ttl_s)
        for _ in range(_TRIES):
            found = self._read(key)
            if found is None:
                etag = None
            else:
                entry, info = found
                if entry.token == mine.token:
                    return self._lease(key, mine, info.etag)  # our write whose answer was lost
                age_s = max(0.0, info.age_s)
                expires_in_s = entry.ttl_s + CLOCK_GRAIN_S - age_s
                if not entry.free and expires_in_s > 0:
                    return Held(entry.owner, age_s, expires_in_s)
                etag = info.etag
            try:
                return self._lease(key, mine, self._write(key, mine, etag))
            except PreconditionFailed:
                continue
        raise BlobsUnavailable(f"{key}: the lease kept changing while it was acquired")

    def renew(self, lease: Lease) -> Lease:
        """The same lease, younger; also one past its time, as long as nobody took it.

        Raises LeaseLost only where another's entry, a released one or none was seen. A renewal that an
        earlier call wrote without hearing the answer is written once more: only that makes it young.
        """
        etag, counter = lease.etag, lease.counter
        for _ in range(_TRIES):
            younger = _Entry(lease.owner, lease.token, counter + 1, lease.ttl_s)
            try:
                return self._lease(lease.key, younger, self._write(lease.key, younger, etag))
            except PreconditionFailed:
                found = self._read(lease.key)
            if found is None:
                raise LeaseLost(lease.key, None)
            entry, info = found
            if entry.token != lease.token or entry.free:
                raise LeaseLost(lease.key, None if entry.free else entry.owner)
            etag, counter = info.etag, entry.counter
        raise BlobsUnavailable(f"{lease.key}: the lease kept changing while it was renewed")

    def release(self, lease: Lease) -> None:
        """Free the lease if it is still ours.

        The port has no conditional delete, and an unconditional one could remove the entry of whoever
        took the lease in between; so a small entry that says "free" stays behind.
        """
        etag, counter = lease.etag, lease.counter
        for _ in range(_TRIES):
            free = _Entry(lease.owner, lease.token, counter + 1, lease.ttl_s, free=True)
            try:
                self._write(lease.key, free, etag)
                return
            except PreconditionFailed:
                found = self._read(lease.key)
            if found is None or found[0].token != lease.token or found[0].free:
                return
            etag, counter = found[1].etag, found[0].counter
        raise BlobsUnavailable(f"{lease.key}: the lease kept changing while it was released")

    def _lease(self, key: str, entry: _Entry, etag: str) -> Lease:
        return Lease(key, entry.owner, entry.token, entry.counter, entry.ttl_s, etag)

    def _write(self, key: str, entry: _Entry, etag: str | None) -> str:
        data = entry.encode()
        if etag is None:
            return self._store.put(self._bucket, key, data, if_absent=True).etag
        return self._store.put(self._bucket, key, data, if_match=etag).etag

    def _read(self, key: str) -> tuple[_Entry, BlobInfo] | None:
        try:
            data, info = self._store.read(self._bucket, key)
        except BlobNotFound:
            return None
        return encoding.load(_KIND, key, data, _Entry.build), info
