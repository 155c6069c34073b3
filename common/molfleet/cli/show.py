"""Messages as people read them: plain values for JSON, short lines for the terminal."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pydantic import BaseModel

if TYPE_CHECKING:
    from rich.console import Console

#: Fields that say nothing to someone who has just asked for the command.
_EMPTY: tuple[Any, ...] = (None, "", [], (), {})
_DULL = ("id", "correlation_id", "user_id", "time_stamp", "worker_version", "elapsed_ms")


def plain(value: Any) -> Any:
    """Records, ids and times as JSON can hold them; times as ISO 8601."""
    if isinstance(value, BaseModel):
        return {name: plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(inner) for inner in value]
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return value


def named(record: BaseModel) -> dict[str, Any]:
    """As `plain`, with the record's type in front."""
    return {"type": type(record).__name__, **plain(record)}


def rows(record: BaseModel) -> list[tuple[str, str]]:
    """The fields of an event that have something to say, each on one line."""
    found = []
    for name in type(record).model_fields:
        value = getattr(record, name)
        if name in _DULL or value in _EMPTY:
            continue
        found.append((name.replace("_", " "), short(value)))
    return found


def short(value: Any, limit: int = 400) -> str:
    """One value on one line."""
    if isinstance(value, BaseModel):
        names = type(value).model_fields
        if {"bucket", "key"} <= names.keys():
            return f"{getattr(value, 'bucket', '')}/{getattr(value, 'key', '')}"
        inner = [
            f"{name} {_nested(getattr(value, name))}"
            for name in names
            if getattr(value, name) not in _EMPTY
        ]
        return ", ".join(inner)
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {short(inner)}" for key, inner in value.items())
    if isinstance(value, list | tuple):
        separator = "\n" if value and isinstance(value[0], BaseModel) else ", "
        return separator.join(short(inner) for inner in value)
    text = str(plain(value))
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _nested(value: Any) -> str:
    text = short(value)
    return f"({text})" if isinstance(value, BaseModel | dict) and "bucket" not in dir(value) else text


def print_event(console: Console, event: BaseModel, *, good: bool) -> None:
    """The outcome of a command: its name, then its fields."""
    from rich.table import Table
    from rich.text import Text

    console.print(Text(type(event).__name__, style="bold green" if good else "bold red"))
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in rows(event):
        table.add_row(Text(name, style="dim"), Text(text))
    console.print(table)


def line(event: BaseModel) -> str:
    """An event on one line, for watching."""
    skip = (*_DULL, "details")
    parts = [
        f"{name}={short(getattr(event, name), 80)}".replace("\n", "; ")
        for name in type(event).model_fields
        if name not in skip and getattr(event, name) not in _EMPTY
    ]
    return " ".join(parts)
