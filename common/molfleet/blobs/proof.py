"""The proof, at every start, that a store honours what the ledger is built on."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from uuid import uuid4

from molfleet.blobs.port import BlobError, BlobNotFound, BlobStore, PreconditionFailed
from molfleet.errors import Unavailable

_RACERS = 8
_SANE_AGE_S = 60.0


class UnfitStore(Exception):
    """The store ignores a condition; the message names both. No worker may run on it."""


def prove_conditions(store: BlobStore, bucket: str) -> None:
    """Write, race, replace and remove one small object of a random name in `bucket`.

    Raises UnfitStore; BlobDenied, BlobNotFound or BlobsUnavailable where the store cannot be tried.
    """
    store.ensure_bucket(bucket)
    key = f"proof/{uuid4()}"
    try:
        _prove(_Trial(store, bucket, key))
    finally:
        with suppress(BlobError, Unavailable):
            store.delete(bucket, key)


class _Trial:
    """One object under test. A refusal of our own repeated write is not held against the store."""

    def __init__(self, store: BlobStore, bucket: str, key: str) -> None:
        self.store = store
        self.bucket = bucket
        self.key = key

    def content(self) -> bytes | None:
        try:
            return self.store.read(self.bucket, self.key)[0]
        except BlobNotFound:
            return None

    def tag(self) -> str:
        return self.store.stat(self.bucket, self.key).etag

    def put(self, data: bytes, *, if_absent: bool = False, if_match: str | None = None) -> bool:
        """Whether the store says that it wrote."""
        try:
            self.store.put(self.bucket, self.key, data, if_absent=if_absent, if_match=if_match)
        except PreconditionFailed:
            return False
        return True

    def require(self, holds: bool, fault: str) -> None:
        if not holds:
            raise UnfitStore(f"{self.store} is unfit for the fleet's state: it {fault}")

    def refused(self, write: Callable[[], bool], before: bytes | None, fault: str) -> None:
        self.require(not write() and self.content() == before, fault)


def _prove(trial: _Trial) -> None:
    trial.put(b"1", if_absent=True)
    trial.require(trial.content() == b"1", "refuses If-None-Match: * on an absent key")
    trial.refused(
        lambda: trial.put(b"2", if_absent=True), b"1", "ignores If-None-Match: * on a key that is present"
    )
    first = trial.tag()
    trial.put(b"3", if_match=first)
    trial.require(trial.content() == b"3", "refuses If-Match with the current tag")
    trial.require(trial.tag() != first, "keeps the tag of an object whose content changes")
    trial.refused(lambda: trial.put(b"4", if_match=first), b"3", "ignores If-Match with a stale tag")
    trial.put(b"5")
    trial.require(trial.content() == b"5", "does not show an overwritten object's new content")
    age_s = trial.store.stat(trial.bucket, trial.key).age_s
    trial.require(
        abs(age_s) < _SANE_AGE_S,
        f"calls an object just written {age_s:.0f} s old: its clocks differ",
    )
    last = trial.tag()
    trial.store.delete(trial.bucket, trial.key)
    trial.require(trial.content() is None, "still shows an object that was deleted")
    trial.refused(lambda: trial.put(b"6", if_match=last), None, "ignores If-Match on an absent key")
    with ThreadPoolExecutor(_RACERS) as pool:
        won = list(pool.map(lambda n: trial.put(b"racer %d" % n, if_absent=True), range(_RACERS)))
    # None may have won by its own count where an answer was lost: then the object is one of theirs.
    trial.require(
        sum(won) <= 1 and (trial.content() or b"").startswith(b"racer"),
        f"lets {sum(won)} of {_RACERS} concurrent writers win with If-None-Match: *",
    )
