from __future__ import annotations

import io
import json
from typing import Any

import fastavro
import pytest

from molfleet.broker.memory import MemoryBroker
from molfleet.broker.port import BrokerUnavailable, Outgoing
from molfleet.messages.codec import Codec, UnknownFingerprint
from molfleet.messages.directory import SchemaDirectory
from molfleet.messages.generated import ALL_RECORDS
from molfleet.messages.schema import fingerprint, without_logical_types
from tests.builders import train_model
from tests.wire.strategies import PUBLISHED, published

TOPIC = "fleet.schemas"


async def put(broker: MemoryBroker, key: bytes | None, value: bytes | None) -> None:
    producer = broker.producer()
    await producer.start()
    await producer.publish([Outgoing(TOPIC, key, value)])
    await producer.stop()


async def test_every_schema_is_published_under_its_fingerprint() -> None:
    broker = MemoryBroker()
    await SchemaDirectory(Codec(), broker, TOPIC).publish_all()
    index = json.loads((PUBLISHED / "index.json").read_text(encoding="utf-8"))
    held = {record.key: record.value for record in broker.records(TOPIC)}
    assert held == {mark.encode(): (PUBLISHED / file).read_bytes() for mark, file in index.items()}


async def test_what_the_topic_holds_is_not_published_again() -> None:
    broker = MemoryBroker()
    directory = SchemaDirectory(Codec(), broker, TOPIC)
    await directory.publish_all()
    await directory.publish_all()
    assert len(broker.records(TOPIC)) == len(ALL_RECORDS)


async def test_a_deleted_schema_is_published_again() -> None:
    broker = MemoryBroker()
    directory = SchemaDirectory(Codec(), broker, TOPIC)
    await directory.publish_all()
    key = broker.records(TOPIC)[0].key
    await put(broker, key, None)
    await directory.publish_all()
    last = broker.records(TOPIC)[-1]
    assert last.key == key
    assert last.value is not None


async def test_a_command_of_a_newer_schema_is_understood_after_a_refresh() -> None:
    schema: dict[str, Any] = published("TrainModel")
    schema["fields"].append({"name": "priority", "type": "long", "default": 0})
    command = train_model()
    out = io.BytesIO()
    writer = fastavro.parse_schema(without_logical_types(schema))
    fastavro.schemaless_writer(out, writer, {**command.model_dump(mode="json"), "priority": 1})
    value = b"\xc3\x01" + bytes.fromhex(fingerprint(schema)) + out.getvalue()

    broker, codec = MemoryBroker(), Codec()
    directory = SchemaDirectory(codec, broker, TOPIC)
    await directory.refresh()
    with pytest.raises(UnknownFingerprint):
        codec.decode(value)
    await put(broker, fingerprint(schema).encode(), json.dumps(schema).encode())
    await directory.refresh()
    assert codec.decode(value) == command


async def test_records_that_are_no_schemas_are_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    broker, codec = MemoryBroker(), Codec()
    for value in (b"not json", b"\xff\xfe", b"{}", None):
        await put(broker, b"key", value)
    await SchemaDirectory(codec, broker, TOPIC).refresh()
    assert len(caplog.records) == 3
    assert codec.decode(codec.encode(train_model()))


async def test_a_broker_that_is_away_is_not_hidden() -> None:
    broker = MemoryBroker()
    broker.unavailable = True
    with pytest.raises(BrokerUnavailable):
        await SchemaDirectory(Codec(), broker, TOPIC).refresh()
