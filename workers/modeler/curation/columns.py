"""The numbers of a whole column: in one unit, transformed; every text that gives none is a reject."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from molfleet.chemistry.records import Reject
from molfleet.errors import Code, RecordCode, Rejected
from workers.modeler.curation.numerals import Numeral, Style, Written, find_style, finite
from workers.modeler.curation.records import Measured, Reading, Rules, shown, unsuitable
from workers.modeler.curation.transforms import transform
from workers.modeler.curation.units import MOLAR, MOLAR_UNIT, Unit, convert, unit_of

#: Learning libraries keep targets as float32, and squares of them must not overflow.
_LARGEST = 1e15


@dataclass(frozen=True)
class Values:
    """`modelled` is row -> transformed value, in file order; of the `exact` rows no bound was taken.
    `units` are those before the transform (None: not stated)."""

    modelled: dict[int, float]
    exact: frozenset[int]
    units: str | None
    reading: Reading


class _NoNumber(Exception):
    """Why a text gives no value; the sentence goes on after the name of the target."""

    def __init__(self, why: str, code: RecordCode = RecordCode.NON_NUMERIC_TARGET) -> None:
        super().__init__(why)
        self.why = why
        self.code = code


@dataclass
class _Units:
    """`column` is the unit that values are read in; of bare ones too, where `bare` says so. `target`
    is the unit that they become."""

    column: Unit | None
    target: Unit | None
    bare: bool
    named: bool


@dataclass
class _Tally:
    conversions: Counter[tuple[str, str]] = field(default_factory=Counter)
    bounds: Counter[str] = field(default_factory=Counter)
    bounds_used: int = 0
    with_error: int = 0


def read_values(
    measured: Sequence[Measured],
    written: Sequence[Written | None],
    rules: Rules,
    rejects: list[Reject],
) -> Values:
    """Raises Rejected (INVALID_COMMAND, UNSUITABLE_TARGET) where p is asked of what is no concentration.

    Units. Where the command names one, bare numbers are in it, and values in another unit of the same
    kind are converted. Where it names none, the most frequent unit of the file counts; bare numbers
    beside decorated ones are of an unknown unit, so that the rarer of the two sorts is left out.
    """
    style = find_style(written)
    spellings = Counter(item.unit.name for item in written if item is not None and item.unit is not None)
    bare = sum(item is not None and item.unit is None for item in written)
    units = _find_units(written, bare, rules)
    tally = _Tally()
    modelled: dict[int, float] = {}
    exact: set[int] = set()
    for row, (item, content) in enumerate(zip(measured, written, strict=True)):
        try:
            modelled[row] = _value(content, style, units, rules, tally)
        except _NoNumber as reason:
            rejects.append(item.reject(reason.code, f"{rules.target} {reason.why}: {shown(item.text)}."))
            continue
        if content is not None and content.exact:
            exact.add(row)
    return Values(
        modelled,
        frozenset(exact),
        None if units.target is None else units.target.name,
        Reading(
            decimal=style.value,
            spellings=spellings,
            bare=bare,
            conversions=tally.conversions,
            bounds=tally.bounds,
            bounds_used=tally.bounds_used,
            with_error=tally.with_error,
            notes=tuple(_notes(units, spellings, bare)),
        ),
    )


def _find_units(written: Sequence[Written | None], bare: int, rules: Rules) -> _Units:
    if rules.units and rules.units.strip():
        name = " ".join(rules.units.split())
        # The command may name what is no unit of ours, such as `log10(mol/L)`: then only bare values fit.
        column: Unit | None = unit_of(name) or Unit(name, name)
        named, takes_bare = True, True
    else:
        column = _most_frequent(written)
        decorated = sum(item is not None and item.unit is not None for item in written)
        named, takes_bare = False, bare > decorated
        if takes_bare:
            column = None
    if rules.transform != "p":
        return _Units(column, column, takes_bare, named)
    if column is None:
        # By the contract, p is of values in mol/L.
        return _Units(MOLAR_UNIT, MOLAR_UNIT, takes_bare, named=True)
    if not column.concentration:
        why = (
            f"target_transform p needs a concentration that converts to {MOLAR}, and the values of "
            f"{rules.target!r} are in {column.name}"
        )
        raise Rejected(Code.INVALID_COMMAND, f"{why}.") if named else unsuitable(rules, why)
    return _Units(column, MOLAR_UNIT, takes_bare, named)


def _most_frequent(written: Sequence[Written | None]) -> Unit | None:
    """In its most frequent spelling; of equals the first in the file."""
    spellings: Counter[Unit] = Counter(
        item.unit for item in written if item is not None and item.unit is not None
    )
    best: Unit | None = None
    most = 0
    for unit in spellings:
        count = sum(times for other, times in spellings.items() if other.same(unit))
        if count > most:
            best, most = unit, count
    if best is None:
        return None
    alike = [unit for unit in spellings if unit.same(best)]
    return max(alike, key=lambda unit: spellings[unit])


def _value(content: Written | None, style: Style, units: _Units, rules: Rules, tally: _Tally) -> float:
    if content is None:
        raise _NoNumber("is not a number")
    source = _source(content.unit, units)
    low = _number(content.number, style, source, units.target, rules)
    high = low
    if content.high is not None:
        high = _number(content.high, style, source, units.target, rules)
    relation = "range" if content.high is not None else content.relation
    if content.high is not None and (content.relation or not _ascends(content, style)):
        raise _NoNumber("is not a number")
    if relation:
        tally.bounds[relation] += 1
        if rules.censored == "drop":
            raise _NoNumber(_KNOWN_AS[relation], RecordCode.CENSORED_TARGET)
        tally.bounds_used += 1
    tally.with_error += content.error
    if source is not None and units.target is not None and not source.same(units.target):
        tally.conversions[source.name, units.target.name] += 1
    return (low + high) / 2


_KNOWN_AS = {
    "<": "is known only as a bound",
    ">": "is known only as a bound",
    "~": "is known only approximately",
    "range": "is known only as a range",
}


def _ascends(content: Written, style: Style) -> bool:
    """A range goes upwards: `10-6` is more likely a power of ten that lost its superscript."""
    low = content.number.text(style)
    high = None if content.high is None else content.high.text(style)
    return low is not None and high is not None and float(low) < float(high)


def _source(unit: Unit | None, units: _Units) -> Unit | None:
    """The unit that a value is in; None where nobody says."""
    if unit is None:
        if not units.bare and units.column is not None:
            raise _NoNumber(f"has no unit, as most of its values have ({units.column.name})")
        return units.column
    if units.column is None:
        raise _NoNumber(
            f"is in {unit.name}, but most of its values name no unit (the command's units would say it)"
        )
    if not unit.same(units.column) and not unit.converts_to(units.column):
        raise _NoNumber(f"is in {unit.name}, which does not convert to {units.column.name}")
    return unit


def _number(
    numeral: Numeral, style: Style, source: Unit | None, target: Unit | None, rules: Rules
) -> float:
    text = numeral.text(style)
    if text is None:
        other = any(numeral.text(candidate) is not None for candidate in Style)
        raise _NoNumber(
            "has a separator that may stand for decimals or for thousands" if other else "is not a number"
        )
    value = finite(text)
    if value is not None and source is not None and target is not None and not source.same(target):
        value = _converted(text, source, target)
    if value is None:
        raise _NoNumber("is too large or too small for a number")
    modelled = transform(value, rules.transform)
    if modelled is None:
        raise _NoNumber(f"has no logarithm, as target_transform {rules.transform} needs it")
    if abs(modelled) > _LARGEST:
        raise _NoNumber("is too large to be modelled")
    return modelled


def _converted(text: str, source: Unit, target: Unit) -> float | None:
    exactly = convert(Fraction(text.rstrip(".")), source, target)
    try:
        value = float(exactly)
    except OverflowError:
        return None
    return None if value == 0 and exactly != 0 else value


def _notes(units: _Units, spellings: Counter[str], bare: int) -> list[str]:
    notes = []
    if units.column is not None and not units.named:
        notes.append(f"The command names no units; the file says {units.column.name}, and so it was read.")
    if units.column is None and spellings:
        notes.append(
            f"{sum(spellings.values()):,} values name a unit ({', '.join(sorted(spellings))}) and most "
            "name none; they were left out, since nobody says what the others are in."
        )
    if units.column is not None and not units.bare and bare:
        notes.append(
            f"{bare:,} values name no unit and were left out, since most are in {units.column.name}; "
            "the command's units would say what they are in."
        )
    return notes
