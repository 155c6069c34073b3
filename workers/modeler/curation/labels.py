"""Class labels: which texts are one class, which class is the positive one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from molfleet.errors import Code, Rejected
from workers.modeler.curation.numerals import Style, read
from workers.modeler.curation.records import Measured, Rules, unsuitable

#: More labels than these are free text, not classes.
MAX_CLASSES = 50
_POSITIVE = ("1", "true", "active", "yes")
_YES = frozenset({*_POSITIVE, "y", "t", "positive", "pos", "+"})
_NO = frozenset({"0", "false", "inactive", "no", "n", "f", "negative", "neg"})


def label_key(text: str) -> str:
    """What makes two labels one: case and blanks do not count, nor does `1.0` against `1`."""
    folded = " ".join(text.split()).casefold()
    value = _bare_number(folded)
    if value is not None and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return folded


def label_keys(texts: Iterable[str]) -> list[str]:
    """The same for a whole column; where one mixes signs for yes and no (TRUE, 1, active, y, ...) and has
    no other label, those of either sort are one class."""
    keys = [label_key(text) for text in texts]
    counts = Counter(keys)
    if len(counts) <= 2 or not counts.keys() <= _YES | _NO:
        return keys
    yes = next((key for key in _POSITIVE if key in counts), _most_frequent(counts, _YES))
    no = _most_frequent(counts, _NO)
    return [yes if key in _YES else no for key in keys]


def _most_frequent(counts: Mapping[str, int], among: frozenset[str]) -> str:
    return min((key for key in counts if key in among), key=lambda key: (-counts[key], key), default="")


def _bare_number(text: str) -> float | None:
    written = read(text)
    if written is None or not written.exact or written.error or written.unit is not None:
        return None
    digits = written.number.text(Style.DOT)
    return None if digits is None else float(digits)


def make_classes(
    keys: Mapping[int, str], rows: Sequence[int], measured: Sequence[Measured], rules: Rules
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """The labels as the file spells them, negative before positive, and the class numbers of `rows`.

    Raises Rejected: UNSUITABLE_TARGET for one class or too many, INVALID_COMMAND for a positive class
    that does not exist.
    """
    counts = Counter(keys[row] for row in rows)
    spelling = _spellings(keys, measured)
    if len(counts) == 1:
        raise unsuitable(rules, _one_class(spelling[next(iter(counts))]))
    if len(counts) > MAX_CLASSES:
        raise unsuitable(
            rules,
            f"it has {len(counts)} different labels, and at most {MAX_CLASSES} can be classes; "
            f"the first are {', '.join(repr(spelling[key]) for key in sorted(counts)[:3])}",
        )
    order = sorted(counts, key=_order)
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
    return (
        tuple(spelling[key] for key in order),
        np.array([number[keys[row]] for row in rows], dtype=np.int64),
    )


def _one_class(label: str) -> str:
    hint = "; a bare '-' counts as not measured, so write the other class as a word" if label == "+" else ""
    return f"all molecules are of one class, {label!r}, and a model needs at least two{hint}"


def _order(key: str) -> tuple[bool, float, str]:
    value = _bare_number(key)
    return (True, 0.0, key) if value is None else (False, value, "")


def _spellings(keys: Mapping[int, str], measured: Sequence[Measured]) -> Mapping[str, str]:
    """Each label's most frequent spelling; of equals the first in the alphabet."""
    seen = Counter((key, measured[row].text.strip()) for row, key in keys.items())
    best: dict[str, str] = {}
    for key, text in sorted(seen, key=lambda pair: (-seen[pair], pair)):
        best.setdefault(key, text)
    return best


def _positive(keys: Sequence[str], counts: Counter[str], spelling: Mapping[str, str], rules: Rules) -> str:
    if rules.positive_class is not None:
        wanted = label_key(rules.positive_class)
        if wanted not in keys:
            wanted = _same_sort(wanted, keys)
        if not wanted:
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


def _same_sort(wanted: str, keys: Sequence[str]) -> str:
    """The class in which the wanted label went up, where signs for yes and no were merged."""
    for sort, other in ((_YES, _NO), (_NO, _YES)):
        if wanted in sort and any(key in other for key in keys):
            return next((key for key in keys if key in sort), "")
    return ""
