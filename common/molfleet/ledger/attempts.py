"""The attempt record: how often a command was tried, and how often its worker died on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from molfleet.blobs.port import BlobNotFound, BlobStore, BlobsUnavailable, PreconditionFailed
from molfleet.ledger import encoding
from molfleet.ledger.checkpoints import Checkpoints
from molfleet.ledger.keys import Keys

_KIND = "attempts"
_TRIES = 8
_KEPT = 50


class Ending(StrEnum):
    """How an attempt ended. Only the two deaths count against the command."""

    FINISHED = "finished"
    HANDED_BACK = "handed_back"
    NOT_COUNTED = "not_counted"
    CHILD_DIED = "child_died"
    WORKER_DIED = "worker_died"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try. `ended` is None while it runs, or where its worker died before it could say."""

    attempt: UUID
    worker: str
    at: datetime
    ended: Ending | None = None


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """`begun`: attempts ever; `child_deaths`: in all; `worker_deaths`: since the last new checkpoint.

    `attempts` are the latest ones, oldest first; `checkpoints` the names seen when the last began.
    """

    begun: int = 0
    child_deaths: int = 0
    worker_deaths: int = 0
    handed_back: int = 0
    checkpoints: frozenset[str] = frozenset()
    attempts: tuple[Attempt, ...] = ()

    def buried(self, checkpoints: frozenset[str]) -> AttemptRecord:
        """This record with every attempt that is still open counted as a worker's death.

        The caller holds the lease, so an attempt that has not ended never will. A death after the
        newest checkpoint counts; those before it do not, since the command got further meanwhile.
        """
        progressed = bool(checkpoints - self.checkpoints)
        dead = sum(known.ended is None for known in self.attempts)
        return replace(
            self,
            worker_deaths=(0 if progressed else self.worker_deaths) + dead,
            checkpoints=self.checkpoints | checkpoints,
            attempts=tuple(
                replace(known, ended=known.ended or Ending.WORKER_DIED) for known in self.attempts
            ),
        )

    def begin(self, attempt: UUID, worker: str, at: datetime, checkpoints: frozenset[str]) -> AttemptRecord:
        """This record with a new attempt, those before it being buried."""
        if any(known.attempt == attempt for known in self.attempts):
            return self
        past = self.buried(checkpoints)
        return replace(
            past,
            begun=past.begun + 1,
            attempts=(*past.attempts, Attempt(attempt, worker, at))[-_KEPT:],
        )

    def end(self, attempt: UUID, how: Ending) -> AttemptRecord:
        """This record with that attempt ended; unchanged where it is unknown or has ended before."""
        if not any(known.attempt == attempt and known.ended is None for known in self.attempts):
            return self
        return replace(
            self,
            child_deaths=self.child_deaths + (how is Ending.CHILD_DIED),
            worker_deaths=self.worker_deaths + (how is Ending.WORKER_DIED),
            handed_back=self.handed_back + (how is Ending.HANDED_BACK),
            attempts=tuple(
                replace(known, ended=how) if known.attempt == attempt else known for known in self.attempts
            ),
        )

    def encode(self) -> bytes:
        return encoding.dump(
            _KIND,
            {
                "begun": self.begun,
                "child_deaths": self.child_deaths,
                "worker_deaths": self.worker_deaths,
                "handed_back": self.handed_back,
                "checkpoints": sorted(self.checkpoints),
                "attempts": [
                    {
                        "attempt": str(known.attempt),
                        "worker": known.worker,
                        "at": encoding.time_out(known.at),
                        "ended": known.ended,
                    }
                    for known in self.attempts
                ],
            },
        )

    @classmethod
    def decode(cls, key: str, data: bytes) -> AttemptRecord:
        """Raises UnreadableEntry."""
        return encoding.load(_KIND, key, data, _record)


def _record(entry: Mapping[str, Any]) -> AttemptRecord:
    return AttemptRecord(
        begun=entry["begun"],
        child_deaths=entry["child_deaths"],
        worker_deaths=entry["worker_deaths"],
        handed_back=entry["handed_back"],
        checkpoints=frozenset(entry["checkpoints"]),
        attempts=tuple(
            Attempt(
                UUID(known["attempt"]),
                known["worker"],
                encoding.time_in(known["at"]),
                None if known["ended"] is None else Ending(known["ended"]),
            )
            for known in entry["attempts"]
        ),
    )


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Attempts:
    """Attempt records in the state bucket, changed by compare-and-set.

    Every method may raise BlobsUnavailable and UnreadableEntry. Repeating a call changes nothing.
    """

    def __init__(
        self,
        store: BlobStore,
        bucket: str,
        prefix: str = "",
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._store = store
        self._bucket = bucket
        self._keys = Keys(prefix)
        self._checkpoints = Checkpoints(store, bucket, prefix)
        self._clock = clock

    def get(self, command_type: str, command_id: UUID, generation: int) -> AttemptRecord:
        """The record as it is; an empty one where nothing was tried."""
        return self._read(self._keys.attempts(command_type, command_id, generation))[0]

    def bury(self, command_type: str, command_id: UUID, generation: int) -> AttemptRecord:
        """Count as deaths what earlier workers left open; the caller must hold the lease."""
        key = self._keys.attempts(command_type, command_id, generation)
        if not self._read(key)[0].attempts:
            return AttemptRecord()
        names = self._checkpoints.names(command_type, command_id, generation)
        return self._change(key, lambda record: record.buried(names))

    def begin(
        self, command_type: str, command_id: UUID, generation: int, attempt: UUID, worker: str
    ) -> AttemptRecord:
        """Note, before the child starts, that `worker` begins `attempt`; it must hold the lease."""
        names = self._checkpoints.names(command_type, command_id, generation)
        now = self._clock()
        return self._change(
            self._keys.attempts(command_type, command_id, generation),
            lambda record: record.begin(attempt, worker, now, names),
        )

    def end(
        self, command_type: str, command_id: UUID, generation: int, attempt: UUID, how: Ending
    ) -> AttemptRecord:
        """Note how an attempt ended; one that another already counted as dead stays so."""
        return self._change(
            self._keys.attempts(command_type, command_id, generation),
            lambda record: record.end(attempt, how),
        )

    def _change(self, key: str, change: Callable[[AttemptRecord], AttemptRecord]) -> AttemptRecord:
        for _ in range(_TRIES):
            record, etag = self._read(key)
            changed = change(record)
            if changed == record:
                return record
            try:
                if etag is None:
                    self._store.put(self._bucket, key, changed.encode(), if_absent=True)
                else:
                    self._store.put(self._bucket, key, changed.encode(), if_match=etag)
                return changed
            except PreconditionFailed:
                continue
        raise BlobsUnavailable(f"{key}: the attempt record kept changing while it was written")

    def _read(self, key: str) -> tuple[AttemptRecord, str | None]:
        try:
            data, info = self._store.read(self._bucket, key)
        except BlobNotFound:
            return AttemptRecord(), None
        return AttemptRecord.decode(key, data), info.etag
