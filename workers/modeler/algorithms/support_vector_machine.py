"""Support vector machines (Cortes and Vapnik 1995) on Tanimoto and gaussian similarities.

Exact ones are those of libsvm (through scikit-learn, with our similarities). Beyond MAX_RECORDS they
are trained in the primal, on similarities to landmarks and with squared losses.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import SVC, SVR

from molfleet.bundles.estimators.kernel import Expansion, Link
from molfleet.bundles.estimators.space import Encoded, Space
from workers.modeler.algorithms.base import (
    CLASSIFICATION,
    REGRESSION,
    Algorithm,
    FloatArray,
    Parameter,
)
from workers.modeler.algorithms.class_weights import CLASS_WEIGHT, class_weight
from workers.modeler.algorithms.kernel_solvers import (
    Landmarks,
    newton,
    sigmoid,
    squared_hinge,
    squared_insensitive,
)
from workers.modeler.algorithms.kernels import (
    binary_problems,
    classifier,
    export,
    gram,
    landmarks_parameter,
    mixing,
    mixture,
    regressor,
)

MAX_RECORDS = 10_000
#: Parts whose decision values, out of part, the probabilities are fitted to.
_PARTS = 3
#: Megabytes of libsvm's cache of similarities.
_CACHE = 200
BEYOND = (
    "beyond, all records are fitted by their similarity to randomly drawn landmarks (Nystroem), with "
    "squared losses in the primal"
)


def _cost(default: float) -> Parameter:
    return Parameter("C", "number", default, "Cost of a molecule beyond its margin.", 1e-6, 1e6)


_EPSILON = Parameter(
    "epsilon",
    "number",
    0.05,
    "Deviation that is free, in standard deviations of the target.",
    0.0,
    10.0,
)


def _learn_values(
    parameters: Mapping[str, Any], seed: int, space: Space, rows: Encoded, y: FloatArray
) -> Expansion:
    mix, cost, epsilon = mixture(space, parameters), parameters["C"], parameters["epsilon"]
    mean, unit = float(y.mean()), float(y.std()) or 1.0
    values = (y - mean) / unit
    if len(rows) <= MAX_RECORDS:
        machine = SVR(kernel="precomputed", C=cost, epsilon=epsilon, cache_size=_CACHE)
        machine.fit(gram(mix, rows, rows), values)
        weights, offset = np.zeros(len(rows)), float(machine.intercept_[0])
        weights[machine.support_] = machine.dual_coef_[0]
        # Where no molecule is beyond epsilon, one stands for none: an expansion has rows.
        used = machine.support_ if len(machine.support_) else np.zeros(1, np.int64)
        rows, weights = rows[used], weights[used]
    else:
        chosen = Landmarks.chosen(rows, mix, parameters["landmarks"], seed)
        loss = squared_insensitive(values, cost, epsilon)
        solved, offset = newton(chosen.all_features(rows), loss)
        rows, weights = chosen.rows, chosen.coefficients(solved)
    return Expansion(space, rows, mix, unit * weights[np.newaxis], np.array([mean + unit * offset]))


def _learn_classes(
    parameters: Mapping[str, Any], seed: int, space: Space, rows: Encoded, y: NDArray[Any]
) -> Expansion:
    mix, problems = mixture(space, parameters), binary_problems(y)
    machine: _Exact | _Primal
    if len(rows) <= MAX_RECORDS:
        machine = _Exact(gram(mix, rows, rows), parameters)
        solved = [machine.solve(positive) for positive in problems]
        used = np.flatnonzero(np.any([weights != 0 for weights, _ in solved], axis=0))
        coefficients = np.stack([weights[used] for weights, _ in solved])
        rows = rows[used]
    else:
        chosen = Landmarks.chosen(rows, mix, parameters["landmarks"], seed)
        machine = _Primal(chosen.all_features(rows), parameters)
        solved = [machine.solve(positive) for positive in problems]
        coefficients = np.stack([chosen.coefficients(weights) for weights, _ in solved])
        rows = chosen.rows
    links = [_link(machine, positive, seed) for positive in problems]
    link = Link(np.array([slope for slope, _ in links]), np.array([offset for _, offset in links]))
    return Expansion(space, rows, mix, coefficients, np.array([offset for _, offset in solved]), link)


class _Exact:
    """libsvm's machines for two-class problems over one matrix of similarities [n, n]."""

    def __init__(self, similarities: FloatArray, parameters: Mapping[str, Any]) -> None:
        self._similarities, self._parameters = similarities, parameters

    def _machine(self) -> SVC:
        return SVC(
            kernel="precomputed",
            C=self._parameters["C"],
            class_weight=class_weight(self._parameters),
            cache_size=_CACHE,
        )

    def solve(self, positive: NDArray[np.bool_]) -> tuple[FloatArray, float]:
        """Coefficients [n] and intercept."""
        machine = self._machine().fit(self._similarities, positive)
        weights = np.zeros(len(positive))
        weights[machine.support_] = machine.dual_coef_[0]
        return weights, float(machine.intercept_[0])

    def unseen(
        self, positive: NDArray[np.bool_], train: NDArray[np.int64], test: NDArray[np.int64]
    ) -> FloatArray:
        """Decision values of the rows `test` after learning from `train`."""
        machine = self._machine().fit(self._similarities[np.ix_(train, train)], positive[train])
        return np.asarray(machine.decision_function(self._similarities[np.ix_(test, train)]))


