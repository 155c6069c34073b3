"""Coefficients of kernel expansions: exact where all molecules can be compared, by landmarks beyond."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from molfleet.bundles.estimators.references import Mixture
from molfleet.bundles.estimators.space import Encoded
from workers.modeler.algorithms.base import FloatArray
from workers.modeler.algorithms.kernels import gram

#: Added to the diagonal of the landmarks' similarities, relative to its mean: keeps them invertible.
_JITTER = 1e-6
_BLOCK = 4_096
_STEPS = 100

#: From decision values [n] to the loss, its slope [n] and its curvature [n].
Loss = Callable[[FloatArray], tuple[float, FloatArray, FloatArray]]


def one_thread() -> AbstractContextManager[Any]:
    """For arithmetic whose last digits would depend on how many threads share it."""
    limited: AbstractContextManager[Any] = threadpool_limits(1, user_api="blas")
    return limited


def ridge(similarities: FloatArray, y: FloatArray, penalty: float) -> FloatArray:
    """(K + penalty I)^-1 y. Overwrites `similarities`."""
    similarities[np.diag_indices_from(similarities)] += penalty
    # The transpose is the same matrix in the order that LAPACK works on in place.
    with one_thread():
        factor = cho_factor(similarities.T, lower=True, overwrite_a=True, check_finite=False)
        return np.asarray(cho_solve(factor, y, check_finite=False))


@dataclass(frozen=True)
class Landmarks:
    """Rows that stand for all: features K(x, rows) root^-T have the landmarks' similarity as their inner
    product (Nystroem; Williams and Seeger, NIPS 2000)."""

    rows: Encoded
    mixture: Mixture
    root: FloatArray

    @classmethod
    def chosen(cls, rows: Encoded, mixture: Mixture, count: int, seed: int) -> Landmarks:
        """`count` of `rows`, drawn with `seed`."""
        rng = np.random.default_rng((seed, 5))
        picked = np.sort(rng.permutation(len(rows))[:count])
        landmarks = rows[picked]
        similarities = gram(mixture, landmarks, landmarks)
        diagonal = np.diag_indices_from(similarities)
        similarities[diagonal] += _JITTER * max(float(similarities[diagonal].mean()), _JITTER)
        with one_thread():
            return cls(landmarks, mixture, np.linalg.cholesky(similarities))

    def features(self, rows: Encoded) -> FloatArray:
        """[rows, landmarks]."""
        similarities = gram(self.mixture, rows, self.rows)
        with one_thread():
            features = solve_triangular(self.root, similarities.T, lower=True, check_finite=False).T
        return np.ascontiguousarray(features)

    def all_features(self, rows: Encoded) -> NDArray[np.float32]:
        """The same of many rows, in half of the memory."""
        features = np.empty((len(rows), len(self.rows)), np.float32)
        for start in range(0, len(rows), _BLOCK):
            features[start : start + _BLOCK] = self.features(rows[start : start + _BLOCK])
        return features

    def coefficients(self, weights: FloatArray) -> FloatArray:
        """Of the landmarks' similarities, from weights [landmarks] of the features."""
        with one_thread():
            return np.asarray(solve_triangular(self.root, weights, lower=True, trans="T"))

    def ridge(self, rows: Encoded, y: FloatArray, penalty: float) -> FloatArray:
        """Coefficients of ridge regression on the features (subset of regressors), block by block."""
        normal, right = penalty * np.eye(len(self.rows)), np.zeros(len(self.rows))
        for start in range(0, len(rows), _BLOCK):
            features = self.features(rows[start : start + _BLOCK])
            with one_thread():
                normal += features.T @ features
                right += features.T @ y[start : start + _BLOCK]
        with one_thread():
            weights = cho_solve(cho_factor(normal, lower=True), right)
        return self.coefficients(weights)


def newton(features: NDArray[Any], loss: Loss, penalty: float = 1.0) -> tuple[FloatArray, float]:
    """Weights [m] and intercept that minimize penalty |w|^2 / 2 + loss(features w + intercept).

    Newton's method with step halving (Chapelle, Neural Computation 2007); the loss is convex.
    """
    with one_thread():
        return _newton(features, loss, penalty)


