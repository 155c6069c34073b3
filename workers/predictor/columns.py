"""The columns of a prediction file: which there are, and what each holds for one record."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from molfleet.bundles.manifest import Manifest
from molfleet.bundles.predict import Predictions

Kind = Literal["integer", "number", "text", "truth"]
Cell = int | float | str | bool | None
Pick = Callable[[Predictions, int], Any]

#: Between the labels of a prediction set.
SET_SEPARATOR = "|"


@dataclass(frozen=True)
class Column:
    name: str
    kind: Kind


@dataclass(frozen=True)
class ModelColumns:
    """The columns of one model; `picks` gives each column's cell from predictions and a row number."""

    columns: tuple[Column, ...]
    picks: tuple[Pick, ...]

    def cells(self, predictions: Predictions, row: int) -> list[Cell]:
        return [_cell(pick(predictions, row)) for pick in self.picks]

    @property
    def blank(self) -> list[Cell]:
        return [None] * len(self.columns)


@dataclass(frozen=True)
class FileColumns:
    """All columns in order: `before` the models' own, those, `after` them."""

    before: tuple[Column, ...]
    models: tuple[ModelColumns, ...]
    after: tuple[Column, ...]
    legacy: bool

    @property
    def all(self) -> tuple[Column, ...]:
        return (*self.before, *(column for model in self.models for column in model.columns), *self.after)


_BEFORE = (Column("record", "integer"), Column("title", "text"), Column("smiles", "text"))
_FATE = (Column("code", "text"), Column("message", "text"))
_AFTER = (Column("consensus", "number"), Column("consensus:std", "number"), *_FATE)
_LEGACY_BEFORE = (Column("Id", "integer"), Column("Compound SMILES", "text"))

_Parts = list[tuple[str, Kind, Pick]]


def file_columns(models: Sequence[tuple[str, Manifest]], *, legacy: bool) -> FileColumns:
    """The columns for models (name, manifest), made unique by `#2` where they would meet others.

    `legacy` names them as the old services' CSV did; their `Inside` and `Outside` are numbers now.
    """
    before, after = (_LEGACY_BEFORE, _FATE) if legacy else (_BEFORE, _AFTER)
    taken = {column.name for column in (*before, *after)}
    found = []
    for name, manifest in models:
        parts = _legacy_parts(manifest) if legacy else _parts(name, manifest)
        names = [part[0] for part in parts]
        names = _each_unique(names, taken) if legacy else _unique(names, name, taken)
        columns = tuple(Column(one, kind) for one, (_, kind, _) in zip(names, parts, strict=True))
        found.append(ModelColumns(columns, tuple(pick for _, _, pick in parts)))
    return FileColumns(before, tuple(found), after, legacy)


def _unique(names: list[str], stem: str, taken: set[str]) -> list[str]:
    """The names with one number behind their common stem, where any of them is taken."""
    numbered, number = names, 1
    while taken.intersection(numbered):
        number += 1
        numbered = [f"{stem}#{number}{name[len(stem) :]}" for name in names]
    taken.update(numbered)
    return numbered


def _each_unique(names: list[str], taken: set[str]) -> list[str]:
    return [one for name in names for one in _unique([name], name, taken)]


def _parts(name: str, manifest: Manifest) -> _Parts:
    binary = len(manifest.labels) == 2
    parts: _Parts = []
    if manifest.task == "regression":
        parts.append((name, "number", lambda found, row: found.value[row]))
        if manifest.calibration:
            parts.append((f"{name}:lower", "number", lambda found, row: found.lower[row]))
            parts.append((f"{name}:upper", "number", lambda found, row: found.upper[row]))
    else:
        labels = manifest.labels
        if binary:
            parts.append((name, "number", lambda found, row: found.value[row]))
        parts.append((f"{name}:label", "text", lambda found, row: labels[found.label[row]]))
        if binary:
            parts.append((f"{name}:probability", "number", lambda found, row: found.value[row]))
        else:
            for index, label in enumerate(labels):
                parts.append((f"{name}:probability:{label}", "number", _probability(index)))
        if manifest.calibration:
            parts.append((f"{name}:set", "text", lambda found, row: _set(labels, found, row)))
    if manifest.applicability_domain:
        parts += [
            (f"{name}:inside_domain", "truth", _of_domain("inside")),
            (f"{name}:similarity", "number", _of_domain("similarity")),
            (f"{name}:distance", "number", _of_domain("distance")),
            (f"{name}:density", "number", _of_domain("density")),
        ]
    return parts


def _legacy_parts(manifest: Manifest) -> _Parts:
    target, modi = manifest.targets[0], manifest.metadata.get("modi")
    labels = manifest.labels
    parts: _Parts = []
    if len(labels) > 2:
        parts.append((target, "text", lambda found, row: labels[found.label[row]]))
    else:
        value = f"Probability of {target}" if labels else target
        parts.append((value, "number", lambda found, row: found.value[row]))
    domain = "Applicability domain"
    if manifest.applicability_domain:
        parts.append((f"{domain} distance", "number", _of_domain("distance")))
        parts.append((f"{domain} density", "number", _of_domain("density")))
    parts.append(("MODI", "text", lambda found, row: modi))
    return parts


def _probability(index: int) -> Pick:
    return lambda found, row: found.probabilities[row, index]


def _of_domain(figure: str) -> Pick:
    return lambda found, row: getattr(found.domain, figure)[row]


def _set(labels: Sequence[str], found: Predictions, row: int) -> str | None:
    if found.sets is None:
        return None
    return SET_SEPARATOR.join(
        label for label, belongs in zip(labels, found.sets[row], strict=True) if belongs
    )


def _cell(value: Any) -> Cell:
    """A cell in Python's own type; what is not a finite number is empty."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    number = float(value)
    return number if math.isfinite(number) else None
