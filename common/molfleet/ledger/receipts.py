"""The receipt: the one atomic fact on which "one command, one outcome" rests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from molfleet.blobs.port import BlobNotFound, BlobStore, BlobsUnavailable, PreconditionFailed
from molfleet.broker.port import Headers
from molfleet.ledger import encoding
from molfleet.ledger.keys import Keys

_KIND = "receipt"
_TRIES = 8


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One event as it is published, byte for byte, however often."""

    topic: str
    key: bytes | None
    value: bytes
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class StoredOutput:
    """A blob that the winning attempt wrote."""

    bucket: str
    key: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """The outcome of one generation of one command, and all that publishing it takes.

    `command` is the command's value as this version encodes it, by which a second command of the same
    id is compared; `attempt` names the attempt that won; `attempts` counts those begun; `timings` are
    seconds by name; `versions` names the software; `dead_letter` says that the command also goes to
    the dead-letter topic.
    """

    command_type: str
    command_id: UUID
    generation: int
    attempt: UUID
    command: bytes
    events: tuple[StoredEvent, ...]
    outcome: Literal["done", "failed"]
    created: datetime
    command_headers: Headers = ()
    outputs: tuple[StoredOutput, ...] = ()
    attempts: int = 1
    timings: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    code: str | None = None
    dead_letter: bool = False

    def encode(self) -> bytes:
        return encoding.dump(
            _KIND,
            {
                "command_type": self.command_type,
                "command_id": str(self.command_id),
                "generation": self.generation,
                "attempt": str(self.attempt),
                "command": encoding.text(self.command),
                "command_headers": encoding.headers_out(self.command_headers),
                "events": [
                    {
                        "topic": event.topic,
                        "key": None if event.key is None else encoding.text(event.key),
                        "value": encoding.text(event.value),
                        "headers": encoding.headers_out(event.headers),
                    }
                    for event in self.events
                ],
                "outputs": [
                    {"bucket": output.bucket, "key": output.key, "sha256": output.sha256}
                    for output in self.outputs
                ],
                "attempts": self.attempts,
                "timings": dict(self.timings),
                "versions": dict(self.versions),
                "outcome": self.outcome,
                "code": self.code,
                "dead_letter": self.dead_letter,
                "created": encoding.time_out(self.created),
            },
        )

    @classmethod
    def decode(cls, key: str, data: bytes) -> Receipt:
        """Raises UnreadableEntry."""
        return encoding.load(_KIND, key, data, _receipt)


def _receipt(entry: Mapping[str, Any]) -> Receipt:
    if entry["outcome"] not in ("done", "failed"):
        raise ValueError(f"unknown outcome {entry['outcome']!r}")
    return Receipt(
        command_type=entry["command_type"],
        command_id=UUID(entry["command_id"]),
        generation=entry["generation"],
        attempt=UUID(entry["attempt"]),
        command=encoding.octets(entry["command"]),
        command_headers=encoding.headers_in(entry["command_headers"]),
        events=tuple(
            StoredEvent(
                event["topic"],
                None if event["key"] is None else encoding.octets(event["key"]),
                encoding.octets(event["value"]),
                encoding.headers_in(event["headers"]),
            )
            for event in entry["events"]
        ),
        outputs=tuple(
            StoredOutput(output["bucket"], output["key"], output["sha256"]) for output in entry["outputs"]
        ),
        attempts=entry["attempts"],
        timings=entry["timings"],
        versions=entry["versions"],
        outcome=entry["outcome"],
        code=entry["code"],
        dead_letter=entry["dead_letter"],
        created=encoding.time_in(entry["created"]),
    )


class Receipts:
    """All receipts in the state bucket. Every method may raise BlobsUnavailable and UnreadableEntry."""

    def __init__(self, store: BlobStore, bucket: str, prefix: str = "") -> None:
        self._store = store
        self._bucket = bucket
        self._keys = Keys(prefix)

    def get(self, command_type: str, command_id: UUID, generation: int = 1) -> Receipt | None:
        key = self._keys.receipt(command_type, command_id, generation)
        try:
            data, _ = self._store.read(self._bucket, key)
        except BlobNotFound:
            return None
        return Receipt.decode(key, data)

    def put_if_absent(self, receipt: Receipt) -> Receipt:
        """The receipt that counts from now on: this one, or that of whoever came first.

        If the answer names our attempt we won, even where the write looked lost.
        """
        key = self._keys.receipt(receipt.command_type, receipt.command_id, receipt.generation)
        for _ in range(_TRIES):
            try:
                self._store.put(
                    self._bucket, key, receipt.encode(), if_absent=True, content_type="application/json"
                )
                return receipt
            except PreconditionFailed:
                winner = self.get(receipt.command_type, receipt.command_id, receipt.generation)
            if winner is not None:
                return winner
        raise BlobsUnavailable(f"{key}: refused as present, yet not found")

    def latest_generation(self, command_type: str, command_id: UUID) -> int:
        """The highest generation that has a receipt; 0 where none has."""
        return max(
            (generation for kind, generation in self._known(command_id) if kind == command_type), default=0
        )

    def find(self, command_id: UUID) -> list[Receipt]:
        """All receipts of an id, of every type and generation, in this order."""
        found = (self.get(kind, command_id, generation) for kind, generation in self._sorted(command_id))
        return [receipt for receipt in found if receipt is not None]

    def _sorted(self, command_id: UUID) -> list[tuple[str, int]]:
        return sorted(self._known(command_id))

    def _known(self, command_id: UUID) -> Iterator[tuple[str, int]]:
        for info in self._store.list(self._bucket, self._keys.receipts(command_id)):
            if parsed := self._keys.parse_receipt(info.key):
                yield parsed[0], parsed[2]
