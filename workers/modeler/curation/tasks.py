"""Classification or regression, and why, where the command leaves it open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from workers.modeler.algorithms.base import CLASSIFICATION, REGRESSION, Task
from workers.modeler.curation.numerals import Written, find_style, finite, read

#: Integer codes up to so many levels are classes ...
_MOST_LEVELS = 5
#: ... where a level has so many records on average; fewer look like counts or rounded measurements.
_RECORDS_PER_LEVEL = 5
_FIRST_LEVELS = (-1, 0, 1)


#: Relation or upper end, value, unit: what makes two numbers different.
_Number = tuple[str, float, str]


class FoundTask(NamedTuple):
    task: Task
    reason: str


def find_task(texts: Iterable[str]) -> FoundTask:
    """The task that the values ask for, and a sentence that says why."""
    texts = list(texts)
    return judge_task(texts, [read(text) for text in texts])


def judge_task(texts: Sequence[str], written: Sequence[Written | None]) -> FoundTask:
    """The same for texts that have been read.

    Numbers where more than half of the texts are numbers (bounds and units included): a few odd entries
    make no classes of a measurement. But two different values are classes, and so are three to five
    integers without gaps from -1, 0 or 1 on with at least five records for each: codes like 0/1/2.
    """
    seen = _numbers(written)
    numbers, total = seen.total(), len(texts)
    share = f"{numbers:,} of {total:,} values are numbers, {len(seen):,} of them different"
    if 2 * numbers <= total:
        labels = len({" ".join(text.split()).casefold() for text in texts})
        return FoundTask(
            CLASSIFICATION,
            f"classification: only {numbers:,} of {total:,} values are numbers; {labels:,} different texts",
        )
    if len(seen) <= 2:
        return FoundTask(CLASSIFICATION, f"classification: {share}")
    levels = _levels(seen)
    if levels and numbers >= _RECORDS_PER_LEVEL * len(levels):
        return FoundTask(
            CLASSIFICATION,
            f"classification: {share}, the codes {', '.join(map(str, levels))} "
            "(send the task regression if they are amounts)",
        )
    return FoundTask(REGRESSION, f"regression: {share}")


def _numbers(written: Sequence[Written | None]) -> Counter[_Number]:
    """What counts as a number. `1a` and `2b` are labels, but one unknown unit everywhere is a unit."""
    style = find_style(written)
    units = {item.unit.key for item in written if item is not None and item.unit is not None}
    seen: Counter[_Number] = Counter()
    for item in written:
        if item is None or (item.unit is not None and not item.unit.kind and len(units) > 1):
            continue
        text = item.number.text(style)
        value = None if text is None else finite(text)
        if value is not None:
            high = None if item.high is None else item.high.text(style)
            seen[item.relation or high or "", value, "" if item.unit is None else item.unit.key] += 1
    return seen


def _levels(seen: Iterable[_Number]) -> list[int]:
    """The integers, if there are only few, without gaps, decorated by nothing; else an empty list."""
    levels: list[int] = []
    for relation, value, unit in seen:
        if relation or unit or not value.is_integer() or abs(value) > _MOST_LEVELS:
            return []
        levels.append(int(value))
    levels.sort()
    gapless = levels == list(range(levels[0], levels[0] + len(levels)))
    return levels if gapless and levels[0] in _FIRST_LEVELS and len(levels) <= _MOST_LEVELS else []
