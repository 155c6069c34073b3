"""Pure functions on Avro schemas as JSON values: names, fingerprints, inlining, safety."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import fastavro.schema

Schema = str | dict[str, Any] | list[Any]

_LEAST_BYTES = {"boolean": 1, "int": 1, "long": 1, "float": 4, "double": 8, "bytes": 1, "string": 1}


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


def check_bounded(schema: Schema) -> None:
    """Raise UnsafeSchema where a few bytes could decode to any number of values.

    That is an array whose items take no byte (null, a record without fields), which a block count of
    2**62 would repeat for ever, and a record within itself, whose depth only the stack would end.
    """
    _least_bytes(schema, {}, "")


def _least_bytes(schema: Schema, named: dict[str, int | None], namespace: str) -> int:
    """The least number of bytes that a value takes; `named` holds None for a type under way."""
    if isinstance(schema, list):
        return 1 + min((_least_bytes(branch, named, namespace) for branch in schema), default=0)
    if isinstance(schema, str):
        if schema in _LEAST_BYTES or schema == "null":
            return _LEAST_BYTES.get(schema, 0)
        name = schema if "." in schema or not namespace else f"{namespace}.{schema}"
        least = named[name]
        if least is None:
            raise UnsafeSchema(f"{name} contains itself")
        return least
    kind = schema["type"]
    if kind == "array":
        if _least_bytes(schema["items"], named, namespace) == 0:
            raise UnsafeSchema("the items of an array take no bytes")
        return 1
    if kind == "map":
        _least_bytes(schema["values"], named, namespace)
        return 1
    if kind not in ("record", "enum", "fixed"):
        return _least_bytes(kind, named, namespace)
    name = full_name({"namespace": namespace, **schema})
    named[name] = None
    inner = name.rpartition(".")[0]
    least = {"enum": 1, "fixed": schema.get("size", 0)}.get(kind)
    if least is None:
        least = sum(_least_bytes(field["type"], named, inner) for field in schema["fields"])
    named[name] = least
    return least
