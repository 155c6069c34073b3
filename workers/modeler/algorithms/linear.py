"""Linear models: logistic regression for classes, ridge regression (Hoerl and Kennard 1970) for values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression

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
from workers.modeler.algorithms.onnx_graphs import dense

#: Rows that are in float64 at once; a copy of all of 100,000 would take two gigabytes.
_ROWS = 4_096


class LinearModel:
    """`coef_` float64 [scores, features] and `intercept_` [scores], applied in float64."""

    coef_: FloatArray
    intercept_: FloatArray

    def scores(self, x: Matrix) -> FloatArray:
        """(rows, scores)."""
        return np.concatenate(
            [
                np.empty((0, len(self.coef_))),
                *(rows @ self.coef_.T + self.intercept_ for rows in in_float64(x)),
            ]
        )

    def predict(self, x: Matrix) -> NDArray[Any]:
        return self.scores(x)[:, 0]


class LinearClassifier(LinearModel):
    """One score is the log-odds of the second of two classes; several go into a softmax."""

    classes_: NDArray[Any]

    def predict_proba(self, x: Matrix) -> FloatArray:
        """(rows, classes)."""
        scores = self.scores(x)
        if scores.shape[1] == 1:
            scores = np.concatenate([np.zeros_like(scores), scores], axis=1)
        return np.asarray(np.exp(log_softmax(scores, axis=1)))

    def predict(self, x: Matrix) -> NDArray[Any]:
        return np.asarray(self.classes_[self.predict_proba(x).argmax(axis=1)])


def in_float64(x: Matrix) -> Iterator[FloatArray]:
    """The rows of `x` in blocks."""
    for begin in range(0, len(x), _ROWS):
        yield x[begin : begin + _ROWS].astype(np.float64)


class Moments:
    """What least squares needs of centred rows: `gram` [features, features] and `products` [features]."""

    def __init__(self, x: Matrix, y: NDArray[Any]) -> None:
        self.mean, self.mean_y = x.mean(axis=0, dtype=np.float64), float(np.mean(y))
        self.gram = np.zeros((x.shape[1], x.shape[1]))
        self.products = np.zeros(x.shape[1])
        begin = 0
        for block in in_float64(x):
            block -= self.mean
            self.gram += block.T @ block
            self.products += block.T @ (y[begin : begin + len(block)] - self.mean_y)
            begin += len(block)


class Ridge(LinearModel):
    """As scikit-learn's, solved from sums over blocks of rows."""

    def __init__(self, alpha: float) -> None:
        self._alpha = alpha

    def fit(self, x: Matrix, y: NDArray[Any]) -> Ridge:
        moments = Moments(x, y)
        # Without a penalty, columns that say the same need this much to have a solution.
        least = 1e-10 * float(np.trace(moments.gram)) / len(moments.gram)
        moments.gram.flat[:: len(moments.gram) + 1] += max(self._alpha, least, np.finfo(np.float64).tiny)
        weights = solve(moments.gram, moments.products, assume_a="pos", overwrite_a=True)
        self.coef_ = weights[None, :]
        self.intercept_ = np.array([moments.mean_y - moments.mean @ weights])
        return self


class Logistic(LinearClassifier):
    """scikit-learn's fit."""

    def __init__(self, **arguments: Any) -> None:
        self._solver = LogisticRegression(**arguments)

    def fit(self, x: Matrix, y: NDArray[Any]) -> Logistic:
        fitted = self._solver.fit(x, y)
        self.classes_ = fitted.classes_
        self.coef_ = np.asarray(fitted.coef_, dtype=np.float64)
        self.intercept_ = np.asarray(fitted.intercept_, dtype=np.float64)
        return self


def _logistic(parameters: Mapping[str, Any], run: Run) -> Logistic:
    return Logistic(
        C=parameters["C"],
        max_iter=parameters["max_iter"],
        class_weight=class_weight(parameters),
        random_state=run.seed,
    )


def _ridge(parameters: Mapping[str, Any], run: Run) -> Ridge:
    return Ridge(parameters["alpha"])


def export_linear(model: LinearModel, n_features: int) -> bytes:
    """Scores, or for a classifier their softmax, in float64: raw descriptors reach 1e15 and cancel."""
    return dense([(model.coef_.T, model.intercept_)], classifies=isinstance(model, LinearClassifier))


LOGISTIC = Algorithm(
    code="logisticregression",
    family="linearregression",
    display_name="Logistic regression",
    task=CLASSIFICATION,
    parameters=(
        Parameter("C", "number", 0.05, "Inverse strength of the L2 penalty.", 1e-8, 1e8),
        Parameter("max_iter", "integer", 1_000, "Steps of the solver (L-BFGS) at most.", 1, 1_000_000),
        CLASS_WEIGHT,
    ),
    build=_logistic,
    export=export_linear,
    scales=True,
)
RIDGE = Algorithm(
    code="ridgeregression",
    family="linearregression",
    display_name="Ridge regression",
    task=REGRESSION,
    parameters=(Parameter("alpha", "number", 10.0, "Strength of the L2 penalty.", 0.0, 1e12),),
    build=_ridge,
    export=export_linear,
    scales=True,
    aliases=("ridge",),
)
