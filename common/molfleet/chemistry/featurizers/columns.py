"""Columns or SD fields of the input itself as features, so that tabular data can be modelled."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from molfleet.chemistry.featurizers.base import Featurizer, FeaturizerRow, Packed
from molfleet.chemistry.featurizers.spec import Parameter, Spec, SpecValue, Value, resolve
from molfleet.chemistry.formats.tables import TITLES
from molfleet.chemistry.formats.unpack import plain_name
from molfleet.errors import Code, Rejected

if TYPE_CHECKING:
    from molfleet.chemistry.records import Records

#: Different values that a categorical column may have; more are free text or a number.
MAX_LEVELS = 100
#: Records that decide which columns are numeric where none is named, and the share that must be.
SAMPLE_RECORDS = 10_000
NUMERIC_SHARE = 0.95

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_WORDS = {"true": 1.0, "yes": 1.0, "false": 0.0, "no": 0.0}
_NAMES_OF_RECORDS = TITLES | {"index"}
_LIMIT = float(np.finfo(np.float32).max)
_COLUMNS_TOLD = 50


def number_of(text: str) -> float:
    """The number that a cell is: `12`, `-1.5e3`; TRUE and yes are 1, FALSE and no are 0.

    Anything else is NaN: nothing, `<1.2`, `1.2 uM`, `1,234.5`, `nan`, `inf`. A bound is not a value,
    and a unit or a comma may mean something else in the next file.
    """
    text = text.strip()
    if _NUMBER.fullmatch(text):
        return float(text)
    return _WORDS.get(text.lower(), math.nan)


class Columns(Featurizer):
    """The numeric columns as they are, then each categorical column one-hot, a value a level.

    Missing and unreadable numbers are NaN, as are those beyond float32, which are counted in
    `overflows`. A cell with none of its column's levels is all zeros; where it is not blank, it is
    counted in `unseen`. Levels are compared without blanks around them, and with regard to case.
    """

    kind = "descriptors"
    needs = "record"

    def __init__(self, column: str, parameters: Mapping[str, Any]) -> None:
        self._numeric: tuple[str, ...] = parameters["numeric"] or ()
        categorical: tuple[str, ...] = parameters["categorical"] or ()
        _check(self._numeric, categorical)
        levels = _levels(categorical, parameters["categories"] or ())
        self._one_hot = _one_hot(len(self._numeric), levels)
        names = [f"{name}={level}" for name, of_column in levels.items() for level in of_column]
        # `:` parts a column from its element in CSV.
        super().__init__(
            column.replace(":", ";"), len(self._numeric) + len(names), (*self._numeric, *names) or None
        )
        self.reads = (*self._numeric, *categorical)
        self._fitted = bool(self.size) and all(levels.values())

    @property
    def continuous(self) -> NDArray[np.bool_]:
        return np.arange(self.size) < len(self._numeric)

    def knows(self, properties: Mapping[str, str]) -> bool:
        """A blank cell is known for what it is."""
        found = ((properties.get(name, "").strip(), levels) for name, levels in self._one_hot.items())
        return all(not level or level in levels for level, levels in found)

    def calculate_record(self, properties: Mapping[str, str]) -> Packed:
        """The row of one record, float32 [size]. Needs a spec that `fit` has made explicit."""
        if not self._fitted:
            raise RuntimeError("COLUMNS: the categories or columns are not known yet; fit the spec first")
        row = np.zeros(self.size, np.float32)
        for at, name in enumerate(self._numeric):
            value = number_of(properties.get(name, ""))
            if abs(value) > _LIMIT:
                self.losses["overflows"] += 1
                value = math.nan
            row[at] = value
        for name, places in self._one_hot.items():
            level = properties.get(name, "").strip()
            if level in places:
                row[places[level]] = 1.0
            elif level:
                self.losses["unseen"] += 1
        return row


def fit(spec: Spec, records: Records, leave_out: Collection[str] = ()) -> SpecValue:
    """The spec with every column and category named, looked up in the input.

    Without `numeric` and `categorical`: the columns of which 95 % of the filled cells among the first
    10,000 records are numbers, in alphabetical order, but not those that name the record (id, name,
    ...), nor any of `leave_out`. Without `categories` of a column: its values in the whole file, sorted,
    at most 100.

    Raises Rejected: UNKNOWN_NAME for a column that is not there; INVALID_COMMAND for no numeric column
    at all, too many categories, or a column without any.
    """
    values = resolve(spec, "COLUMNS", PARAMETERS)
    numeric, categorical = _names(values["numeric"]), _names(values["categorical"])
    _check(numeric, categorical)
    there = records.property_names()
    for name in (*numeric, *categorical):
        if name not in there:
            raise _not_there(name, records, there)
    if not numeric and not categorical:
        numeric = _numeric_columns(records, [name for name in there if name not in leave_out])
    levels = _levels(categorical, _names(values["categories"]))
    unknown = [name for name, known in levels.items() if not known]
    levels.update(_levels_of(records, unknown))
    parameters: dict[str, Value] = {}
    if numeric:
        parameters["numeric"] = numeric
    if categorical:
        parameters["categorical"] = categorical
        parameters["categories"] = tuple(
            f"{name}={level}" for name in categorical for level in levels[name]
        )
    return SpecValue("COLUMNS", None, None, parameters)


def _names(value: Value) -> tuple[str, ...]:
    return tuple(str(name) for name in value) if isinstance(value, tuple) else ()


def _check(numeric: Sequence[str], categorical: Sequence[str]) -> None:
    names = (*numeric, *categorical)
    twice = next((name for at, name in enumerate(names) if name in names[:at]), None)
    if twice is not None:
        raise _invalid(f"{twice!r} is named twice in numeric and categorical", twice)
    for name in categorical:
        longer = next((other for other in categorical if other.startswith(f"{name}=")), None)
        if longer is not None:
            raise _invalid(f"the categories of {name!r} and {longer!r} could not be told apart", name)


def _levels(categorical: Sequence[str], categories: Iterable[str]) -> dict[str, list[str]]:
    """The levels of each categorical column, sorted, from texts like `color=red`."""
    levels: dict[str, list[str]] = {name: [] for name in categorical}
    for text in categories:
        name = next((name for name in categorical if text.startswith(f"{name}=")), None)
        if name is None:
            allowed = ", ".join(categorical) or "none, as categorical names no column"
            raise _invalid(
                f"categories holds {text!r}; write column=level with a column of categorical ({allowed})",
                text,
            )
        level = text[len(name) + 1 :].strip()
        if not level or level in levels[name]:
            raise _invalid(f"categories holds {text!r} {'without a level' if not level else 'twice'}", name)
        levels[name].append(level)
    return {name: sorted(found) for name, found in levels.items()}


def _one_hot(start: int, levels: Mapping[str, Sequence[str]]) -> dict[str, dict[str, int]]:
    """For each categorical column, the place in the row of each level."""
    places: dict[str, dict[str, int]] = {}
    for name, known in levels.items():
        places[name] = {level: start + at for at, level in enumerate(known)}
        start += len(known)
    return places


def _numeric_columns(records: Records, there: Sequence[str]) -> tuple[str, ...]:
    filled = dict.fromkeys(there, 0)
    numbers = dict.fromkeys(there, 0)
    for properties in _properties(records, SAMPLE_RECORDS):
        for name, text in properties.items():
            if text.strip() and name in filled:
                filled[name] += 1
                numbers[name] += not math.isnan(number_of(text))
    found = tuple(
        sorted(
            name
            for name in there
            if filled[name]
            and numbers[name] >= NUMERIC_SHARE * filled[name]
            and name.strip().lower() not in _NAMES_OF_RECORDS
        )
    )
    if not found:
        raise _invalid(
            f"{_file(records)} has no numeric column; name some in numeric or categorical. {_told(there)}"
        )
    return found


def _levels_of(records: Records, wanted: Sequence[str]) -> dict[str, list[str]]:
    """The values of some columns in the whole file, sorted."""
    found: dict[str, set[str]] = {name: set() for name in wanted}
    for properties in _properties(records, None) if wanted else ():
        for name, levels in found.items():
            if level := properties.get(name, "").strip():
                levels.add(level)
            if len(levels) > MAX_LEVELS:
                raise _invalid(
                    f"{name!r} of {_file(records)} has more than {MAX_LEVELS} different values, such as "
                    f"{', '.join(sorted(levels)[:3])}; name those that count in categories, or the "
                    "column in numeric",
                    name,
                )
    for name, levels in found.items():
        if not levels:
            raise _invalid(f"{name!r} is blank in every record of {_file(records)}", name)
    return {name: sorted(levels) for name, levels in found.items()}


def _properties(records: Records, limit: int | None) -> Iterator[Mapping[str, str]]:
    return (raw.properties for raw in islice(records, limit))


def _not_there(name: str, records: Records, there: Sequence[str]) -> Rejected:
    near = difflib.get_close_matches(name, there, n=1) or [
        other for other in there if other.lower() == name.lower()
    ]
    hint = f" Did you mean {near[0]}?" if near else ""
    return Rejected(
        Code.UNKNOWN_NAME,
        f"COLUMNS: {_file(records)} has no column called {name!r}.{hint} {_told(there)}.",
        details={"featurizer": "COLUMNS", "column": name},
    )


def _told(there: Sequence[str]) -> str:
    more = f" and {len(there) - _COLUMNS_TOLD:,} more" if len(there) > _COLUMNS_TOLD else ""
    return f"Its columns: {', '.join(there[:_COLUMNS_TOLD]) or 'none'}{more}"


def _file(records: Records) -> str:
    return plain_name(records.path)


def _invalid(sentence: str, column: str | None = None) -> Rejected:
    details = {"featurizer": "COLUMNS"} | ({"column": column} if column else {})
    return Rejected(Code.INVALID_COMMAND, f"COLUMNS: {sentence}.", details=details)


PARAMETERS = (
    Parameter("numeric", "names", None, "Columns or SD fields taken as numbers."),
    Parameter("categorical", "names", None, "Columns or SD fields taken as categories, one-hot."),
    Parameter(
        "categories", "names", None, "Their levels, each as column=level; null: those found in the input."
    ),
)

ROWS = (
    FeaturizerRow(
        code="COLUMNS",
        kind="descriptors",
        title="Columns of the input",
        dimension="a value for each numeric column, one for each level of a categorical column",
        paper="one-hot: Suits, J. Am. Stat. Assoc. 52 (1957) 548-551, doi:10.1080/01621459.1957.10501412",
        parameters=PARAMETERS,
        build=Columns,
        fit=fit,
    ),
)
