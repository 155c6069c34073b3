"""Hypothesis strategies for plain Avro values, made from the published schemas alone."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from tests.paths import ROOT

PUBLISHED = ROOT / "schemas" / "published"
_MILLIS = {"min_value": -62_135_596_800_000, "max_value": 253_402_300_799_999}
_LONG = {"min_value": -(2**63), "max_value": 2**63 - 1}


def published(name: str) -> Any:
    """A published schema by its record's full or short name."""
    path = PUBLISHED / f"{name.rpartition('.')[2]}.avsc"
    return json.loads(path.read_text(encoding="utf-8"))


def values(schema: Any, named: dict[str, Any] | None = None) -> st.SearchStrategy[Any]:
    """What fastavro would decode for the schema, without logical types; no NaN, which equals nothing."""
    named = {} if named is None else named
    if isinstance(schema, list):
        return st.one_of([values(branch, named) for branch in schema])
    if isinstance(schema, str):
        return named[schema] if schema in named else _primitive(schema)
    if schema["type"] == "record":
        fields = {field["name"]: _field(field, named) for field in schema["fields"]}
        named[f"{schema['namespace']}.{schema['name']}"] = strategy = st.fixed_dictionaries(fields)
        return strategy
    if schema["type"] == "map":
        return st.dictionaries(st.text(max_size=8), values(schema["values"], named), max_size=3)
    if schema["type"] == "array":
        return st.lists(values(schema["items"], named), max_size=3)
    if schema.get("logicalType") == "uuid":
        return st.uuids().map(str)
    return st.integers(**_MILLIS)


def _field(field: dict[str, Any], named: dict[str, Any]) -> st.SearchStrategy[Any]:
    strategy = values(field["type"], named)
    least = field.get("minItems", 0)
    return strategy.filter(lambda items: len(items) >= least) if least else strategy


def _primitive(kind: str) -> st.SearchStrategy[Any]:
    return {
        "null": st.none(),
        "boolean": st.booleans(),
        "long": st.integers(**_LONG),
        "double": st.floats(allow_nan=False),
        "string": st.text(max_size=16),
    }[kind]
