"""Units of measured values: which ones are the same, which convert into each other, exactly.

A unit is known by its kind (amount concentration, mass concentration, ...) and by how its values become
those of the kind's base unit. Factors are fractions, so that a conversion rounds once, to float. What
is not in the table is a unit too, but equal only to itself.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

#: What a value must be given in, or converted to, for -log10 of it.
MOLAR = "mol/L"
_AMOUNT = "amount concentration"


@dataclass(frozen=True, slots=True)
class Unit:
    """`name` as the file or the command spells it; base value = value * `factor` + `offset`.

    `kind` is empty and `key` alone counts where the unit is not in the table.
    """

    name: str
    key: str
    kind: str = ""
    factor: Fraction = Fraction(1)
    offset: Fraction = Fraction(0)

    def same(self, other: Unit) -> bool:
        """Whether values in both are the same numbers: uM, µM and umol/L are."""
        if self.kind:
            return (self.kind, self.factor, self.offset) == (other.kind, other.factor, other.offset)
        return self.key == other.key

    def converts_to(self, other: Unit) -> bool:
        return bool(self.kind) and self.kind == other.kind

    @property
    def concentration(self) -> bool:
        """Whether it converts to mol/L."""
        return self.kind == _AMOUNT


def convert(value: Fraction, source: Unit, target: Unit) -> Fraction:
    """`value` in `source` units, in `target` units of the same kind."""
    return (value * source.factor + source.offset - target.offset) / target.factor


_PREFIXES = {
    "": Fraction(1),
    "m": Fraction(1, 10**3),
    "u": Fraction(1, 10**6),
    "n": Fraction(1, 10**9),
    "p": Fraction(1, 10**12),
    "f": Fraction(1, 10**15),
}
_NAMED_PREFIXES = {"milli": "m", "micro": "u", "nano": "n", "pico": "p", "femto": "f"}
_MASSES = {"kg": Fraction(1000), "g": Fraction(1)} | {
    f"{prefix}g": factor for prefix, factor in _PREFIXES.items() if prefix
}
_VOLUMES = {"L": Fraction(1), "dL": Fraction(1, 10), "mL": Fraction(1, 10**3), "uL": Fraction(1, 10**6)}
_TIMES = {
    "ms": Fraction(1, 1000),
    **dict.fromkeys(("s", "sec", "second", "seconds"), Fraction(1)),
    **dict.fromkeys(("min", "minute", "minutes"), Fraction(60)),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), Fraction(3600)),
    **dict.fromkeys(("d", "day", "days"), Fraction(86400)),
}
_PRESSURES = {
    "Pa": Fraction(1),
    "hPa": Fraction(100),
    "kPa": Fraction(1000),
    "MPa": Fraction(10**6),
    "mPa": Fraction(1, 1000),
    "bar": Fraction(10**5),
    "mbar": Fraction(100),
    "atm": Fraction(101325),
    "torr": Fraction(101325, 760),
    "mmHg": Fraction("133.322387415"),
}


def _known() -> Iterator[tuple[str, Unit]]:
    """Every spelling with its unit. Thermochemical calorie, conventional millimetre of mercury."""

    def unit(key: str, kind: str, factor: Fraction, offset: Fraction = Fraction(0)) -> tuple[str, Unit]:
        return key, Unit(key, key, kind, factor, offset)

    for prefix, factor in _PREFIXES.items():
        yield unit(f"{prefix}M", _AMOUNT, factor)
        yield unit(f"{prefix}molar", _AMOUNT, factor)
        for volume, size in _VOLUMES.items():
            yield unit(f"{prefix}mol/{volume}", _AMOUNT, factor / size)
        yield unit(f"{prefix}mol/m3", _AMOUNT, factor / 1000)
        yield unit(f"{prefix}mol/dm3", _AMOUNT, factor)
        yield unit(f"{prefix}mol/cm3", _AMOUNT, factor * 1000)
        yield unit(f"{prefix}mol/kg", "amount per mass", factor)
    for name, prefix in _NAMED_PREFIXES.items():
        yield unit(f"{name}molar", _AMOUNT, _PREFIXES[prefix])
    for mass, factor in _MASSES.items():
        for volume, size in _VOLUMES.items():
            yield unit(f"{mass}/{volume}", "mass concentration", factor / size)
        yield unit(f"{mass}/m3", "mass concentration", factor / 1000)
        yield unit(f"{mass}/kg", "mass per mass", factor)
    for name, seconds in _TIMES.items():
        yield unit(name, "time", seconds)
    for name, pascals in _PRESSURES.items():
        yield unit(name, "pressure", pascals)
    for name, joules in (("J", 1), ("kJ", 1000), ("cal", Fraction("4.184")), ("kcal", 4184)):
        yield unit(f"{name}/mol", "energy per amount", Fraction(joules))
    for name in ("%", "percent", "per cent", "pct"):
        yield unit(name.replace(" ", ""), "share", Fraction(1, 100))
    yield unit("‰", "share", Fraction(1, 1000))
    yield unit("K", "temperature", Fraction(1))
    for name in ("°C", "degC"):
        yield unit(name, "temperature", Fraction(1), Fraction("273.15"))
    for name in ("°F", "degF"):
        yield unit(name, "temperature", Fraction(5, 9), Fraction("273.15") - Fraction(160, 9))
    for name, litres in (("mL", 1), ("uL", Fraction(1, 1000)), ("L", 1000)):
        yield unit(f"{name}/min/kg", "clearance", Fraction(litres) * 60)
        yield unit(f"{name}/h/kg", "clearance", Fraction(litres))
    yield unit("cm/s", "speed", Fraction(1))
    yield unit("nm/s", "speed", Fraction(1, 10**7))


_EXACT = dict(_known())


def _folded() -> dict[str, Unit]:
    """The table without regard to case, less what then means two things (mPa and MPa)."""
    found: dict[str, Unit] = {}
    ambiguous: set[str] = set()
    for key, unit in _EXACT.items():
        if len(key) == 1:  # M, K and s are not m, k and S
            continue
        other = found.setdefault(key.casefold(), unit)
        if not unit.same(other):
            ambiguous.add(key.casefold())
    return {key: unit for key, unit in found.items() if key not in ambiguous}


_FOLDED = _folded()

_DENOMINATOR = re.compile(r"[·.*]?([A-Za-z]+)\^?-1")
_BRACKETS = re.compile(r"[(\[](.*)[)\]]")
# Letters and signs, products and quotients of them, small powers: what may be a unit not in the table.
_PLAIN = re.compile(r"(?:[^\W\d_]|[%‰°])+(?:\^?-?[1-3])?(?:[/·.*](?:[^\W\d_]|[%‰°])+(?:\^?-?[1-3])?)*")
_EXPONENT = re.compile(r"[eExX][+-]?[0-9]*|[dD][+-]?[0-9]+")
_LONGEST = 24


@lru_cache(maxsize=1024)
def unit_of(text: str) -> Unit | None:
    """The unit that `text` is; None where it cannot be one (blank, a phrase, an exponent).

    Case counts where it makes a difference (mPa, MPa), else `nm` and `NM` are nM: that the values of a
    model target are lengths is rarer than that somebody wrote so, and the factors are the same.
    """
    name = " ".join(text.split())
    key = _key(name)
    found = _EXACT.get(key) or _FOLDED.get(key.casefold())
    if found is not None:
        return Unit(name, key, found.kind, found.factor, found.offset)
    if not name or len(name) > _LONGEST or " " in name or _EXPONENT.fullmatch(name):
        return None
    return Unit(name, key.casefold()) if _PLAIN.fullmatch(key) else None


def _key(name: str) -> str:
    """One spelling of what is written in several ways: µ, superscripts, brackets, `mol L-1`."""
    text = unicodedata.normalize("NFKC", name.replace("º", "°"))
    text = text.replace("\u03bc", "u").replace("\u2212", "-").replace("litre", "L").replace("liter", "L")
    if inner := _BRACKETS.fullmatch(text):
        text = inner.group(1)
    if re.search(r"[A-Za-z][ ·.*]+[A-Za-z]+\^?-1", text):
        text = _DENOMINATOR.sub(r"/\1", text.replace(" ", "·"))
    text = text.replace(" ", "").replace("^", "").rstrip(".")
    if text.endswith(("/ml", "/l")):  # lower-case litres
        text = text[:-1] + "L"
    return text


#: The unit that p is taken in.
MOLAR_UNIT = _EXACT[MOLAR]