def _newton(features: NDArray[Any], loss: Loss, penalty: float) -> tuple[FloatArray, float]:
    point = np.zeros(features.shape[1] + 1)
    weight = np.append(np.full(features.shape[1], penalty), 0.0)
    decision = np.zeros(len(features))
    value, slope, curvature = loss(decision)
    for _ in range(_STEPS):
        gradient = weight * point + np.append(_sums(features, slope), slope.sum())
        step = np.linalg.solve(_hessian(features, curvature, weight), -gradient)
        # Twice what the quadratic model promises.
        promised = float(-gradient @ step)
        if promised <= 1e-10 * max(abs(value), 1.0):
            break
        along = _products(features, step[:-1]) + step[-1]
        length = 1.0
        while True:
            tried = point + length * step
            lost, slope, curvature = loss(decision + length * along)
            total = lost + 0.5 * float(weight @ tried**2)
            if total <= value - 1e-4 * length * promised or length < 1e-8:
                break
            length /= 2.0
        point, decision, value = tried, decision + length * along, total
    return point[:-1], float(point[-1])


def _products(features: NDArray[Any], weights: FloatArray) -> FloatArray:
    """features @ weights in float64, without a copy of all features in float64."""
    blocks = [features[start : start + _BLOCK] @ weights for start in range(0, len(features), _BLOCK)]
    return np.concatenate(blocks)


def _sums(features: NDArray[Any], factors: FloatArray) -> FloatArray:
    """factors @ features, in the same way."""
    total = np.zeros(features.shape[1])
    for start in range(0, len(features), _BLOCK):
        total += factors[start : start + _BLOCK] @ features[start : start + _BLOCK]
    return total


def _hessian(features: NDArray[Any], curvature: FloatArray, weight: FloatArray) -> FloatArray:
    hessian = np.diag(weight + 1e-10)
    for start in range(0, len(features), _BLOCK):
        rows = slice(start, start + _BLOCK)
        curved = np.flatnonzero(curvature[rows] > 0) + start
        block = np.ones((len(curved), len(weight)))
        block[:, :-1] = features[curved]
        hessian += (block * curvature[curved, np.newaxis]).T @ block
    return hessian


def logistic(targets: FloatArray) -> Loss:
    """Cross-entropy against probabilities `targets` [n]."""

    def loss(decision: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        probability = 1.0 / (1.0 + np.exp(-np.clip(decision, -700.0, 700.0)))
        value = float((np.logaddexp(0.0, decision) - targets * decision).sum())
        return value, probability - targets, probability * (1.0 - probability)

    return loss


def squared_hinge(signs: FloatArray, cost: FloatArray) -> Loss:
    """cost max(0, 1 - sign f)^2, signs -1 and 1."""

    def loss(decision: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        short = np.maximum(1.0 - signs * decision, 0.0)
        return float(cost @ short**2), -2.0 * cost * signs * short, 2.0 * cost * (short > 0)

    return loss


def squared_insensitive(y: FloatArray, cost: float, epsilon: float) -> Loss:
    """cost max(0, |f - y| - epsilon)^2."""

    def loss(decision: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        off = decision - y
        beyond = np.maximum(np.abs(off) - epsilon, 0.0)
        slope = np.asarray(2.0 * cost * np.sign(off) * beyond)
        return cost * float(beyond @ beyond), slope, np.where(beyond > 0, 2.0 * cost, 0.0)

    return loss


def sigmoid(decision: FloatArray, positive: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and offset of the probability of `positive` (Platt 1999; Lin, Lin and Weng 2007).

    The targets are drawn in by Laplace's rule, so that classes that separate do not become certain.
    """
    ones = int(positive.sum())
    zeros = len(positive) - ones
    targets = np.where(positive, (ones + 1.0) / (ones + 2.0), 1.0 / (zeros + 2.0))
    unit = float(np.std(decision)) or 1.0
    slope, offset = newton((decision / unit)[:, np.newaxis], logistic(targets), penalty=1e-9)
    # A classifier that is worse than chance on unseen rows says nothing; it is not turned round.
    return max(float(slope[0]), 0.0) / unit, offset
