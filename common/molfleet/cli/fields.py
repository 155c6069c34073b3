"""`--set field=value`: text from a command line becomes the fields of a command.

A value is read for the type of its field: text stays text, lists may be written with commas, a
featurizer as `TYPE:SIZE:RADIUS`, a blob as `bucket/key`, anything as JSON. Dots reach inner fields.
"""

from __future__ import annotations

import difflib
import json
import re
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Union

from pydantic import BaseModel, ValidationError

from molfleet.cli.frame import Usage
from molfleet.client.build import uuid_of

#: Fields that the publisher fills in itself; they may still be set.
_IDENTITY = ("id", "correlation_id", "time_stamp")


def parse(model: type[BaseModel], assignments: Iterable[str]) -> dict[str, Any]:
    """Fields for `model` from texts like `featurizers=ECFP:2048:2` or `search.iterations=20`.

    A list field that is set twice grows. Raises Usage that names the field and near ones.
    """
    fields: dict[str, Any] = {}
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        if not equals:
            raise Usage(f"--set {assignment}: expected field=value.")
        _set(model, fields, path.strip().split("."), text, path.strip())
    return fields


def _set(model: type[BaseModel], fields: dict[str, Any], path: list[str], text: str, whole: str) -> None:
    name, *rest = path
    if name not in model.model_fields:
        raise Usage(f"{whole}: {unknown(name, model)}")
    kind = _plain(model.model_fields[name].annotation)
    if not rest:
        value = read(kind, text, whole)
        if isinstance(value, list) and isinstance(fields.get(name), list):
            value = fields[name] + value
        fields[name] = value
        return
    inner = fields.setdefault(name, {})
    if isinstance(kind, type) and issubclass(kind, BaseModel) and isinstance(inner, dict):
        _set(kind, inner, rest, text, whole)
    elif typing.get_origin(kind) is dict and isinstance(inner, dict):
        inner[".".join(rest)] = read(typing.get_args(kind)[1], text, whole)
    else:
        raise Usage(f"{whole}: {name} has no inner fields; give the whole value, as JSON for instance.")


def read(kind: Any, text: str, where: str) -> Any:
    """`text` as a value of the type `kind`; pydantic does the last conversion and the checking."""
    kind = _plain(kind)
    origin = typing.get_origin(kind)
    if text == "null":
        return None
    if origin in (list, tuple):
        return _list(typing.get_args(kind)[0], text, where)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return _json(text, where) if text.lstrip().startswith("{") else _short(kind, text, where)
    if origin is dict:
        return _json(text, where)
    if origin in (Union, types.UnionType):
        return _loose(text)
    return text


def _list(item: Any, text: str, where: str) -> list[Any]:
    if text.lstrip().startswith("["):
        values = _json(text, where)
        if not isinstance(values, list):
            raise Usage(f"{where}: expected a JSON list.")
        return values
    if text.lstrip().startswith("{"):
        return [_json(text, where)]
    parts = [text] if "=" in text else text.split(",")
    return [read(item, part.strip(), where) for part in parts] if text.strip() else []


def _short(kind: type[BaseModel], text: str, where: str) -> dict[str, Any]:
    """The short text form of a record: known by its fields, not by its name."""
    names = kind.model_fields
    if {"type", "size", "radius"} <= names.keys():
        return featurizer(text)
    if {"bucket", "key"} <= names.keys():
        return blob(text, where)
    if {"id", "blob"} <= names.keys():
        return {"id": uuid_of(text), "blob": blob(text, where)}
    raise Usage(f"{where}: expected a JSON object with {', '.join(names)}.")


def featurizer(text: str) -> dict[str, Any]:
    """`TYPE:SIZE:RADIUS:name=value`, all but the type optional; a part that is empty or zero is absent.

    The same form as chemistry.featurizers.parse_spec, which a client without RDKit cannot import.
    """
    code, *rest = text.split(":")
    code = code.strip()
    numbers = [part.strip() for part in rest if "=" not in part]
    if not code or len(numbers) > 2 or not all(n.isdigit() or not n for n in numbers):
        raise Usage(f"featurizer {text!r}: expected TYPE:SIZE:RADIUS, such as ECFP:2048:2.")
    size, radius = [int(n or 0) or None for n in (*numbers, "", "")][:2]
    pairs = (part.partition("=") for part in rest if "=" in part)
    spec: dict[str, Any] = {"type": code, "size": size, "radius": radius}
    parameters = {name: _listed(value) for name, _, value in pairs}
    return {**spec, "parameters": parameters} if parameters else spec


def _listed(text: str) -> Any:
    if "," in text:
        return [_unescaped(part) for part in text.split(",") if part]
    value = _loose(text)
    return _unescaped(value) if isinstance(value, str) else value


def _unescaped(text: str) -> str:
    return re.sub("%(25|2C|3A)", lambda found: chr(int(found[1], 16)), text)


def blob(text: str, where: str) -> dict[str, str]:
    """`bucket/key`."""
    bucket, slash, key = text.removeprefix("s3://").partition("/")
    if not bucket or not slash or not key:
        raise Usage(f"{where}: {text!r} is no blob; expected bucket/key.")
    return {"bucket": bucket, "key": key}


def _plain(kind: Any) -> Any:
    """The type without Annotated and without an optional's None."""
    if typing.get_origin(kind) is typing.Annotated:
        return _plain(typing.get_args(kind)[0])
    if typing.get_origin(kind) in (Union, types.UnionType):
        others = [arg for arg in typing.get_args(kind) if arg is not type(None)]
        if len(others) == 1:
            return _plain(others[0])
    return kind


def _json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise Usage(f"{where}: {text!r} is not JSON ({error}).") from None


def _loose(text: str) -> Any:
    """A value of a free map: JSON where it is, else text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def unknown(name: str, model: type[BaseModel]) -> str:
    """A sentence about a field that does not exist, with the nearest that does."""
    near = difflib.get_close_matches(name, model.model_fields, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]}?" if near else ""
    known = ", ".join(field for field in model.model_fields if field not in _IDENTITY)
    return f"{model.__name__} has no field {name!r}.{hint} It has: {known}."


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """What is wrong with a command's fields, one sentence per field."""
    sentences = []
    for fault in error.errors():
        where = ".".join(str(part) for part in fault["loc"])
        if fault["type"] == "extra_forbidden":
            sentences.append(unknown(str(fault["loc"][-1]), model) if len(fault["loc"]) == 1 else where)
        elif fault["type"] == "missing":
            sentences.append(f"{where} is missing (--set {where}=...).")
        else:
            sentences.append(f"{where}: {fault['msg']}.")
    return " ".join(dict.fromkeys(sentences))


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the fields of `over` put over it, inner ones too."""
    result = dict(base)
    for name, value in over.items():
        inner = result.get(name)
        result[name] = (
            merged(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
        )
    return result


def stand_in(text: str) -> dict[str, str]:
    """A reference for a file that is uploaded later, or for `bucket/key`; raises Usage for neither."""
    if Path(text).is_file():
        return {"bucket": "to-be-uploaded", "key": Path(text).name}
    if "/" not in text.removeprefix("s3://") or text.startswith((".", "/", "~")):
        raise Usage(f"{text}: there is no such file, and it is no bucket/key either.")
    return blob(text, text)
