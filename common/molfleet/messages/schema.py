"""Pure functions on Avro schemas as JSON values: names, fingerprints, inlining, safety."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import fastavro.schema

Schema = str | dict[str, Any] | list[Any]

MAX_DEPTH = 32

_LEAST_BYTES = {
    "null": 0,
    "boolean": 1,
    "int": 1,
    "long": 1,
    "float": 4,
    "double": 8,
    "bytes": 1,
    "string": 1,
}


class UnsafeSchema(ValueError):
    """A schema whose values could claim memory out of proportion to their bytes, or have no bound."""


def full_name(schema: Schema) -> str:
    """Namespace and name of a named schema; raises ValueError for any other."""
    if not isinstance(schema, dict) or not isinstance(schema.get("name"), str):
        raise ValueError("the schema has no name")
    name: str = schema["name"]
    namespace = schema.get("namespace")
    return name if "." in name or not namespace else f"{namespace}.{name}"


def fingerprint(schema: Schema) -> str:
    """CRC-64-AVRO of the parsing canonical form: hex of the 8 bytes in the order of the encoding.

    Avro 1.12 specification, "Schema Fingerprints" and "Single-object encoding". Doc, default, alias
    and logicalType do not enter it.
    """
    canonical = fastavro.schema.to_parsing_canonical_form(schema)
    text: str = fastavro.schema.fingerprint(canonical, "CRC-64-AVRO")
    return text


def self_contained(schema: Schema, types: Mapping[str, dict[str, Any]]) -> Schema:
    """The schema with every type that it names by full name put in at its first use."""
    return _inlined(schema, types, set())


def _inlined(schema: Schema, types: Mapping[str, dict[str, Any]], seen: set[str]) -> Schema:
    if isinstance(schema, list):
        return [_inlined(branch, types, seen) for branch in schema]
    if isinstance(schema, str):
        if schema not in types or schema in seen:
            return schema
        return _inlined(types[schema], types, seen)
    if schema["type"] == "record":
        seen.add(full_name(schema))
        fields = [{**f, "type": _inlined(f["type"], types, seen)} for f in schema["fields"]]
        return {**schema, "fields": fields}
    inner = {key: _inlined(schema[key], types, seen) for key in schema.keys() & {"items", "values"}}
    return {**schema, **inner}


def without_logical_types(schema: Schema) -> Schema:
    """The schema with its logical types dropped, so that fastavro reads the plain values."""
    if isinstance(schema, list):
        return [without_logical_types(branch) for branch in schema]
    if isinstance(schema, dict):
        kept = {key: value for key, value in schema.items() if key != "logicalType"}
        for key in ("type", "items", "values"):
            if key in kept:
                kept[key] = without_logical_types(kept[key])
        if isinstance(kept.get("fields"), list):
            kept["fields"] = [without_logical_types(field) for field in kept["fields"]]
        return kept
    return schema


def references(schema: Schema) -> Iterator[str]:
    """Every type name that the schema uses, primitive ones included."""
    if isinstance(schema, str):
        yield schema
    elif isinstance(schema, list):
        for branch in schema:
            yield from references(branch)
    elif schema["type"] == "record":
        for field in schema["fields"]:
            yield from references(field["type"])
    else:
        for key in ("type", "items", "values"):
            if key in schema:
                yield from references(schema[key])


class _Extent(NamedTuple):
    """Least number of bytes that a value takes, and how deep records and containers nest in it."""

    least_bytes: int
    depth: int


def check_bounded(schema: Schema) -> None:
    """Raise UnsafeSchema where the values of a schema are not bounded by their bytes.

    Refused are a part that takes no byte outside of a union (null, a record without fields), which the
    count of an array or types within types would multiply for nothing; a record within itself; and
    nesting beyond MAX_DEPTH, since fastavro reads by recursion in C.
    """
    _extent(schema, {}, "")


def _extent(schema: Schema, named: dict[str, _Extent | None], namespace: str) -> _Extent:
    """`named` holds None for a type whose definition is under way."""
    if isinstance(schema, list):
        branches = [_extent(branch, named, namespace) for branch in schema]
        return _Extent(1, max((branch.depth for branch in branches), default=0))
    if isinstance(schema, str):
        if schema in _LEAST_BYTES:
            return _Extent(_LEAST_BYTES[schema], 0)
        name = schema if "." in schema or not namespace else f"{namespace}.{schema}"
        extent = named[name]
        if extent is None:
            raise UnsafeSchema(f"{name} contains itself")
        return extent
    kind = schema["type"]
    if kind in ("array", "map"):
        inner = _solid(schema["items" if kind == "array" else "values"], named, namespace)
        return _Extent(1, _deeper(inner.depth))
    if kind not in ("record", "error", "enum", "fixed"):
        return _extent(kind, named, namespace)
    name = full_name({"namespace": namespace, **schema})
    named[name] = None
    extent = _named_extent(schema, named, name.rpartition(".")[0])
    named[name] = extent
    return extent


def _named_extent(schema: dict[str, Any], named: dict[str, _Extent | None], namespace: str) -> _Extent:
    if schema["type"] == "enum":
        return _Extent(1, 0)
    if schema["type"] == "fixed":
        return _Extent(int(schema["size"]), 0)
    fields = [_solid(field["type"], named, namespace) for field in schema["fields"]]
    depth = max((field.depth for field in fields), default=0)
    return _Extent(sum(field.least_bytes for field in fields), _deeper(depth))


def _solid(schema: Schema, named: dict[str, _Extent | None], namespace: str) -> _Extent:
    extent = _extent(schema, named, namespace)
    if extent.least_bytes == 0:
        raise UnsafeSchema("a field, item or value takes no bytes")
    return extent


def _deeper(depth: int) -> int:
    if depth >= MAX_DEPTH:
        raise UnsafeSchema(f"types nest deeper than {MAX_DEPTH}")
    return depth + 1
