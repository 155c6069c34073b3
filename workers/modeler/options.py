"""What a command may say in words or numbers: options by name, and values within bounds."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from molfleet.errors import Code, Rejected

#: Longer texts are no numbers that anything here takes.
_DIGITS = 18


@dataclass(frozen=True)
class Options:
    """TrainModel's `options`.

    `y_randomization`: fits on shuffled targets (0: none). `scaffold_audit`: fit once more on a scaffold
    split, to put its score beside that of the chosen split. `bootstrap`: samples of confidence intervals.
    """

    y_randomization: int = 0
    scaffold_audit: bool = True
    bootstrap: int = 1_000


def read_options(given: Mapping[str, str]) -> Options:
    """Raises Rejected: UNKNOWN_NAME for an option, INVALID_COMMAND for its value."""
    for name in given:
        if name not in _READERS:
            raise Rejected(
                Code.UNKNOWN_NAME,
                f"TrainModel has no option called {name!r}. Known: {', '.join(_READERS)}.",
                details={"kind": "option", "name": name},
            )
    return Options(**{name: _READERS[name](name, text.strip()) for name, text in given.items()})


def _count(low: int, high: int) -> Callable[[str, str], int]:
    def read(name: str, text: str) -> int:
        if not text.isascii() or not text.isdigit() or len(text) > _DIGITS:
            told = f"{text[:_DIGITS]}..." if len(text) > _DIGITS else text
            raise invalid(f"options.{name} must be a whole number from {low} to {high}; it is {told!r}")
        return int(within(f"options.{name}", int(text), low, high))

    return read


def _truth(name: str, text: str) -> bool:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    raise invalid(f"options.{name} must be true or false; it is {text!r}")


_READERS: Mapping[str, Callable[[str, str], Any]] = {
    "y_randomization": _count(0, 100),
    "scaffold_audit": _truth,
    "bootstrap": _count(0, 10_000),
}


def one_of(field: str, value: str, allowed: Sequence[str]) -> Any:
    """`value` if it is allowed; raises Rejected(UNKNOWN_NAME)."""
    if value in allowed:
        return value
    raise Rejected(
        Code.UNKNOWN_NAME,
        f"{field} must be one of {', '.join(allowed)}; it is {value!r}.",
        details={"kind": field, "name": value},
    )


def within(field: str, value: float, low: float, high: float) -> float:
    """`value` if it is within the bounds; raises Rejected(INVALID_COMMAND)."""
    if math.isfinite(value) and low <= value <= high:
        return value
    raise invalid(f"{field} must be from {low:g} to {high:g}; it is {value:g}")


def invalid(sentence: str) -> Rejected:
    return Rejected(Code.INVALID_COMMAND, f"{sentence}.")
