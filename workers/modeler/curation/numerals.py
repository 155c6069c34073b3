"""From the text of a measured value to what is written there. Pure text work, one value at a time.

Nothing is decided here that takes more than one value: whether `1,234` is 1234 or 1.234 is said by the
column (`Style`), and in which unit a bare number is, too.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from workers.modeler.curation.units import Unit, unit_of

_MISSING = frozenset(
    {"", "na", "n/a", "#n/a", "nan", "null", "<na>", "-", "--", "–", "—", "−", "?", ".", "...", "…"}
)
#: No measured value is longer.
_LONGEST = 120

_SPACES = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_NOTHING = "\u200b\u200c\u200d\u2060\ufeff\u200e\u200f"
_MINUS = "\u2010\u2011\u2012\u2013\u2014\u2212\ufe63\uff0d"
_PLAIN = (
    dict.fromkeys(map(ord, _SPACES), " ")
    | dict.fromkeys(map(ord, _NOTHING))
    | dict.fromkeys(map(ord, _MINUS), "-")
    | {0xFF10 + digit: str(digit) for digit in range(10)}
    | {ord("＋"): "+", ord("．"): ".", ord("，"): ",", ord("’"): "'", ord("＜"): "<", ord("＞"): ">"}
    | {ord("≤"): "<=", ord("⩽"): "<=", ord("≥"): ">=", ord("⩾"): ">=", ord("≈"): "~", ord("∼"): "~"}
    | {ord("±"): "+-", ord("×"): "x", ord("％"): "%"}
)
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")

_BODY = r"(?:[0-9]{1,3}(?:[ '][0-9]{3})+(?![0-9])(?:[.,][0-9]+)?|[0-9][0-9.,]*|[.,][0-9]+)"


def _number(which: int) -> str:
    """A bare `x 106` may be a lost superscript: a power of ten needs a caret, a sign or a superscript."""
    return (
        rf"(?P<sign{which}>[+-]?)(?P<body{which}>{_BODY})"
        rf"(?:[eE](?P<e{which}>[+-]?[0-9]+)"
        rf"|\s*[x*·]\s*10\s*(?:(?:\^|\*\*)\s*\(?(?P<caret{which}>[+-]?[0-9]+)\)?"
        rf"|(?P<signed{which}>[+-][0-9]+)|(?P<raised{which}>[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+)))?"
    )


_POWERS = ("e", "caret", "signed", "raised")
_WRITTEN = re.compile(
    r"(?P<relation><=|>=|=<|=>|<<|>>|<|>|=|~|(?:ca\.?|circa|approx\.?|about)\s)?\s*"
    rf"{_number(1)}"
    rf"(?:\s*(?:\+/-|\+-)\s*(?P<error>{_BODY})|\s*(?:-|\bto\b)\s*{_number(2)})?"
    r"\s*(?P<unit>\D.*)?",
    re.IGNORECASE,
)


class Style(Enum):
    """What separators mean in a column."""

    #: A dot before decimals; one comma before three digits could be either and is not read.
    DOT = "dot"
    #: The same, and commas are known to separate thousands.
    THOUSANDS = "dot, commas between thousands"
    COMMA = "comma"
    #: The same, and dots are known to separate thousands.
    COMMA_THOUSANDS = "comma, dots between thousands"


@dataclass(frozen=True, slots=True)
class Numeral:
    """A number as it is written: `body` with its separators, `power` the power of ten."""

    sign: str
    body: str
    power: str

    def text(self, style: Style) -> str | None:
        """The number as float() takes it; None where it is none, or may be another, in that style."""
        plain = self.body.replace(" ", "").replace("'", "")
        if style in (Style.COMMA, Style.COMMA_THOUSANDS):
            read = _comma(plain, thousands=style is Style.COMMA_THOUSANDS)
        else:
            read = _dot(plain, thousands=style is Style.THOUSANDS)
        return None if read is None else f"{self.sign}{read}{'e' + self.power if self.power else ''}"


_GROUPED_COMMAS = re.compile(r"[0-9]{1,3}(?:(?:,[0-9]{3}){2,}(?:\.[0-9]*)?|,[0-9]{3}\.[0-9]*)")
_GROUPED_DOTS = re.compile(r"[0-9]{1,3}(?:(?:\.[0-9]{3}){2,}(?:,[0-9]*)?|\.[0-9]{3},[0-9]*)")
_EITHER = re.compile(r"[1-9][0-9]{0,2},[0-9]{3}")
_EITHER_DOT = re.compile(r"[1-9][0-9]{0,2}\.[0-9]{3}")
_PLAIN_DOT = re.compile(r"[0-9]*\.?[0-9]*")
_PLAIN_COMMA = re.compile(r"[0-9]*,?[0-9]*")


def _dot(body: str, *, thousands: bool) -> str | None:
    if _GROUPED_COMMAS.fullmatch(body) or (thousands and _EITHER.fullmatch(body)):
        return body.replace(",", "")
    return body if _PLAIN_DOT.fullmatch(body) else None


def _comma(body: str, *, thousands: bool) -> str | None:
    if _GROUPED_DOTS.fullmatch(body) or (thousands and _EITHER_DOT.fullmatch(body)):
        return body.replace(".", "").replace(",", ".")
    return body.replace(",", ".") if _PLAIN_COMMA.fullmatch(body) else None


@dataclass(frozen=True, slots=True)
class Written:
    """What a text says: `number`, or `number` to `high`; `relation` is `<`, `>`, `~` or blank.

    `error` says that a `± something` follows, `unit` what stands after the number.
    """

    number: Numeral
    relation: str = ""
    high: Numeral | None = None
    error: bool = False
    unit: Unit | None = None

    @property
    def exact(self) -> bool:
        return not self.relation and self.high is None


def is_missing(text: str | None) -> bool:
    """Whether nothing was measured: blank, or one of the usual signs for it."""
    return text is None or text.strip().lower() in _MISSING


def read(text: str) -> Written | None:
    """The number, range or bound that `text` is, with its decorations; None where it is none.

    Understood: `<1.2`, `>= 5`, `=3`, `~3`; `5 ± 0.2`; `3-5`, `3 to 5`; `1.2e-6`, `1.2 x 10^-6`; any of
    them with a unit after it; thousands apart by commas, blanks or apostrophes; decimal commas; minus
    signs, digits and blanks of typesetters. Anything else is no number, `5 (n=3)` and `0x10` included.
    """
    text = text.translate(_PLAIN).strip()
    match = _WRITTEN.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        return None
    unit = None
    if match["unit"]:
        unit = unit_of(match["unit"])
        if unit is None:
            return None
    high = _numeral(match, 2) if match["body2"] else None
    relation = (match["relation"] or "").strip().lower()
    if relation and relation[0] not in "<>=~":
        relation = "~"
    if "=" in relation:
        relation = relation.replace("=", "")
    return Written(_numeral(match, 1), relation[:1], high, match["error"] is not None, unit)


def _numeral(match: re.Match[str], which: int) -> Numeral:
    power = next((match[f"{name}{which}"] for name in _POWERS if match[f"{name}{which}"]), "")
    return Numeral(match[f"sign{which}"], match[f"body{which}"], power.translate(_SUPERSCRIPTS))


def find_style(column: Iterable[Written | None]) -> Style:
    """What the separators of a whole column mean.

    Decimal commas are read where at least one number can be nothing else (`0,5`), none has decimals
    after a dot, and commas are more than dots that may be either (or `1.234,5` shows what those are). A
    lone `1,234` is a thousand where another number shows that commas separate thousands (`1,234.5`) and
    none has a decimal comma.
    """
    comma = dot = thousands = dotted = either = either_dot = 0
    for written in column:
        for numeral in () if written is None else (written.number, written.high):
            if numeral is None or numeral.body.isdigit():
                continue
            body = numeral.body.replace(" ", "").replace("'", "")
            if _GROUPED_COMMAS.fullmatch(body):
                thousands += 1
            elif _GROUPED_DOTS.fullmatch(body):
                dotted += 1
            elif _EITHER.fullmatch(body):
                either += 1
            elif _EITHER_DOT.fullmatch(body):
                either_dot += 1
            elif "," in body and _comma(body, thousands=False) is not None:
                comma += 1
            elif "." in body and _dot(body, thousands=False) is not None:
                dot += 1
    if not dot and not thousands:
        # One odd text must not make a thousand of every 1.234.
        if dotted and 10 * (dotted + comma) >= either_dot:
            return Style.COMMA_THOUSANDS
        if comma and comma + either > either_dot:
            return Style.COMMA
    return Style.THOUSANDS if thousands and not comma and not dotted else Style.DOT


def finite(text: str) -> float | None:
    """float(text); None beyond what a float holds, at either end (1e400, 1e-400)."""
    value = float(text)
    if not math.isfinite(value):
        return None
    return None if value == 0 and re.search("[1-9]", text.lower().partition("e")[0]) else value
