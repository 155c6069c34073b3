"""What one row of the algorithm catalogue is, and how its hyper-parameters are checked."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from molfleet.errors import Code, Rejected

Task = Literal["classification", "regression"]
CLASSIFICATION: Task = "classification"
REGRESSION: Task = "regression"
TASKS: tuple[Task, ...] = (CLASSIFICATION, REGRESSION)

FloatArray = NDArray[np.float64]
Matrix = NDArray[np.float32]

#: One hyper-parameter's value, as FeaturizerSpec's parameters have it.
Value = bool | int | float | str | Sequence[str] | Sequence[float] | None

#: Name of the one output of every exported graph: (rows, classes) or (rows, 1).
OUTPUT_NAME = "output"
INPUT_NAME = "input"


class Estimator(Protocol):
    """The part of scikit-learn's estimator protocol that training relies on."""

    def fit(self, x: Any, y: Any) -> Any: ...

    def predict(self, x: Any) -> Any: ...


@dataclass(frozen=True)
class Parameter:
    """One hyper-parameter: its name, type, bounds (inclusive) and default, as the wire has them.

    `choices` are texts that are allowed besides numbers within the bounds. A parameter is nullable
    exactly when its default is None.
    """

    name: str
    kind: Literal["integer", "number", "text", "boolean"]
    default: Value
    doc: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()

    def check(self, value: Value) -> Value:
        """`value` in this parameter's type; raises Rejected(INVALID_COMMAND) naming what is allowed."""
        if value is None and self.default is None:
            return None
        if isinstance(value, str) and value in self.choices:
            return value
        if self.kind == "boolean" and isinstance(value, bool):
            return value
        if self.kind in ("integer", "number") and self._in_bounds(value):
            return int(value) if self.kind == "integer" else float(value)  # type: ignore[arg-type]
        raise Rejected(
            Code.INVALID_COMMAND,
            f"The hyper-parameter {self.name} must be {self.allowed}; it is {value!r}.",
            details={"hyper_parameter": self.name},
        )

    def _in_bounds(self, value: Value) -> bool:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            return False
        if self.kind == "integer" and value != int(value):
            return False
        low, high = self.minimum, self.maximum
        return (low is None or value >= low) and (high is None or value <= high)

    @property
    def allowed(self) -> str:
        """What may be given, in words: `an integer from 1 to 10000, or null`."""
        words = {"integer": "an integer", "number": "a number", "boolean": "true or false", "text": ""}
        text = words[self.kind]
        if self.minimum is not None and self.maximum is not None:
            text += f" from {self.minimum:g} to {self.maximum:g}"
        options = [text] if text else []
        options += list(self.choices)
        if self.default is None:
            options.append("null")
        return ", ".join(options[:-1]) + (" or " if len(options) > 1 else "") + options[-1]


def resolve(
    who: str,
    parameters: Sequence[Parameter],
    given: Mapping[str, Value],
    refused: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Value]:
    """The given hyper-parameters of `who`, checked, over the defaults; in the catalogue's order.

    Raises Rejected: UNKNOWN_NAME for a name that does not exist, INVALID_COMMAND for a value out of
    bounds or a parameter refused by name.
    """
    known = {parameter.name: parameter for parameter in parameters}
    for name in given:
        if name in refused:
            raise Rejected(
                Code.INVALID_COMMAND,
                f"{who} does not take the hyper-parameter {name}: {refused[name]}.",
                details={"hyper_parameter": name},
            )
        if name not in known:
            raise Rejected(
                Code.UNKNOWN_NAME,
                f"{who} has no hyper-parameter called {name!r}. Known: {', '.join(known) or 'none'}.",
                details={"kind": "hyper-parameter", "name": name},
            )
    return {name: parameter.check(given.get(name, parameter.default)) for name, parameter in known.items()}


@dataclass(frozen=True)
class Run:
    """Under which circumstances an estimator is built.

    `continuous` bool [features]: True for descriptors and numbers, False for the bits and counts of
    fingerprints. None: nothing is known of the columns.
    """

    seed: int
    threads: int
    continuous: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Algorithm:
    """One row: how a model is built, and what of it goes into a bundle.

    `build(parameters, run)` gives an unfitted estimator; a classifier also has `predict_proba`. It is
    fitted on a (rows, features) matrix of `fit_dtype` and, for classification, class numbers 0..k-1.
    `export(estimator, n_features)` gives the part of the bundle that the row `kind` of
    molfleet.bundles.estimators reads: for `onnx` a graph with the float32 input `input` (rows, features)
    and the float32 output `output`. `family` is the name under which the command's task decides.
    `refused` explains parameters that the library knows and this row will not take. `any_block`: the
    exported part's output for a row is the same bit for bit whatever rows it is computed with (trees,
    not dense arithmetic). `scales`: where the command names no scaler, continuous columns are
    standardized. `max_records`: more are not learned from as they are, the cost growing with their
    square; `beyond` says in a sentence what is approximated then; empty: such a training is refused.
    """

    code: str
    family: str
    display_name: str
    task: Task
    parameters: tuple[Parameter, ...]
    build: Callable[[Mapping[str, Any], Run], Estimator]
    export: Callable[[Any, int], bytes]
    kind: str = "onnx"
    aliases: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    fit_dtype: type[np.floating[Any]] = np.float32
    any_block: bool = False
    scales: bool = False
    max_records: int | None = None
    beyond: str = ""

    def resolve(self, given: Mapping[str, Value]) -> dict[str, Value]:
        """The given hyper-parameters, checked, over the defaults; see the function `resolve`."""
        return resolve(self.display_name, self.parameters, given, self.refused)

    def fit(self, x: Matrix, y: NDArray[Any], parameters: Mapping[str, Any], run: Run) -> Estimator:
        """An estimator fitted on all rows of `x`, ready to predict with one thread."""
        estimator = self.build(parameters, run)
        estimator.fit(x.astype(self.fit_dtype, copy=False), y)
        # Sums over trees depend on the order in which threads finish; with one they do not.
        if hasattr(estimator, "n_jobs"):
            estimator.n_jobs = 1
        return estimator

    def outputs(self, estimator: Any, x: Matrix) -> FloatArray:
        """(rows, classes) probabilities for classification, (rows, 1) values for regression."""
        if len(x) == 0:
            width = len(estimator.classes_) if self.task == CLASSIFICATION else 1
            return np.empty((0, width))
        rows = x.astype(self.fit_dtype, copy=False)
        if self.task == CLASSIFICATION:
            return np.asarray(estimator.predict_proba(rows), dtype=np.float64)
        return np.asarray(estimator.predict(rows), dtype=np.float64).reshape(len(x), 1)
