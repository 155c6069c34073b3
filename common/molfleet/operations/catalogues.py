"""Which names commands can use here: the catalogues of the installed workers."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Iterator
from typing import Any

from molfleet.catalogue import Catalogue

_TEXTS = ("title", "display_name", "summary", "description")
_FURTHER = ("kind", "dimension", "paper", "task", "family", "scales", "max_records", "beyond")


def installed() -> dict[str, list[dict[str, Any]]]:
    """Rows by kind: `code`, `aliases`, `text`, `parameters` {name: default}, and more where a row has it.

    Featurizers also have `kind`, `dimension`, `paper`; algorithms `kind` (of the bundle's part), `task`,
    `family`, `scales`, `max_records`, `beyond`; families of them `members` [code]; and whatever has
    parameters `allowed` {name: text} and `about` {name: text}.

    A catalogue is a module's constant; it is found once the worker that uses it is imported. Several of
    one kind are taken together. Workers whose extra is not installed are left out.
    """
    prefixes = {"molfleet"}
    for entry in importlib.metadata.entry_points(group="molfleet.workers"):
        try:
            entry.load()
        except ImportError:
            continue
        prefixes.add(entry.value.rpartition(".")[0])
    found: dict[str, dict[str, Any]] = {}
    for catalogue in _constants(prefixes):
        rows = found.setdefault(catalogue.kind, {})
        for row in catalogue:
            rows.setdefault(row.code, row)
    return {kind: [_row(row) for row in rows.values()] for kind, rows in sorted(found.items())}


def _constants(prefixes: set[str]) -> Iterator[Catalogue[Any]]:
    for name, module in sorted(sys.modules.items()):
        if any(name == prefix or name.startswith(prefix + ".") for prefix in prefixes):
            for value in tuple(vars(module).values()):
                if isinstance(value, Catalogue):
                    yield value


def _row(row: Any) -> dict[str, Any]:
    texts = [str(getattr(row, name)) for name in _TEXTS if isinstance(getattr(row, name, None), str)]
    text = texts[0] if texts else ", ".join(getattr(m, "display_name", "") for m in _members(row))
    parameters = [
        parameter
        for parameter in getattr(row, "parameters", ()) or ()
        if hasattr(parameter, "name") and hasattr(parameter, "default")
    ]
    further: dict[str, Any] = {
        name: value for name in _FURTHER if isinstance(value := getattr(row, name, None), (str, bool, int))
    }
    if members := _members(row):
        further["members"] = [member.code for member in members]
    if all(hasattr(parameter, "allowed") for parameter in parameters):
        further["allowed"] = {parameter.name: parameter.allowed for parameter in parameters}
        further["about"] = {parameter.name: parameter.doc for parameter in parameters}
    return {
        "code": row.code,
        "aliases": list(row.aliases),
        "text": text,
        "parameters": {parameter.name: parameter.default for parameter in parameters},
        **further,
    }


def _members(row: Any) -> tuple[Any, ...]:
    return tuple(getattr(row, "members", ()))
