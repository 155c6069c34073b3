"""Several records of one molecule, under the same conditions, become one; the others are rejects."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from molfleet.chemistry.records import Reject
from molfleet.errors import RecordCode
from workers.modeler.curation.records import Disagreement, Measured, Replicates, Rules, shown
from workers.modeler.curation.transforms import measured_again

#: So many disagreements are listed, the worst ones.
LISTED = 10
#: Two numbers so many decades apart, to one part in a hundred: somebody mistook a unit.
_MISTAKES = (3, 6)


def molecules_of(measured: Sequence[Measured], rows: Iterable[int]) -> list[list[int]]:
    """The rows of each molecule (under each of its conditions, where there are any), in file order."""
    rows_of: dict[tuple[str, bytes], list[int]] = {}
    for row in rows:
        item = measured[row]
        rows_of.setdefault((item.molecule, item.conditions), []).append(row)
    return list(rows_of.values())


def merge_values(
    measured: Sequence[Measured],
    values: Mapping[int, float],
    rules: Rules,
    rejects: list[Reject],
) -> dict[int, float]:
    """Row of the molecule's first record -> median or mean, taken of transformed values."""
    merge = np.median if rules.replicates == "median" else np.mean
    merged: dict[int, float] = {}
    for first, *others in molecules_of(measured, values):
        merged[first] = float(merge([values[row] for row in (first, *others)]))
        message = (
            f"The molecule of record {measured[first].record} again; the {rules.replicates} of its "
            f"{len(others) + 1} values is taken there."
        )
        rejects.extend(measured[row].reject(RecordCode.DUPLICATE, message) for row in others)
    return merged


def merge_labels(
    measured: Sequence[Measured], keys: Mapping[int, str], rejects: list[Reject]
) -> dict[int, str]:
    """The majority's label at the first record that has it; where two are as many, none is used."""
    merged: dict[int, str] = {}
    for rows in molecules_of(measured, keys):
        counts = Counter(keys[row] for row in rows)
        (winner, most), *others = counts.most_common(2)
        if others and others[0][1] == most:
            rejects.extend(_tied(measured, rows, row) for row in rows)
            continue
        kept = next(row for row in rows if keys[row] == winner)
        merged[kept] = winner
        for row in rows:
            if row == kept:
                continue
            agrees = keys[row] == winner
            rejects.append(
                measured[row].reject(
                    RecordCode.DUPLICATE if agrees else RecordCode.CONFLICTING_DUPLICATE,
                    f"The molecule of record {measured[kept].record} again, with the same class."
                    if agrees
                    else f"The molecule of record {measured[kept].record}, which with {most} of its "
                    f"{len(rows)} records is {shown(measured[kept].text)}; this one says "
                    f"{shown(measured[row].text)}.",
                )
            )
    return merged


def _tied(measured: Sequence[Measured], rows: Sequence[int], row: int) -> Reject:
    numbers = ", ".join(str(measured[one].record) for one in rows[:10])
    more = "" if len(rows) <= 10 else f" and {len(rows) - 10} more"
    return measured[row].reject(
        RecordCode.CONFLICTING_DUPLICATE,
        f"One molecule, first in record {measured[rows[0]].record}, with different classes and no "
        f"majority: records {numbers}{more}.",
    )


def value_replicates(measured: Sequence[Measured], values: Mapping[int, float], rules: Rules) -> Replicates:
    """Those that differ are counted, the widest apart listed."""
    groups = [rows for rows in molecules_of(measured, values) if len(rows) > 1]
    spread = {rows[0]: float(np.ptp([values[row] for row in rows])) for rows in groups}
    worst = sorted((rows for rows in groups if spread[rows[0]]), key=lambda rows: -spread[rows[0]])
    return Replicates(
        molecules=len(groups),
        records=sum(map(len, groups)),
        disagreeing=len(worst),
        worst=tuple(
            _disagreement(measured, rows, _unit_mistake([values[row] for row in rows], rules))
            for rows in worst[:LISTED]
        ),
    )


def label_replicates(measured: Sequence[Measured], keys: Mapping[int, str]) -> Replicates:
    """Those that differ are counted, the most evenly divided listed."""
    groups = [rows for rows in molecules_of(measured, keys) if len(rows) > 1]
    worst = [rows for rows in groups if len({keys[row] for row in rows}) > 1]
    worst.sort(key=lambda rows: max(Counter(keys[row] for row in rows).values()) / len(rows))
    return Replicates(
        molecules=len(groups),
        records=sum(map(len, groups)),
        disagreeing=len(worst),
        worst=tuple(_disagreement(measured, rows, False) for rows in worst[:LISTED]),
    )


def _disagreement(measured: Sequence[Measured], rows: Sequence[int], mistake: bool) -> Disagreement:
    return Disagreement(
        tuple(measured[row].record for row in rows[:LISTED]),
        tuple(" ".join(measured[row].text.split())[:60] for row in rows[:LISTED]),
        mistake,
    )


def _unit_mistake(values: Sequence[float], rules: Rules) -> bool:
    """Whether the lowest and highest are a factor of 1,000 or 1,000,000 apart (Kramer et al. 2012)."""
    low, high = sorted(measured_again(value, rules.transform) for value in (min(values), max(values)))
    if low <= 0 or not math.isfinite(high):
        return False
    return any(abs(math.log10(high / low) - decades) < 0.005 for decades in _MISTAKES)
