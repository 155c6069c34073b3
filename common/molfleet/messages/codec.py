"""Messages to bytes and back: Avro single-object encoding, and Confluent framing with a registry."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Protocol

import fastavro
from pydantic import ValidationError

from molfleet.messages.generated import ALL_RECORDS
from molfleet.messages.published import published_schemas
from molfleet.messages.record import Record
from molfleet.messages.schema import check_bounded, fingerprint, full_name, without_logical_types

SINGLE_OBJECT = b"\xc3\x01"
CONFLUENT = b"\x00"
_SINGLE_OBJECT_HEAD = 10
_CONFLUENT_HEAD = 5

#: Bounds the memory that one value may take, which is at worst some 250 times its bytes.
MAX_BYTES = 4 << 20
_MAX_SCHEMA_CHARACTERS = 1 << 20


class DecodingError(Exception):
    """Bytes that are no valid message; one of the three below."""


class Undecodable(DecodingError):
    """The bytes are no message at all, or one of a schema that cannot be used; the text says why."""


class UnknownFingerprint(DecodingError):
    """A single-object value of a schema not known (yet): `learn` it, then decode again."""

    def __init__(self, mark: str) -> None:
        super().__init__(f"no schema is known for the fingerprint {mark}")
        self.fingerprint = mark


class InvalidFields(DecodingError):
    """A message of a known type that decoded, but whose fields break the rules of the type.

    `values` are the plain decoded fields, `problems` one sentence per field at fault.
    """

    def __init__(self, record_type: type[Record], values: dict[str, Any], problems: list[str]) -> None:
        super().__init__(f"{record_type.full_name}: {'; '.join(problems)}")
        self.record_type = record_type
        self.values = values
        self.problems = problems


class Registry(Protocol):
    """A schema registry as the codec needs it. Both raise Unavailable where it is away."""

    def schema(self, schema_id: int) -> str | None:
        """The schema's JSON, or None for an id that the registry does not know.

        Raises ValueError where the registered schema is not plain Avro.
        """
        ...

    def schema_id(self, subject: str, schema_json: str) -> int:
        """The id under which the schema is registered for the subject."""
        ...


@dataclass(frozen=True, slots=True)
class _Reading:
    """How values of one writer's schema are read. `reader` is None where it is our own schema."""

    record_type: type[Record]
    writer: Any
    reader: Any


@dataclass(frozen=True, slots=True)
class _Writing:
    mark: str
    head: bytes
    schema_json: str
    schema: Any


