"""Our codec against the golden bytes, against fastavro, and against bytes that are none of ours."""

from __future__ import annotations

import io
import json
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from molfleet.messages.codec import Codec, DecodingError, InvalidFields, Undecodable
from molfleet.messages.generated import ALL_RECORDS
from molfleet.messages.schema import without_logical_types
from tests.wire.strategies import published, values

GOLDEN: dict[str, Any] = json.loads(Path(__file__).with_name("golden.json").read_text(encoding="utf-8"))
NAMES = sorted(ALL_RECORDS)
CODEC = Codec()


def golden(name: str) -> bytes:
    return bytes.fromhex(GOLDEN[name.rpartition(".")[2]]["hex"])


@cache
def drawn(name: str) -> st.SearchStrategy[Any]:
    return values(published(name))


@cache
def parsed(name: str) -> Any:
    return fastavro.parse_schema(without_logical_types(published(name)))


@pytest.mark.parametrize("name", NAMES)
def test_golden_bytes_are_read_and_written_again_as_they_are(name: str) -> None:
    record = CODEC.decode(golden(name))
    assert type(record) is ALL_RECORDS[name]
    assert record == ALL_RECORDS[name].model_validate(GOLDEN[name.rpartition(".")[2]]["values"])
    assert CODEC.encode(record) == golden(name)


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@settings(max_examples=12, deadline=None)
def test_what_is_encoded_is_decoded_as_it_was(name: str, data: st.DataObject) -> None:
    plain = data.draw(drawn(name))
    record = ALL_RECORDS[name].model_validate(plain)
    value = CODEC.encode(record)
    assert CODEC.decode(value) == record
    assert fastavro.schemaless_reader(io.BytesIO(value[10:]), parsed(name)) == plain


@pytest.mark.parametrize("name", NAMES)
def test_no_truncation_of_a_golden_value_is_a_message(name: str) -> None:
    value = golden(name)
    for end in range(len(value)):
        with pytest.raises((Undecodable, InvalidFields)):
            CODEC.decode(value[:end])


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@settings(max_examples=12, deadline=None)
def test_a_damaged_golden_value_is_a_message_or_a_decoding_error(name: str, data: st.DataObject) -> None:
    value = bytearray(golden(name))
    for _ in range(data.draw(st.integers(1, 4))):
        value[data.draw(st.integers(10, len(value) - 1))] = data.draw(st.integers(0, 255))
    try:
        record = CODEC.decode(bytes(value))
    except DecodingError:
        return
    assert CODEC.decode(CODEC.encode(record)) == record or "nan" in repr(record)


@given(st.binary(max_size=200), st.sampled_from([b"", b"\xc3\x01", b"\x00", *map(golden, NAMES)]))
@settings(max_examples=150, deadline=None)
def test_random_bytes_raise_nothing_but_decoding_errors(tail: bytes, start: bytes) -> None:
    with suppress(DecodingError):
        CODEC.decode(start[:10] + tail)
