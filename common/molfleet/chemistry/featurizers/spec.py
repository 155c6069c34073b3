"""How a featurizer is named on the wire and in text, and how its parameters are checked."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from molfleet.errors import Code, Rejected

#: What a parameter may hold (FeaturizerSpec.parameters of the contract).
Value = bool | int | float | str | Sequence[float | str] | None


class Spec(Protocol):
    """A featurizer's wire form; `molfleet.messages.generated.FeaturizerSpec` satisfies it."""

    @property
    def type(self) -> str: ...

    @property
    def size(self) -> int | None: ...

    @property
    def radius(self) -> int | None: ...

    @property
    def parameters(self) -> Mapping[str, Value]: ...


@dataclass(frozen=True)
class SpecValue:
    """A spec that needs no message; equal to another by its four fields."""

    type: str
    size: int | None = None
    radius: int | None = None
    parameters: Mapping[str, Value] = field(default_factory=dict)


def parse_spec(text: str) -> SpecValue:
    """`TYPE[:SIZE[:RADIUS]][:name=value]...`, such as `ECFP:2048:2` or `DESC:names=MolWt,TPSA`.

    A radius of 0 is `ECFP:2048:radius=0`, since a SIZE or RADIUS of 0 is left to the default. A value
    with a comma is a list (of one: `names=1,`), `true` and `false` are booleans. Within a value `%2C`
    is a comma, `%3A` a colon, `%25` a per cent sign, and blanks are its own: a column may be called so.
    Raises Rejected(INVALID_COMMAND).
    """
    head, *rest = text.split(":")
    head, numbers = head.strip(), [part.strip() for part in rest if "=" not in part]
    if not head or len(numbers) > 2:
        raise Rejected(
            Code.INVALID_COMMAND,
            f"{text!r} is not a featurizer: write TYPE:SIZE:RADIUS, for example ECFP:2048:2.",
        )
    size, radius = (_whole(part, text) for part in [*numbers, "", ""][:2])
    pairs = (part.partition("=") for part in rest if "=" in part)
    return SpecValue(head, size, radius, {name: _literal(value) for name, _, value in pairs})


def text_of(spec: Spec) -> str:
    """The text form of a spec; `parse_spec(text_of(spec))` means the same featurizer."""
    numbers = [str(number or "") for number in (spec.size, spec.radius)]
    while numbers and not numbers[-1]:
        numbers.pop()
    pairs = [f"{name}={_escaped(value)}" for name, value in sorted(spec.parameters.items())]
    return ":".join([spec.type, *numbers, *pairs])


def _escaped(value: Value) -> str:
    """A value's text, which `_literal` reads back."""
    if isinstance(value, str):
        return re.sub("[%,:]", lambda found: f"%{ord(found[0]):X}", value)
    if not isinstance(value, Sequence):
        return text_of_value(value)
    text = ",".join(map(_escaped, value))
    return text if len(value) != 1 or isinstance(_literal(text), str) else f"{text},"


def _unescaped(text: str) -> str:
    return re.sub("%(25|2C|3A)", lambda found: chr(int(found[1], 16)), text)


def text_of_value(value: Value) -> str:
    """How a parameter's value is written in a spec's text and in a column's name."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ",".join(map(text_of_value, value))
    return "" if value is None else str(value)


@dataclass(frozen=True)
class Parameter:
    """One parameter of a featurizer: its type, default, and what it allows.

    `minimum`, `maximum` bound whole and other numbers, both included; a whole number is also a
    multiple of `step`. `choices` are the texts that a choice allows.
    """

    name: str
    type: Literal["integer", "number", "boolean", "choice", "names"]
    default: Value
    doc: str
    minimum: float = 0
    maximum: float = 0
    step: int = 1
    choices: tuple[str, ...] = ()

    def check(self, value: Value, featurizer: str) -> Value:
        """The value in the parameter's own type; raises Rejected(INVALID_COMMAND)."""
        if value is None:
            return self.default
        accepted = self._accepted(value)
        if accepted is None:
            raise Rejected(
                Code.INVALID_COMMAND,
                f"{featurizer}: {self.name} must be {self.allowed}, and is {value!r}.",
                details={"featurizer": featurizer, "parameter": self.name},
            )
        return accepted

    def _accepted(self, value: Value) -> Value:
        """The value in the parameter's own type, None where it is not allowed."""
        if isinstance(value, bool):
            return value if self.type == "boolean" else None
        if self.type == "choice":
            return value if value in self.choices else None
        if self.type == "names":
            names = [value] if isinstance(value, str) else value
            if isinstance(names, Sequence) and names and all(isinstance(name, str) for name in names):
                return tuple(str(name) for name in names)
            return None
        if not isinstance(value, int | float) or not self.minimum <= value <= self.maximum:
            return None
        if self.type == "number":
            return float(value)
        return (
            value if self.type == "integer" and isinstance(value, int) and not value % self.step else None
        )

    @property
    def allowed(self) -> str:
        """What the parameter accepts, for people."""
        bounds = f"from {self.minimum:g} to {self.maximum:g}"
        if self.type == "integer":
            whole = "a whole number" if self.step == 1 else f"a multiple of {self.step}"
            return f"{whole} from {self.minimum} to {self.maximum}"
        return {
            "number": f"a number {bounds}",
            "boolean": "true or false",
            "choice": f"one of {', '.join(self.choices)}",
            "names": "a list of names",
        }[self.type]


def size_parameter(default: int, step: int = 1) -> Parameter:
    """The length of a folded fingerprint, with the bounds that all of them share."""
    return Parameter("size", "integer", default, "Length of the folded vector.", 64, 16384, step)


def resolve(spec: Spec, code: str, parameters: Sequence[Parameter]) -> dict[str, Value]:
    """Every parameter of a featurizer with the spec's value or its default.

    A field size or radius of 0 means null; `radius` among the parameters is taken as it is. Raises
    Rejected(INVALID_COMMAND) for a value out of bounds or given twice, and Rejected(UNKNOWN_NAME) for a
    parameter that the featurizer does not have.
    """
    given: dict[str, Value] = {name: value for name, value in spec.parameters.items() if value is not None}
    for name, value in (("size", spec.size), ("radius", spec.radius)):
        if value and given.setdefault(name, value) != value:
            raise Rejected(
                Code.INVALID_COMMAND,
                f"{code}: {name} is given twice, as {value} and among the parameters as {given[name]!r}.",
                details={"featurizer": code, "parameter": name},
            )
    known = {parameter.name: parameter for parameter in parameters}
    for name in given:
        if name not in known:
            allowed = ", ".join(f"{p.name} ({p.allowed})" for p in parameters) or "none"
            raise Rejected(
                Code.UNKNOWN_NAME,
                f"{code} has no parameter called {name!r}. Its parameters: {allowed}.",
                details={"featurizer": code, "parameter": name},
            )
    return {name: parameter.check(given.get(name), code) for name, parameter in known.items()}


def _whole(part: str, text: str) -> int | None:
    if not part:
        return None
    if not part.isdecimal():
        raise Rejected(
            Code.INVALID_COMMAND,
            f"{text!r} is not a featurizer: {part!r} should be a whole number (TYPE:SIZE:RADIUS).",
        )
    return int(part) or None


def _literal(value: str) -> Value:
    if "," in value:
        return [_unescaped(part) for part in value.split(",") if part]
    if value.strip() in ("true", "false"):
        return value.strip() == "true"
    for number in (int, float):
        try:
            parsed = number(value)
        except ValueError:
            continue
        if math.isfinite(parsed):
            return parsed
    return _unescaped(value)
