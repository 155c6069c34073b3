"""What becomes of the bytes of a record."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any
from uuid import uuid4

import fastavro
import pytest

from molfleet.broker.memory import MemoryBroker
from molfleet.broker.port import BrokerUnavailable, Headers, Incoming, Outgoing
from molfleet.errors import Code
from molfleet.messages.codec import Codec
from molfleet.messages.directory import SchemaDirectory
from molfleet.messages.generated import CalculateFeatureVectors
from molfleet.messages.published import published_schemas
from molfleet.messages.schema import fingerprint, full_name
from molfleet.runtime.intake import Intake, Taken, Unreadable
from tests import builders

TOPIC, SCHEMAS = "feature-vectors.commands", "fleet.schemas"
NAME = CalculateFeatureVectors.full_name


@pytest.fixture
async def broker() -> MemoryBroker:
    return MemoryBroker()


@pytest.fixture
async def intake(broker: MemoryBroker) -> Intake:
    codec = Codec()
    return Intake(codec, SchemaDirectory(codec, broker, SCHEMAS), {TOPIC: [NAME]})


def record(value: bytes | None, headers: Headers = ()) -> Incoming:
    return Incoming(TOPIC, 0, 0, b"k", value, headers, 0)


def own_schema() -> dict[str, Any]:
    found: dict[str, Any] = next(
        schema for text in published_schemas().values() if full_name(schema := json.loads(text)) == NAME
    )
    return found


def written(schema: dict[str, Any], **changes: object) -> bytes:
    """A command as a foreign program with that schema writes it."""
    fields = {**builders.calculate_feature_vectors().model_dump(mode="python"), **changes}
    out = BytesIO()
    out.write(b"\xc3\x01" + bytes.fromhex(fingerprint(schema)))
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), fields)
    return out.getvalue()


def newer_schema() -> dict[str, Any]:
    schema = own_schema()
    schema["fields"].append({"name": "priority", "type": "long", "default": 0})
    return schema


async def publish(broker: MemoryBroker, schema: dict[str, Any]) -> None:
    producer = broker.producer()
    await producer.start()
    await producer.publish([Outgoing(SCHEMAS, fingerprint(schema).encode(), json.dumps(schema).encode())])


async def test_a_command_with_a_field_out_of_bounds_is_taken_with_its_problem(intake: Intake) -> None:
    value = written(own_schema(), expires_at=2**60)
    taken = await intake.read(record(value))
    assert isinstance(taken, Taken)
    assert taken.command is None
    assert taken.problem is not None
    assert (taken.problem.code, "expires_at" in taken.problem.message) == (Code.INVALID_COMMAND, True)
    assert taken.value == value


async def test_a_command_without_what_its_events_need_is_unreadable(intake: Intake) -> None:
    schema = own_schema()
    for field in schema["fields"]:
        if field["name"] == "correlation_id":
            field["type"] = "string"
    found = await intake.read(record(written(schema, correlation_id="none at all")))
    assert isinstance(found, Unreadable)
    assert found.reason == "NO_IDENTITY"


async def test_an_unknown_schema_is_looked_up_before_it_is_called_unknown(
    intake: Intake, broker: MemoryBroker
) -> None:
    value = written(newer_schema(), priority=3)
    assert await intake.read(record(value)) == Unreadable(
        "UNKNOWN_SCHEMA", f"No schema is known for the fingerprint {fingerprint(newer_schema())}."
    )
    await publish(broker, newer_schema())
    taken = await intake.read(record(value))
    assert isinstance(taken, Taken)
    assert taken.value != value
    assert Codec().decode(taken.value) == taken.command


async def test_a_schema_that_cannot_be_looked_up_now_condemns_nothing(
    intake: Intake, broker: MemoryBroker
) -> None:
    broker.unavailable = True
    with pytest.raises(BrokerUnavailable):
        await intake.read(record(written(newer_schema(), priority=3)))


async def test_a_receipt_of_another_version_of_the_fleet_is_compared_by_its_own_schema(
    intake: Intake, broker: MemoryBroker
) -> None:
    await publish(broker, newer_schema())
    command = builders.calculate_feature_vectors()
    taken = await intake.read(record(Codec().encode(command)))
    assert isinstance(taken, Taken)
    same = written(newer_schema(), **command.model_dump(mode="python"), priority=0)
    other = written(newer_schema(), **{**command.model_dump(mode="python"), "id": uuid4()}, priority=0)
    assert await intake.same_content(taken, same)
    assert not await intake.same_content(taken, other)
    assert not await intake.same_content(taken, b"damaged")


@pytest.mark.parametrize(
    ("header", "generation"),
    [(b"2", 2), (b"17", 17), (b"0", 1), (b"-1", 1), (b"two", 1), (b"\xff", 1), (b"", 1)],
)
async def test_the_generation_is_the_headers_and_one_where_that_makes_no_sense(
    intake: Intake, header: bytes, generation: int
) -> None:
    value = Codec().encode(builders.calculate_feature_vectors())
    taken = await intake.read(record(value, (("molfleet-generation", header),)))
    assert isinstance(taken, Taken)
    assert taken.generation == generation


async def test_an_event_in_a_command_topic_is_of_the_wrong_type(intake: Intake) -> None:
    found = await intake.read(record(Codec().encode(builders.cancel_command())))
    assert isinstance(found, Unreadable)
    assert found.reason == "WRONG_TYPE"