class Codec:
    """Encodes messages with this version's schemas; decodes those of every schema that it knows.

    With a registry values are written in Confluent framing; both framings are always read. A call
    that meets a schema id for the first time asks the registry and blocks meanwhile (see `may_block`).
    """

    def __init__(self, registry: Registry | None = None, *, max_bytes: int = MAX_BYTES) -> None:
        self._registry = registry
        self._max_bytes = max_bytes
        self._readings: dict[bytes, _Reading | str] = {}
        self._by_id: dict[int, _Reading | str] = {}
        self._ids: dict[type[Record], int] = {}
        self._writings: dict[type[Record], _Writing] = {}
        for mark, text in published_schemas().items():
            schema = json.loads(text)
            record_type = ALL_RECORDS[full_name(schema)]
            head = bytes.fromhex(mark)
            # The logical types let fastavro write UUIDs; reading without them leaves a malformed
            # one to pydantic, which names the field.
            writing = _Writing(mark, SINGLE_OBJECT + head, text, fastavro.parse_schema(schema))
            plain = fastavro.parse_schema(without_logical_types(schema))
            self._writings[record_type] = writing
            self._readings[head] = _Reading(record_type, plain, None)
        self._plain = {
            reading.record_type: reading.writer
            for reading in self._readings.values()
            if isinstance(reading, _Reading)
        }

    def fingerprint(self, record: Record | type[Record]) -> str:
        """Hex fingerprint of the schema with which this version writes the record."""
        return self._writings[record if isinstance(record, type) else type(record)].mark

    def prepare(self, record_types: Iterable[type[Record]]) -> None:
        """Ask the registry what `encode` of these needs: then it never blocks. Raises Unavailable."""
        if self._registry is not None:
            for record_type in record_types:
                self._schema_id(self._registry, record_type)

    def encode(self, record: Record) -> bytes:
        """The record's value for Kafka. Raises Unavailable where the registry is needed and away."""
        if self._registry is None:
            return self.encode_single_object(record)
        schema_id = self._schema_id(self._registry, type(record))
        return self._encoded(record, CONFLUENT + schema_id.to_bytes(4, "big"))

    def _schema_id(self, registry: Registry, record_type: type[Record]) -> int:
        schema_id = self._ids.get(record_type)
        if schema_id is None:
            schema_json = self._writings[record_type].schema_json
            schema_id = registry.schema_id(record_type.full_name, schema_json)
            self._ids[record_type] = schema_id
        return schema_id

    def encode_single_object(self, record: Record) -> bytes:
        """The record in single-object encoding, registry or not: what any other Codec can read."""
        return self._encoded(record, self._writings[type(record)].head)

    def is_current(self, value: bytes) -> bool:
        """Whether the value is in single-object encoding with a schema of this version."""
        reading = self._readings.get(value[2:_SINGLE_OBJECT_HEAD])
        own = isinstance(reading, _Reading) and reading.reader is None
        return own and value.startswith(SINGLE_OBJECT)

    def may_block(self, value: bytes) -> bool:
        """Whether `decode` of this value would ask the registry over the network."""
        return (
            self._registry is not None
            and value.startswith(CONFLUENT)
            and int.from_bytes(value[1:_CONFLUENT_HEAD], "big") not in self._by_id
        )

    def decode(self, value: bytes | None) -> Record:
        """The message in the value.

        Raises Undecodable, UnknownFingerprint, InvalidFields; Unavailable where the registry is needed
        and away.
        """
        record_type, values = self.glance(value)
        try:
            return record_type.model_validate(values)
        except ValidationError as error:
            raise InvalidFields(record_type, values, problems(error)) from None

    def glance(self, value: bytes | None) -> tuple[type[Record], dict[str, Any]]:
        """The type and the plain fields of a message, not yet held against the rules of the type.

        Ids are text, times milliseconds. Raises as `decode` does, but for InvalidFields.
        """
        if not value:
            raise Undecodable("the value is null" if value is None else "the value is empty")
        if len(value) > self._max_bytes:
            raise Undecodable(f"the value has {len(value)} bytes, more than {self._max_bytes}")
        if value.startswith(SINGLE_OBJECT):
            reading, head = self._known(value), _SINGLE_OBJECT_HEAD
        elif value.startswith(CONFLUENT):
            reading, head = self._registered(value), _CONFLUENT_HEAD
        else:
            raise Undecodable(
                f"the value begins with {value[:2].hex()}, neither with c301 (Avro single-object "
                "encoding) nor with 00 (Confluent framing)"
            )
        if isinstance(reading, str):
            raise Undecodable(reading)
        return reading.record_type, _read(reading, value, head)

    def learn(self, schema_json: str) -> str:
        """Make values of this writer's schema readable; returns its fingerprint.

        A schema that names no message of ours, or that is not safe to read, is remembered as unusable:
        its values are Undecodable, saying why. Raises ValueError for what is no Avro schema.
        """
        mark, reading = self._understood(schema_json)
        self._readings.setdefault(bytes.fromhex(mark), reading)
        return mark

    def _encoded(self, record: Record, head: bytes) -> bytes:
        out = BytesIO()
        out.write(head)
        # fastavro would take a tuple in a union for a pair of branch name and value.
        fastavro.schemaless_writer(
            out, self._writings[type(record)].schema, record.model_dump(), disable_tuple_notation=True
        )
        return out.getvalue()

    def _known(self, value: bytes) -> _Reading | str:
        if len(value) < _SINGLE_OBJECT_HEAD:
            raise Undecodable("the value ends within its fingerprint")
        mark = value[2:_SINGLE_OBJECT_HEAD]
        reading = self._readings.get(mark)
        if reading is None:
            raise UnknownFingerprint(mark.hex())
        return reading

    def _registered(self, value: bytes) -> _Reading | str:
        if len(value) < _CONFLUENT_HEAD:
            raise Undecodable("the value ends within its schema id")
        if self._registry is None:
            raise Undecodable("the value has Confluent framing, and no schema registry is configured")
        schema_id = int.from_bytes(value[1:_CONFLUENT_HEAD], "big")
        reading = self._by_id.get(schema_id)
        if reading is None:
            try:
                text = self._registry.schema(schema_id)
                if text is None:
                    raise Undecodable(f"the schema registry has no schema with the id {schema_id}")
                reading = self._understood(text)[1]
            except ValueError as error:
                reading = f"the registry's schema {schema_id} cannot be used: {error}"
            self._by_id[schema_id] = reading
        return reading

    def _understood(self, schema_json: str) -> tuple[str, _Reading | str]:
        """The schema's fingerprint, and how its values are read or why they are not."""
        if len(schema_json) > _MAX_SCHEMA_CHARACTERS:
            raise ValueError(f"a schema of more than {_MAX_SCHEMA_CHARACTERS} characters")
        try:
            schema = json.loads(schema_json)
            # Before fastavro sees it: Python's own recursion limit ends what is nested without bound.
            plain_schema = without_logical_types(schema)
            mark = fingerprint(schema)
            known = self._readings.get(bytes.fromhex(mark))
            if known is not None:
                return mark, known
            plain = fastavro.parse_schema(plain_schema)
        # fastavro raises what it happens to meet: KeyError, TypeError, UnknownType, RecursionError ...
        except Exception as error:
            raise ValueError(f"no Avro schema ({type(error).__name__}: {error})") from None
        try:
            check_bounded(schema)
            name = full_name(schema)
        except (ValueError, KeyError) as error:
            return mark, f"the schema with the fingerprint {mark} cannot be used: {error}"
        record_type = ALL_RECORDS.get(name)
        if record_type is None:
            return mark, f"{name} is no message that this version knows"
        return mark, _Reading(record_type, plain, self._plain[record_type])


def _read(reading: _Reading, value: bytes, head: int) -> dict[str, Any]:
    stream = BytesIO(value)
    stream.seek(head)
    name = reading.record_type.full_name
    try:
        values: Any = fastavro.schemaless_reader(stream, reading.writer, reading.reader)
    except MemoryError:
        raise
    # fastavro raises what it happens to meet: EOFError, IndexError, UnicodeDecodeError ...
    except Exception as error:
        raise Undecodable(f"the value is no {name} ({type(error).__name__}: {error})") from None
    if stream.tell() != len(value):
        raise Undecodable(f"{len(value) - stream.tell()} bytes follow the end of the {name}")
    if not isinstance(values, dict):
        raise Undecodable(f"the value is no {name}")
    return values


def problems(error: ValidationError) -> list[str]:
    """One sentence per field at fault, without the values, which may be long or private."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [f"{'.'.join(map(str, each['loc'])) or 'record'}: {each['msg']}" for each in found]
