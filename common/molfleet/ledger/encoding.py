"""How entries of the state bucket are written: JSON of a named format, bytes as base64."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from molfleet.broker.port import Headers

FORMAT = 1

T = TypeVar("T")


class UnreadableEntry(Exception):
    """An entry of the state bucket is damaged, or of a newer format than this version knows."""


def dump(kind: str, fields: Mapping[str, Any]) -> bytes:
    """The same fields give the same bytes."""
    entry = {"kind": kind, "format": FORMAT, **fields}
    return json.dumps(entry, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def load(kind: str, key: str, data: bytes, build: Callable[[Mapping[str, Any]], T]) -> T:
    """What `build` makes of the fields; raises UnreadableEntry that names the key."""
    try:
        entry = json.loads(data)
        if entry["kind"] != kind:
            raise UnreadableEntry(f"{key} is a {entry['kind']}, not a {kind}")
        if entry["format"] != FORMAT:
            raise UnreadableEntry(
                f"{key} has format {entry['format']}, this version knows {FORMAT}: upgrade this worker"
            )
        return build(entry)
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
        raise UnreadableEntry(f"{key} is damaged: {type(error).__name__}: {error}") from error


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def octets(data: str) -> bytes:
    return base64.b64decode(data, validate=True)


def headers_out(headers: Headers) -> list[list[str | None]]:
    return [[name, None if value is None else text(value)] for name, value in headers]


def headers_in(headers: list[tuple[str, str | None]]) -> Headers:
    return tuple((name, None if value is None else octets(value)) for name, value in headers)


def time_out(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


def time_in(moment: str) -> datetime:
    return datetime.fromisoformat(moment)
