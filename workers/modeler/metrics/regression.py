"""Figures of numbers: outputs (rows, 1) are predicted values, in the unit of the actual ones.

All return (rounds,) figures for (rounds, rows) weights.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau

from workers.modeler.algorithms.base import FloatArray
from workers.modeler.metrics.weighted import group_sums, mean, ranks, ratio

#: Up to so many rows, and so many for each round, all pairs are looked at, once for all rounds.
_PAIRED_ROWS = 2_000
_PAIRED_ROWS_OF_A_ROUND = 100


def root_mean_square_errors(actual: NDArray[Any], outputs: FloatArray, weights: FloatArray) -> FloatArray:
    return np.sqrt(mean(weights, (outputs[:, 0] - actual) ** 2))


def mean_absolute_errors(actual: NDArray[Any], outputs: FloatArray, weights: FloatArray) -> FloatArray:
    return mean(weights, np.abs(outputs[:, 0] - actual))


def determinations(actual: NDArray[Any], outputs: FloatArray, weights: FloatArray) -> FloatArray:
    """1 - squared errors / squared distances from the mean of these very rows; below 0 is worse than it."""
    lost = mean(weights, (outputs[:, 0] - actual) ** 2)
    return 1 - ratio(lost, _moment(weights, actual, actual))


def _centred(weights: FloatArray, values: NDArray[Any]) -> FloatArray:
    """(rounds, rows) distances from the mean: exactly 0 where all values are the same."""
    shifted = values - values[..., :1]
    return np.asarray(shifted - mean(weights, shifted)[:, None])


def _moment(weights: FloatArray, one: NDArray[Any], other: NDArray[Any]) -> FloatArray:
    """(rounds,) covariances; variances where `one` is the `other`."""
    return mean(weights, _centred(weights, one) * _centred(weights, other))


def rank_correlations(actual: NDArray[Any], outputs: FloatArray, weights: FloatArray) -> FloatArray:
    """Spearman's rho: Pearson's correlation of the mid-ranks (Am. J. Psychol. 15 (1904) 72)."""
    true, predicted = ranks(weights, actual), ranks(weights, outputs[:, 0])
    spread = _moment(weights, true, true) * _moment(weights, predicted, predicted)
    return np.clip(ratio(_moment(weights, true, predicted), np.sqrt(spread)), -1, 1)


def pair_correlations(actual: NDArray[Any], outputs: FloatArray, weights: FloatArray) -> FloatArray:
    """Kendall's tau-b: pairs in the same order less pairs in the opposite one, over the geometric mean
    of the pairs that are not tied in the one and in the other (Biometrika 33 (1945) 239)."""
    predicted = outputs[:, 0]
    if len(actual) > min(_PAIRED_ROWS, _PAIRED_ROWS_OF_A_ROUND * len(weights)):
        return np.array([_tau(actual, predicted, row.astype(np.int64)) for row in weights])
    # Whole numbers below 2^24: exact in float32, and so the same for any order of summation.
    agreement = (_order(actual) * _order(predicted)).astype(np.float32)
    agreeing = np.einsum("ij,ij->i", weights.astype(np.float32) @ agreement, weights)
    return ratio(agreeing, np.sqrt(_untied(weights, actual) * _untied(weights, predicted)))


def _tau(actual: NDArray[Any], predicted: FloatArray, times: NDArray[np.int64]) -> float:
    """By merge sort: rows log rows."""
    return float(kendalltau(np.repeat(actual, times), np.repeat(predicted, times)).statistic)


def _order(values: NDArray[Any]) -> NDArray[np.int8]:
    """(rows, rows): 1 where the row's value is above the column's, -1 below, 0 tied."""
    above = values[:, None] > values
    return above.view(np.int8) - above.T.view(np.int8)


def _untied(weights: FloatArray, values: NDArray[Any]) -> FloatArray:
    """Ordered pairs of rows with different values."""
    distinct, group = np.unique(values, return_inverse=True)
    sizes = group_sums(weights, group, len(distinct))
    return np.asarray(sizes.sum(axis=1) ** 2 - (sizes**2).sum(axis=1))


def concordances(actual: NDArray[Any], outputs: FloatArray, weights: FloatArray) -> FloatArray:
    """Lin's concordance correlation coefficient (Biometrics 45 (1989) 255, with its 1/n moments).

    1 only for points on the diagonal: a predictor that is off by a constant or a factor loses, though
    its correlation is 1. Proposed for QSAR by Chirico and Gramatica, J. Chem. Inf. Model. 51 (2011) 2320.
    """
    predicted = outputs[:, 0]
    away = mean(weights, predicted - actual) ** 2
    spread = _moment(weights, actual, actual)
    whole = spread + _moment(weights, predicted, predicted) + away
    # Values that are all the same can be neither in accord nor in discord with anything.
    return ratio(2 * _moment(weights, actual, predicted), np.where(spread > 0, whole, 0.0))
