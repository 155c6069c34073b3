"""Reading dead letters: the counterpart of `dead_letters`, which writes them."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from molfleet.broker.port import Headers, Incoming, Partition
from molfleet.runtime.dead_letters import PREFIX, without_reasons


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that no worker could answer, and why.

    `source` and `offset` are where it first lay; None where the headers that say so are missing or
    malformed. `headers` are the original ones.
    """

    place: Partition
    place_offset: int
    source: Partition | None
    offset: int | None
    timestamp_ms: int
    group: str
    reason: str
    message: str
    key: bytes | None
    value: bytes | None
    headers: Headers


def read(record: Incoming) -> DeadLetter:
    """What a record of a dead-letter topic says, whoever wrote it (Spring's headers)."""
    said = {
        name.removeprefix(PREFIX): value
        for name, value in record.headers
        if name.startswith(PREFIX) and value is not None
    }
    topic = _text(said, "original-topic")
    number = _number(said, "original-partition")
    moment = _number(said, "original-timestamp")
    return DeadLetter(
        place=record.source,
        place_offset=record.offset,
        source=Partition(topic, number) if topic and number is not None else None,
        offset=_number(said, "original-offset"),
        timestamp_ms=record.timestamp_ms if moment is None else moment,
        group=_text(said, "original-consumer-group"),
        reason=_text(said, "exception-fqcn"),
        message=_text(said, "exception-message"),
        key=record.key,
        value=record.value,
        headers=without_reasons(record.headers),
    )


def _text(said: dict[str, bytes], name: str) -> str:
    return said.get(name, b"").decode("utf-8", "replace")


def _number(said: dict[str, bytes], name: str) -> int | None:
    """A big-endian integer of 4 or 8 bytes."""
    raw = said.get(name, b"")
    if len(raw) not in (4, 8):
        return None
    return int(struct.unpack("!i" if len(raw) == 4 else "!q", raw)[0])
