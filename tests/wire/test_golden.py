"""The wire as foreign programs see it: published schemas and a general Avro library, no code of ours.

golden.json was frozen with the first release. Its bytes never change; a new message gets a new entry.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import avro.io
import avro.schema
import fastavro
import pytest

PUBLISHED = Path(__file__).resolve().parents[2] / "schemas" / "published"
GOLDEN: dict[str, Any] = json.loads(Path(__file__).with_name("golden.json").read_text(encoding="utf-8"))
INDEX: dict[str, str] = json.loads((PUBLISHED / "index.json").read_text(encoding="utf-8"))
RECORDS = sorted(GOLDEN)


def schema_text(file: str) -> str:
    return (PUBLISHED / file).read_text(encoding="utf-8")


def without_logical_types(schema: Any) -> Any:
    if isinstance(schema, list):
        return [without_logical_types(branch) for branch in schema]
    if isinstance(schema, dict):
        return {k: without_logical_types(v) for k, v in schema.items() if k != "logicalType"}
    return schema


@pytest.mark.parametrize("name", RECORDS)
def test_fastavro_alone_reads_the_golden_bytes(name: str) -> None:
    value = bytes.fromhex(GOLDEN[name]["hex"])
    assert value[:2] == b"\xc3\x01"
    schema = without_logical_types(json.loads(schema_text(INDEX[value[2:10].hex()])))
    stream = io.BytesIO(value[10:])
    assert fastavro.schemaless_reader(stream, fastavro.parse_schema(schema)) == GOLDEN[name]["values"]
    assert stream.read() == b""


@pytest.mark.parametrize("name", RECORDS)
def test_another_avro_library_reads_the_golden_bytes(name: str) -> None:
    value = bytes.fromhex(GOLDEN[name]["hex"])
    schema = json.dumps(without_logical_types(json.loads(schema_text(INDEX[value[2:10].hex()]))))
    decoder = avro.io.BinaryDecoder(io.BytesIO(value[10:]))
    assert avro.io.DatumReader(avro.schema.parse(schema)).read(decoder) == GOLDEN[name]["values"]


def test_fastavro_reads_ids_and_times_with_logical_types() -> None:
    value = bytes.fromhex(GOLDEN["TrainModel"]["hex"])
    schema = fastavro.parse_schema(json.loads(schema_text("TrainModel.avsc")))
    command: Any = fastavro.schemaless_reader(io.BytesIO(value[10:]), schema)
    assert str(command["id"]) == GOLDEN["TrainModel"]["values"]["id"]
    assert command["time_stamp"].isoformat() == "2026-01-01T00:00:00.123000+00:00"


@pytest.mark.parametrize("file", sorted(INDEX.values()))
def test_the_index_names_each_schema_by_its_fingerprint(file: str) -> None:
    # PyPI avro leaves {"type": "string"} in its canonical form where a logical type was, against the
    # specification's [PRIMITIVES] rule; Java and fastavro follow the rule. Without them all agree.
    plain = json.dumps(without_logical_types(json.loads(schema_text(file))))
    mark = avro.schema.parse(plain).fingerprint("CRC-64-AVRO")
    assert INDEX[mark.hex()] == file


def test_every_published_schema_is_in_the_index_and_has_golden_bytes() -> None:
    files = {path.name for path in PUBLISHED.glob("*.avsc")}
    assert set(INDEX.values()) == files
    assert {f"{name}.avsc" for name in GOLDEN} == files
