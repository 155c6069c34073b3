"""From the text of a measured value to a number or a class label. Pure text work, one value at a time."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

_MISSING = frozenset({"", "na", "n/a", "#n/a", "nan", "null", "-", "--", "?"})
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
# One comma before three digits may be a decimal comma: only what can mean one thing is read.
_THOUSANDS = re.compile(r"[+-]?[0-9]{1,3}((,[0-9]{3})+\.[0-9]+|(,[0-9]{3}){2,})")
_CENSORED = re.compile(r"(<=|>=|<|>|≤|≥|=)\s*")


@dataclass(frozen=True, slots=True)
class Number:
    """A measured value; `censored` where only this bound of it is known (`<1.2`)."""

    value: float
    censored: bool = False


def is_missing(text: str | None) -> bool:
    """Whether nothing was measured: blank, or one of the usual signs for it."""
    return text is None or text.strip().lower() in _MISSING


def read_number(text: str, units: str | None = None) -> Number | None:
    """The number that `text` is, or None.

    Understood: a relation before it (`<1.2`, `>= 5`, `=3`), thousands separators that cannot be
    decimal commas (`1,234.5`), and after it the command's own `units`. Any other decoration makes it
    no number: `3 nM` among values in uM must not become 3.
    """
    rest = text.strip()
    censored = False
    if relation := _CENSORED.match(rest):
        censored = relation.group(1) != "="
        rest = rest[relation.end() :]
    if units and rest.lower().endswith(units.lower()):
        rest = rest[: -len(units)].rstrip()
    if _THOUSANDS.fullmatch(rest):
        rest = rest.replace(",", "")
    if not _NUMBER.fullmatch(rest):
        return None
    value = float(rest)
    return Number(value, censored) if math.isfinite(value) else None


def label_key(text: str) -> str:
    """What makes two labels one: case and surrounding blanks do not count, nor does `1.0` against `1`."""
    folded = text.strip().casefold()
    if _NUMBER.fullmatch(folded):
        value = float(folded)
        if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
    return folded
