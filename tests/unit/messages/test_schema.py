from __future__ import annotations

import json
from typing import Any

import pytest

from molfleet.messages.schema import (
    UnsafeSchema,
    check_bounded,
    fingerprint,
    full_name,
    self_contained,
    without_logical_types,
)
from tests.wire.strategies import PUBLISHED

A: dict[str, Any] = {
    "type": "record",
    "name": "A",
    "namespace": "x",
    "fields": [{"name": "n", "type": "long"}],
}


def record(name: str, *types: Any) -> dict[str, Any]:
    fields = [{"name": f"f{number}", "type": kind} for number, kind in enumerate(types)]
    return {"type": "record", "name": name, "namespace": "x", "fields": fields}


def test_the_fingerprint_is_the_one_that_the_java_library_gives() -> None:
    # share/test/data/schema-tests.txt of Apache Avro: "null" has 7195948357588979594, as a signed long.
    assert fingerprint("null") == (7195948357588979594).to_bytes(8, "little").hex()


def test_a_type_is_put_in_at_its_first_use_only() -> None:
    user = record("B", "x.A", {"type": "array", "items": "x.A"}, ["null", "x.A"])
    inlined = self_contained(user, {"x.A": A})
    assert isinstance(inlined, dict)
    assert [field["type"] for field in inlined["fields"]] == [
        A,
        {"type": "array", "items": "x.A"},
        ["null", "x.A"],
    ]


def test_types_within_types_are_put_in_too() -> None:
    inner = record("B", "x.A")
    outer = self_contained(record("C", ["null", "x.B"], "x.A"), {"x.A": A, "x.B": inner})
    assert isinstance(outer, dict)
    assert outer["fields"][0]["type"][1]["fields"][0]["type"] == A
    assert outer["fields"][1]["type"] == "x.A"


def test_a_schema_without_a_name_has_no_full_name() -> None:
    for schema in ("long", ["null"], {"type": "map", "values": "long"}):
        with pytest.raises(ValueError, match="no name"):
            full_name(schema)
    assert full_name({"type": "fixed", "name": "a.B", "namespace": "c"}) == "a.B"


def test_logical_types_are_dropped_wherever_they_stand() -> None:
    uuid = {"type": "string", "logicalType": "uuid"}
    schema = record("B", uuid, ["null", uuid], {"type": "array", "items": uuid})
    assert "logicalType" not in json.dumps(without_logical_types(schema))
    assert fingerprint(without_logical_types(schema)) == fingerprint(schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "items": "null"},
        {"type": "array", "items": {"type": "null"}},
        {"type": "array", "items": record("Empty")},
        {"type": "map", "values": "null"},
        {"type": "array", "items": {"type": "fixed", "name": "F", "size": 0}},
        record("Nothing", "null"),
        record("B", record("Empty"), {"type": "array", "items": "Empty"}),
    ],
)
def test_a_part_that_takes_no_bytes_is_refused(schema: Any) -> None:
    with pytest.raises(UnsafeSchema, match="no bytes"):
        check_bounded(schema)


@pytest.mark.parametrize("use", ["x.B", "B", ["null", "x.B"], {"type": "array", "items": "x.B"}])
def test_a_record_within_itself_is_refused(use: Any) -> None:
    with pytest.raises(UnsafeSchema, match="contains itself"):
        check_bounded(record("B", "long", use))


def test_nesting_without_end_is_refused_however_it_is_written() -> None:
    schema: Any = "long"
    for _ in range(100):
        schema = {"type": "array", "items": schema}
    with pytest.raises(UnsafeSchema, match="deeper"):
        check_bounded(schema)
    flat = [record("R0", "long"), *(record(f"R{n}", f"x.R{n - 1}") for n in range(1, 100))]
    with pytest.raises(UnsafeSchema, match="deeper"):
        check_bounded(record("All", *flat))


@pytest.mark.parametrize("file", sorted(PUBLISHED.glob("*.avsc")), ids=lambda path: path.stem)
def test_our_own_schemas_are_bounded(file: Any) -> None:
    check_bounded(json.loads(file.read_text(encoding="utf-8")))
