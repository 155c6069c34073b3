"""From what was measured to what can be learned: one value or class per molecule, the rest named."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from molfleet.chemistry.records import Reject
from molfleet.errors import Code, RecordCode, Rejected
from workers.modeler.algorithms.base import CLASSIFICATION, REGRESSION, Task
from workers.modeler.splits import Indices, Samples
from workers.modeler.targets import label_key, read_number

#: Fewer usable molecules than these make no model.
MIN_MOLECULES = 10
#: More labels than these are free text, not classes.
MAX_CLASSES = 50
_POSITIVE = ("1", "true", "active", "yes")


@dataclass(frozen=True, slots=True)
class Measured:
    """A record that is a molecule and has a target. `molecule` is its standardized canonical SMILES."""

    record: int
    line: int
    title: str
    molecule: str
    text: str

    def reject(self, code: RecordCode, message: str) -> Reject:
        return Reject(self.record, self.line, self.title, code, message)


@dataclass(frozen=True)
class Rules:
    """How the command wants its target read."""

    target: str
    task: Task | None = None
    transform: Literal["none", "log10", "p"] = "none"
    positive_class: str | None = None
    censored: Literal["drop", "bound"] = "drop"
    replicates: Literal["median", "mean", "keep"] = "median"
    units: str | None = None


@dataclass(frozen=True)
class Curated:
    """What is left to learn from.

    `rows` are positions in the measured records; `values` one number each: the transformed value, or
    the class number in `labels` (of two labels the positive one is the second); `molecules` one number
    per distinct molecule. `rejects` are the rest.
    """

    task: Task
    rows: Indices
    values: NDArray[Any]
    molecules: Indices
    labels: tuple[str, ...]
    rejects: tuple[Reject, ...]

    @property
    def samples(self) -> Samples:
        return Samples(self.task, self.values, self.molecules)


def unsuitable(rules: Rules, why: str) -> Rejected:
    return Rejected(
        Code.UNSUITABLE_TARGET,
        f"The target {rules.target!r} cannot be modelled: {why}.",
        details={"target": rules.target},
    )


def curate(measured: Sequence[Measured], rules: Rules) -> Curated:
    """Read, transform and merge the targets; raises Rejected(UNSUITABLE_TARGET, INVALID_COMMAND)."""
    task = rules.task or find_task([item.text for item in measured], rules.units)
    if task == CLASSIFICATION and rules.transform != "none":
        raise Rejected(
            Code.INVALID_COMMAND,
            f"target_transform {rules.transform} needs numbers, and {rules.target!r} is of classes.",
        )
    if task == REGRESSION and rules.positive_class is not None:
        raise Rejected(
            Code.INVALID_COMMAND,
            f"positive_class needs classes, but {rules.target!r} is modelled as numbers.",
        )
    rejects: list[Reject] = []
    read = _read_values if task == REGRESSION else _read_labels
    readings = read(measured, rules, rejects)
    if rules.replicates != "keep":
        merge = _merge_values if task == REGRESSION else _merge_labels
        readings = merge(measured, readings, rules, rejects)
    rows = np.array(sorted(readings), dtype=np.int64)
    number: dict[str, int] = {}
    molecules = [number.setdefault(measured[row].molecule, len(number)) for row in rows]
    if len(number) < MIN_MOLECULES:
        raise unsuitable(
            rules, f"{len(number)} molecules have a usable value, and at least {MIN_MOLECULES} are needed"
        )
    labels: tuple[str, ...] = ()
    values: NDArray[Any]
    if task == REGRESSION:
        values = np.array([readings[row] for row in rows], dtype=np.float64)
        if np.ptp(values) == 0:
            raise unsuitable(rules, "all its values are the same")
    else:
        labels, values = _classes([str(readings[row]) for row in rows], measured, rules)
    return Curated(task, rows, values, np.array(molecules, dtype=np.int64), labels, tuple(rejects))


def find_task(texts: Iterable[str], units: str | None = None) -> Task:
    """Numbers with more than two different values are regression, all else is classification.

    Texts count as numbers where most of them are: a few odd entries do not make classes of a
    measurement.
    """
    counts = Counter(texts)
    numbers = {text: read_number(text, units) for text in counts}
    numeric = sum(counts[text] for text, number in numbers.items() if number is not None)
    different = {(number.value, number.censored) for number in numbers.values() if number is not None}
    return REGRESSION if 2 * numeric > counts.total() and len(different) > 2 else CLASSIFICATION


def transform(value: float, how: str) -> float | None:
    """The value as it is modelled; None where it has no logarithm."""
    if how == "none":
        return value
    if value <= 0:
        return None
    return math.log10(value) if how == "log10" else -math.log10(value)


def measured_again(value: float, how: str) -> float:
    """The inverse of `transform`."""
    if how == "none":
        return value
    return float(10.0 ** (value if how == "log10" else -value))


Readings = dict[int, Any]
_Refuse = Callable[[int, RecordCode, str], None]


def _read_values(measured: Sequence[Measured], rules: Rules, rejects: list[Reject]) -> Readings:
    values: Readings = {}
    for row, item in enumerate(measured):
        number = read_number(item.text, rules.units)
        if number is None:
            rejects.append(
                item.reject(
                    RecordCode.NON_NUMERIC_TARGET, f"{rules.target} is not a number: {_short(item.text)}."
                )
            )
        elif number.censored and rules.censored == "drop":
            rejects.append(
                item.reject(
                    RecordCode.CENSORED_TARGET,
                    f"{rules.target} is known only as a bound: {_short(item.text)}.",
                )
            )
        elif (value := transform(number.value, rules.transform)) is None:
            rejects.append(
                item.reject(
                    RecordCode.NON_NUMERIC_TARGET,
                    f"{rules.target} has no logarithm, as target_transform "
                    f"{rules.transform} needs it: {_short(item.text)}.",
                )
            )
        else:
            values[row] = value
    return values


def _read_labels(measured: Sequence[Measured], rules: Rules, rejects: list[Reject]) -> Readings:
    return {row: label_key(item.text) for row, item in enumerate(measured)}


def _replicates(measured: Sequence[Measured], readings: Readings) -> Iterable[list[int]]:
    rows_of: dict[str, list[int]] = {}
    for row in readings:
        rows_of.setdefault(measured[row].molecule, []).append(row)
    return rows_of.values()


def _merge_values(
    measured: Sequence[Measured], readings: Readings, rules: Rules, rejects: list[Reject]
) -> Readings:
    merge = np.median if rules.replicates == "median" else np.mean
    merged: Readings = {}
    for first, *others in _replicates(measured, readings):
        merged[first] = float(merge([readings[row] for row in (first, *others)]))
        message = (
            f"The molecule of record {measured[first].record} again; the {rules.replicates} of its "
            f"{len(others) + 1} values is taken there."
        )
        rejects.extend(measured[row].reject(RecordCode.DUPLICATE, message) for row in others)
    return merged


def _merge_labels(
    measured: Sequence[Measured], readings: Readings, rules: Rules, rejects: list[Reject]
) -> Readings:
    merged: Readings = {}
    for rows in _replicates(measured, readings):
        first = rows[0]
        if len({readings[row] for row in rows}) == 1:
            merged[first] = readings[first]
            code, left_out = RecordCode.DUPLICATE, rows[1:]
            message = f"The molecule of record {measured[first].record} again, with the same class."
        else:
            code, left_out = RecordCode.CONFLICTING_DUPLICATE, rows
            numbers = ", ".join(str(measured[row].record) for row in rows[:10])
            message = f"One molecule with different classes: records {numbers}."
        rejects.extend(measured[row].reject(code, message) for row in left_out)
    return merged


def _classes(
    keys: Sequence[str], measured: Sequence[Measured], rules: Rules
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """The labels as the file spells them, negative before positive, and each record's class number."""
    counts = Counter(keys)
    if len(counts) == 1:
        raise unsuitable(rules, f"all molecules are of one class, {next(iter(counts))!r}")
    if len(counts) > MAX_CLASSES:
        raise unsuitable(
            rules, f"it has {len(counts)} different labels, and at most {MAX_CLASSES} can be classes"
        )
    spelling = _spellings(measured)
    order = sorted(counts, key=_label_order)
    if len(order) == 2:
        positive = _positive(order, counts, spelling, rules)
        order = [next(key for key in order if key != positive), positive]
    elif rules.positive_class is not None:
        raise Rejected(
            Code.INVALID_COMMAND,
            f"positive_class needs two classes; {rules.target!r} has {len(order)}: "
            f"{', '.join(spelling[key] for key in order)}.",
        )
    number = {key: index for index, key in enumerate(order)}
    return tuple(spelling[key] for key in order), np.array([number[key] for key in keys], dtype=np.int64)


def _label_order(key: str) -> tuple[bool, float, str]:
    return (False, float(key), "") if read_number(key) else (True, 0.0, key)


def _spellings(measured: Sequence[Measured]) -> Mapping[str, str]:
    """Each label's most frequent spelling; of equals the first in the alphabet."""
    seen = Counter(item.text.strip() for item in measured)
    best: dict[str, str] = {}
    for text in sorted(seen, key=lambda text: (-seen[text], text)):
        best.setdefault(label_key(text), text)
    return best


def _positive(keys: Sequence[str], counts: Counter[str], spelling: Mapping[str, str], rules: Rules) -> str:
    if rules.positive_class is not None:
        wanted = label_key(rules.positive_class)
        if wanted not in keys:
            raise Rejected(
                Code.INVALID_COMMAND,
                f"positive_class is {rules.positive_class!r}, but the classes of {rules.target!r} are "
                f"{' and '.join(spelling[key] for key in keys)}.",
            )
        return wanted
    for usual in _POSITIVE:
        if usual in keys:
            return usual
    return min(keys, key=lambda key: (counts[key], key))


def _short(text: str) -> str:
    text = " ".join(text.split())
    return repr(text if len(text) <= 60 else text[:57] + "...")
