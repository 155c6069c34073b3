"""Dead letters: the original bytes, key and headers, and beside them why (Spring's header names)."""

from __future__ import annotations

import struct

from molfleet.broker.port import Headers, Incoming, Outgoing

PREFIX = "kafka_dlt-"
_MAX_TEXT = 4_000


def dead_letter(record: Incoming, topic: str, group: str, reason: str, message: str) -> Outgoing:
    """The record as it goes to `topic`; numbers are big-endian, as Spring writes them."""
    return Outgoing(
        topic,
        record.key,
        record.value,
        (
            *without_reasons(record.headers),
            (f"{PREFIX}original-topic", record.topic.encode()),
            (f"{PREFIX}original-partition", struct.pack("!i", record.partition)),
            (f"{PREFIX}original-offset", struct.pack("!q", record.offset)),
            (f"{PREFIX}original-timestamp", struct.pack("!q", record.timestamp_ms)),
            (f"{PREFIX}original-consumer-group", group.encode()),
            (f"{PREFIX}exception-fqcn", reason.encode()),
            (f"{PREFIX}exception-message", message[:_MAX_TEXT].encode("utf-8", "replace")),
        ),
    )


def without_reasons(headers: Headers) -> Headers:
    """Headers as they were before the record first became a dead letter."""
    return tuple((name, value) for name, value in headers if not name.startswith(PREFIX))
