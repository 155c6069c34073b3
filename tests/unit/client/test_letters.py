"""Dead letters read back as they were written, by us or by Spring."""

from __future__ import annotations

import struct

from molfleet.broker.port import Incoming, Partition
from molfleet.runtime import letters
from molfleet.runtime.dead_letters import dead_letter

RECORD = Incoming("training.commands", 3, 17, b"k", b"v", (("traceparent", b"t"), ("x", b"1")), 1_700_000)


def test_what_the_runtime_writes_is_read_back_with_the_original_headers() -> None:
    sent = dead_letter(RECORD, "training.commands.dead-letters", "g", "UNDECODABLE", "no schema é")
    assert sent.value == RECORD.value
    letter = letters.read(Incoming(sent.topic, 0, 4, sent.key, sent.value, sent.headers, 2_000_000))
    assert letter.place == Partition("training.commands.dead-letters", 0)
    assert letter.place_offset == 4
    assert (letter.source, letter.offset) == (Partition("training.commands", 3), 17)
    assert letter.timestamp_ms == 1_700_000
    assert (letter.group, letter.reason, letter.message) == ("g", "UNDECODABLE", "no schema é")
    assert letter.headers == RECORD.headers
    assert (letter.key, letter.value) == (b"k", b"v")


def test_a_letter_without_reasons_or_with_malformed_ones_is_read_as_far_as_it_goes() -> None:
    headers = (("kafka_dlt-original-topic", b"t"), ("kafka_dlt-original-partition", b"\x00"))
    letter = letters.read(Incoming("t.dead-letters", 0, 0, None, None, headers, 5))
    assert (letter.source, letter.offset, letter.timestamp_ms) == (None, None, 5)
    assert (letter.reason, letter.value) == ("", None)


def test_partition_and_offset_are_big_endian_as_spring_writes_them() -> None:
    headers = (
        ("kafka_dlt-original-topic", b"t"),
        ("kafka_dlt-original-partition", struct.pack(">i", 258)),
        ("kafka_dlt-original-offset", struct.pack(">q", 1 << 40)),
    )
    letter = letters.read(Incoming("t.dead-letters", 0, 0, None, None, headers, 5))
    assert (letter.source, letter.offset) == (Partition("t", 258), 1 << 40)
