"""Writes the Python source of generated.py from the schemas."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from molfleet.messages.record import Command, Event, FailureEvent, Part, Record, TerminalEvent
from molfleet.messages.schema import Schema, full_name

HEADER = '''\
"""The messages as Python types. Generated from schemas/avro by `make generate`: do not edit."""

# ruff: noqa: E501

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from pydantic import Field
'''

FROM_RECORD = (Command, Event, FailureEvent, Part, Record, TerminalEvent)
ALIASES = ("Long", "ParameterValue", "Timestamp")

PARAMETER_VALUE = [
    "null",
    "boolean",
    "long",
    "double",
    "string",
    {"type": "array", "items": ["double", "string"]},
]
_PRIMITIVES = {"boolean": "bool", "long": "Long", "double": "float", "string": "str", "null": "None"}
_LOGICAL = {("string", "uuid"): "UUID", ("long", "timestamp-millis"): "Timestamp"}


def module(types: Sequence[dict[str, Any]], messages: Sequence[dict[str, Any]]) -> str:
    """Source of generated.py: the types in the given order (each before its use), then the messages."""
    classes = [_class(schema) for schema in (*types, *messages)]
    words = set(re.findall(r"\w+", "".join(classes)))
    shared = sorted(words & {*(base.__name__ for base in FROM_RECORD), *ALIASES})
    parts = [HEADER + f"\nfrom molfleet.messages.record import {', '.join(shared)}\n", *classes]
    names = "".join(f"        {schema['name']},\n" for schema in messages)
    parts.append(
        "#: Every message by its full name; the types that messages are made of are not among them.\n"
        "ALL_RECORDS: dict[str, type[Record]] = {\n"
        f"    record.full_name: record\n    for record in (\n{names}    )\n}}\n"
    )
    return _formatted("\n\n".join(parts))


def base_of(schema: dict[str, Any]) -> type[Record]:
    """The base class by namespace and, otherwise, by the common fields that the schema has.

    Raises ValueError where a field of the base is missing in the schema.
    """
    names = {field["name"] for field in schema["fields"]}
    namespace = schema["namespace"]
    base: type[Record] = Record
    if namespace == "molfleet.commands":
        base = Part if "part_of" in names else Command
    elif namespace == "molfleet.events":
        base = FailureEvent if "retryable" in names else Event
        if base is Event and "elapsed_ms" in names:
            base = TerminalEvent
    if missing := set(base.model_fields) - names:
        raise ValueError(f"{full_name(schema)} lacks {', '.join(sorted(missing))} of every {base.__name__}")
    return base


def _class(schema: dict[str, Any]) -> str:
    base = base_of(schema)
    lines = [
        f"class {schema['name']}({base.__name__}):",
        *_docstring(schema["doc"]),
        "",
        f'    full_name: ClassVar[str] = "{full_name(schema)}"',
        "",
    ]
    own = [field for field in schema["fields"] if field["name"] not in base.model_fields]
    lines += [f"    {field['name']}: {_type(field['type'])} = {_value(field)}" for field in own]
    return "\n".join(lines) + "\n"


def _docstring(doc: str) -> Iterator[str]:
    lines = textwrap.wrap(doc, 96)
    if len(lines) == 1:
        yield f'    """{lines[0]}"""'
    else:
        yield f'    """{lines[0]}'
        yield from (f"    {line}" for line in lines[1:])
        yield '    """'


def _type(schema: Schema) -> str:
    if schema == PARAMETER_VALUE:
        return "ParameterValue"
    if isinstance(schema, str):
        return _PRIMITIVES.get(schema) or schema.rpartition(".")[2]
    if isinstance(schema, list):
        branches = [_type(branch) for branch in schema if branch != "null"]
        return " | ".join([*branches, "None"] if "null" in schema else branches)
    if schema["type"] == "array":
        return f"tuple[{_type(schema['items'])}, ...]"
    if schema["type"] == "map":
        return f"dict[str, {_type(schema['values'])}]"
    return _LOGICAL[schema["type"], schema["logicalType"]]


def _value(field: dict[str, Any]) -> str:
    arguments = []
    if "default" in field:
        default = field["default"]
        if default == {}:
            arguments.append("default_factory=dict")
        else:
            arguments.append(f"default={() if default == [] else default!r}")
    if "minItems" in field:
        arguments.append(f"min_length={field['minItems']}")
    arguments.append(f"description={field['doc']!r}")
    return f"Field({', '.join(arguments)})"


def _formatted(source: str) -> str:
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", "generated.py", "-"]
    done = subprocess.run(command, input=source, capture_output=True, text=True, check=True)
    return done.stdout
