"""Confluent framing with a registry; the registry is registry_server.py, since none can be run here."""

from __future__ import annotations

import io
import json
import logging
import struct
from collections.abc import Iterator
from typing import Any

import fastavro
import pytest
from pydantic import SecretStr

from molfleet.errors import Unavailable
from molfleet.messages.codec import Codec, Undecodable
from molfleet.messages.generated import TrainModel
from molfleet.messages.registry import SchemaRegistry
from molfleet.messages.schema import without_logical_types
from tests.builders import train_model
from tests.wire.registry_server import Registered, serving
from tests.wire.strategies import PUBLISHED, published

TRAIN_MODEL = "molfleet.commands.TrainModel"
SCHEMA = (PUBLISHED / "TrainModel.avsc").read_text(encoding="utf-8")


@pytest.fixture
def server() -> Iterator[Registered]:
    with serving(Registered()) as state:
        yield state


def codec(server: Registered, *, register: bool = False) -> Codec:
    return Codec(SchemaRegistry(server.url, register=register))


def framed(schema: Any, plain: dict[str, Any], schema_id: int) -> bytes:
    """A value as a producer of Confluent's would write it, by fastavro."""
    out = io.BytesIO(struct.pack(">bI", 0, schema_id))
    out.seek(5)
    fastavro.schemaless_writer(out, fastavro.parse_schema(without_logical_types(schema)), plain)
    return out.getvalue()


def plain_train_model(**more: Any) -> dict[str, Any]:
    return {**json.loads(json.dumps(train_model().model_dump(mode="json"))), **more}


def test_a_value_is_framed_with_the_id_that_the_registry_gave(server: Registered) -> None:
    schema_id = server.add(TRAIN_MODEL, SCHEMA)
    command = train_model()
    value = codec(server).encode(command)
    assert value[:5] == struct.pack(">bI", 0, schema_id)
    assert value[5:] == Codec().encode(command)[10:]
    assert codec(server).decode(value) == command


def test_a_framed_value_of_a_newer_schema_is_understood(server: Registered) -> None:
    newer = published("TrainModel")
    newer["fields"].append({"name": "priority", "type": "long", "default": 0})
    schema_id = server.add(TRAIN_MODEL, json.dumps(newer))
    plain = plain_train_model(priority=7)
    record = codec(server).decode(framed(newer, plain, schema_id))
    assert record.model_dump(mode="json") == {k: v for k, v in plain.items() if k != "priority"}


def test_the_registry_is_asked_once_for_each_schema(server: Registered) -> None:
    server.add(TRAIN_MODEL, SCHEMA)
    writing, reading = codec(server), codec(server)
    value = writing.encode(train_model())
    assert reading.may_block(value)
    for _ in range(3):
        reading.decode(writing.encode(train_model()))
    assert not reading.may_block(value)
    assert server.requests == [f"POST /subjects/{TRAIN_MODEL}", "GET /schemas/ids/100"]


def test_what_was_prepared_is_encoded_without_asking(server: Registered) -> None:
    server.add(TRAIN_MODEL, SCHEMA)
    writing = codec(server)
    writing.prepare([TrainModel])
    asked = list(server.requests)
    writing.encode(train_model())
    assert server.requests == asked != []


def test_preparing_without_a_registry_asks_nobody() -> None:
    Codec().prepare([TrainModel])


def test_nothing_is_registered_unless_told(server: Registered) -> None:
    with pytest.raises(Unavailable, match=f"lacks our schema for the subject {TRAIN_MODEL}"):
        codec(server).encode(train_model())
    assert server.by_id == {}


def test_a_missing_schema_is_registered_where_told(server: Registered) -> None:
    codec(server, register=True).encode(train_model())
    assert [json.loads(held["schema"]) for held in server.by_id.values()] == [json.loads(SCHEMA)]
    assert server.subjects == {TRAIN_MODEL: [100]}


def test_an_unknown_schema_id_is_undecodable(server: Registered) -> None:
    with pytest.raises(Undecodable, match="no schema with the id 77"):
        codec(server).decode(struct.pack(">bI", 0, 77) + b"x")


@pytest.mark.parametrize(
    "more",
    [
        {"schema": '"no such type"'},
        {"schema": '{"type": "object"}', "schemaType": "JSON"},
        {"schema": 'syntax = "proto3";', "schemaType": "PROTOBUF"},
        {"schema": '{"type": "record", "name": "R", "fields": [{"name": "a", "type": "x.Y"}]}'},
    ],
)
def test_a_registered_schema_that_cannot_be_used_makes_its_values_undecodable(
    server: Registered, more: dict[str, Any]
) -> None:
    schema_id = server.add("other", **more)
    with pytest.raises(Undecodable):
        codec(server).decode(struct.pack(">bI", 0, schema_id) + b"x")


def test_a_framed_value_without_a_registry_is_undecodable() -> None:
    with pytest.raises(Undecodable, match="no schema registry is configured"):
        Codec().decode(b"\x00\x00\x00\x00\x01x")


def test_a_registry_that_is_away_is_unavailable_and_asked_again_later(server: Registered) -> None:
    schema_id = server.add(TRAIN_MODEL, SCHEMA)
    command = train_model()
    value = framed(published("TrainModel"), command.model_dump(mode="json"), schema_id)
    both = codec(server)
    server.broken = True
    with pytest.raises(Unavailable):
        both.decode(value)
    with pytest.raises(Unavailable):
        both.encode(command)
    server.broken = False
    assert both.decode(value) == command
    assert both.decode(both.encode(command)) == command


def test_a_registry_that_is_not_there_is_unavailable() -> None:
    with serving(Registered()) as gone:
        pass
    with pytest.raises(Unavailable, match="does not answer"):
        codec(gone).encode(train_model())


@pytest.mark.parametrize("within_url", [True, False])
def test_credentials_are_sent_and_shown_nowhere(
    server: Registered, within_url: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.auth = "user:pass:word"
    url, auth = server.url, SecretStr(server.auth)
    if within_url:
        server.auth = "user:p@ss"
        url = server.url.replace("//", "//user:p%40ss@")
    registry = SchemaRegistry(url, None if within_url else auth, register=True)
    assert Codec(registry).encode(train_model())[:1] == b"\x00"

    server.auth = "other:secret"
    with pytest.raises(Unavailable, match="answered 401") as refused:
        registry.schema_id("another subject", SCHEMA)
    shown = f"{refused.value!r} {registry!r} {vars(registry)!r} {caplog.text}"
    assert "pass:word" not in shown
    assert "p@ss" not in shown
    assert "p%40ss" not in shown