class _Primal:
    """The same on features [n, m] whose inner products are the similarities."""

    def __init__(self, features: NDArray[np.float32], parameters: Mapping[str, Any]) -> None:
        self._features, self._parameters = features, parameters

    def _solve(
        self, features: NDArray[np.float32], positive: NDArray[np.bool_]
    ) -> tuple[FloatArray, float]:
        cost = np.full(len(positive), float(self._parameters["C"]))
        if class_weight(self._parameters):
            sizes = np.where(positive, positive.sum(), (~positive).sum())
            cost *= len(positive) / (2.0 * sizes)
        return newton(features, squared_hinge(np.where(positive, 1.0, -1.0), cost))

    def solve(self, positive: NDArray[np.bool_]) -> tuple[FloatArray, float]:
        """Weights [m] and intercept."""
        return self._solve(self._features, positive)

    def unseen(
        self, positive: NDArray[np.bool_], train: NDArray[np.int64], test: NDArray[np.int64]
    ) -> FloatArray:
        """Decision values of the rows `test` after learning from `train`."""
        weights, offset = self._solve(self._features[train], positive[train])
        return np.asarray(self._features[test] @ weights + offset)


def _link(machine: _Exact | _Primal, positive: NDArray[np.bool_], seed: int) -> tuple[float, float]:
    """Slope and offset of the probability, from decisions on rows that were not learned from.

    Of a class with fewer than two rows nothing can be left out: its decisions are taken as they are.
    """
    rarest = int(min(positive.sum(), (~positive).sum()))
    if rarest < 2:
        return 1.0, 0.0
    parts = StratifiedKFold(min(_PARTS, rarest), shuffle=True, random_state=seed)
    decisions = np.empty(len(positive))
    for train, test in parts.split(np.empty((len(positive), 0)), positive):
        decisions[test] = machine.unseen(positive, train, test)
    return sigmoid(decisions, positive)


CLASSIFIER = Algorithm(
    code="supportvectormachineclassifier",
    family="supportvectormachine",
    display_name="Support vector machine classifier",
    task=CLASSIFICATION,
    parameters=(_cost(3.0), *mixing(0.5, 1.0), landmarks_parameter(1_000), CLASS_WEIGHT),
    build=classifier(_learn_classes),
    export=export,
    kind="kernel",
    any_block=True,
    scales=True,
    max_records=MAX_RECORDS,
    beyond=BEYOND,
)
REGRESSOR = Algorithm(
    code="supportvectormachineregressor",
    family="supportvectormachine",
    display_name="Support vector regression",
    task=REGRESSION,
    parameters=(_cost(10.0), _EPSILON, *mixing(0.15, 1.5), landmarks_parameter(1_000)),
    build=regressor(_learn_values),
    export=export,
    kind="kernel",
    any_block=True,
    scales=True,
    max_records=MAX_RECORDS,
    beyond=BEYOND,
)
