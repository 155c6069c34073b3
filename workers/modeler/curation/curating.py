"""From what was measured to what can be learned: one value or class per molecule, the rest named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from molfleet.chemistry.records import Reject
from molfleet.errors import Code, RecordCode, Rejected
from workers.modeler.algorithms.base import CLASSIFICATION, REGRESSION
from workers.modeler.curation.columns import read_values
from workers.modeler.curation.labels import label_keys, make_classes
from workers.modeler.curation.merging import (
    label_replicates,
    merge_labels,
    merge_values,
    molecules_of,
    value_replicates,
)
from workers.modeler.curation.noise import label_noise, value_noise
from workers.modeler.curation.numerals import Written, read
from workers.modeler.curation.records import (
    MIN_MOLECULES,
    Curated,
    Measured,
    Rules,
    as_indices,
    shown,
    unsuitable,
)
from workers.modeler.curation.tasks import FoundTask, judge_task
from workers.modeler.splits import Indices

#: Squares of smaller differences are lost in floating point.
_LEAST_SPREAD = 1e-150


def curate(measured: Sequence[Measured], rules: Rules) -> Curated:
    """Read, transform and merge the targets; no record is lost.

    Raises Rejected: UNSUITABLE_TARGET (constant, one class, too few molecules, no concentration for p),
    INVALID_COMMAND (what the command asks for does not fit the task or the units).
    """
    texts = [item.text for item in measured]
    written = [read(text) for text in texts]
    if rules.task is None:
        task, reason = judge_task(texts, written)
    else:
        task, reason = FoundTask(rules.task, f"{rules.task}: asked for, or the only task of the method")
    if task == CLASSIFICATION and rules.transform != "none":
        raise Rejected(
            Code.INVALID_COMMAND,
            f"target_transform {rules.transform} needs numbers, and {rules.target!r} is of classes "
            f"({reason}).",
        )
    if task == REGRESSION and rules.positive_class is not None:
        raise Rejected(
            Code.INVALID_COMMAND,
            f"positive_class needs classes, but {rules.target!r} is modelled as numbers ({reason}).",
        )
    if task == REGRESSION:
        return _curate_values(measured, written, rules, reason)
    return _curate_labels(measured, rules, reason)


def _curate_values(
    measured: Sequence[Measured], written: Sequence[Written | None], rules: Rules, reason: str
) -> Curated:
    rejects: list[Reject] = []
    column = read_values(measured, written, rules, rejects)
    readings = column.modelled
    groups = molecules_of(measured, readings)
    merged = readings
    if rules.replicates != "keep":
        merged = merge_values(measured, readings, rules, rejects)
    rows, molecules = _molecules(measured, merged.keys(), rules, rejects)
    values = np.array([merged[int(row)] for row in rows], dtype=np.float64)
    if np.ptp(values) == 0:
        text = shown(measured[int(rows[0])].text)
        raise unsuitable(rules, f"all its values are the same, {text}, so that there is nothing to learn")
    if np.std(values) < _LEAST_SPREAD:
        raise unsuitable(rules, f"its values differ by less than {_LEAST_SPREAD:g}: choose a smaller unit")
    counts = np.ones(len(rows), dtype=np.int64)
    if rules.replicates != "keep":
        sizes = {group[0]: len(group) for group in groups}
        counts = np.array([sizes[int(row)] for row in rows], dtype=np.int64)
    exact = [[readings[row] for row in group if row in column.exact] for group in groups]
    return Curated(
        REGRESSION,
        rows,
        values,
        molecules,
        (),
        tuple(rejects),
        reason=reason,
        units=column.units,
        rules=rules,
        reading=column.reading,
        replicates=value_replicates(measured, readings, rules),
        noise=value_noise(exact, values, counts),
    )


def _curate_labels(measured: Sequence[Measured], rules: Rules, reason: str) -> Curated:
    rejects: list[Reject] = []
    keys = dict(enumerate(label_keys(item.text for item in measured)))
    kept = keys if rules.replicates == "keep" else merge_labels(measured, keys, rejects)
    rows, molecules = _molecules(measured, kept.keys(), rules, rejects)
    labels, values = make_classes(kept, rows.tolist(), measured, rules)
    groups = [[keys[row] for row in group] for group in molecules_of(measured, keys)]
    return Curated(
        CLASSIFICATION,
        rows,
        values,
        molecules,
        labels,
        tuple(rejects),
        reason=reason,
        units=rules.units,
        rules=rules,
        replicates=label_replicates(measured, keys),
        noise=label_noise(groups, len(labels)),
    )


def _molecules(
    measured: Sequence[Measured], usable: Iterable[int], rules: Rules, rejects: Sequence[Reject]
) -> tuple[Indices, NDArray[np.int64]]:
    """The usable rows in file order and the number of each one's molecule."""
    rows = as_indices(sorted(usable))
    number: dict[str, int] = {}
    molecules = as_indices([number.setdefault(measured[row].molecule, len(number)) for row in rows])
    if len(number) < MIN_MOLECULES:
        raise unsuitable(rules, _too_few(len(number), rules, rejects))
    return rows, molecules


def _too_few(molecules: int, rules: Rules, rejects: Sequence[Reject]) -> str:
    """What became of the others is what helps."""
    why = f"{molecules} molecules have a usable value, and at least {MIN_MOLECULES} are needed"
    codes = Counter(reject.code for reject in rejects)
    for code, what in (
        (RecordCode.NON_NUMERIC_TARGET, "gave no number, the first because: {}"),
        (RecordCode.CENSORED_TARGET, "are only bounds (censored=bound takes these)"),
        (RecordCode.CONFLICTING_DUPLICATE, "disagree with other records of their molecule"),
        (RecordCode.DUPLICATE, "are of a molecule that was there before"),
    ):
        if count := codes[code]:
            first = next(reject.message for reject in rejects if reject.code == code)
            why += f"; {count:,} {what.format(first.rstrip('.'))}"
    return why
