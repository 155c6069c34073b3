"""What is modelled of a measured value, and the way back."""

from __future__ import annotations

import math


def transform(value: float, how: str) -> float | None:
    """The value as it is modelled; None where it has no logarithm."""
    if how == "none":
        return value
    if value <= 0:
        return None
    return math.log10(value) if how == "log10" else -math.log10(value)


def modelled_name(target: str, how: str) -> str:
    """What the transformed values of `target` are called where they are shown."""
    return {"none": "", "log10": "log10 ", "p": "-log10 "}[how] + target


def measured_again(value: float, how: str) -> float:
    """The inverse of `transform`."""
    if how == "none":
        return value
    return float(10.0 ** (value if how == "log10" else -value))
