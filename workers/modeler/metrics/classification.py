"""Figures of classes, for any number of them: outputs (rows, classes) are probabilities.

The predicted class is the likeliest one. With two classes, class 1 is the positive one; with more, AUC
and AUPRC (one against the rest), precision, recall and F1 are plain means over the classes, undefined
where they are for any class. All return (rounds,) figures for (rounds, rows) weights.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.modeler.algorithms.base import FloatArray
from workers.modeler.metrics.weighted import group_sums, mean, ratio

#: Bins of equal width of the calibration error, as Naeini's.
CALIBRATION_BINS = 10


def confusion(actual: NDArray[Any], outputs: FloatArray) -> NDArray[np.int64]:
    """Counts (classes, classes): rows are the true class, columns the predicted one."""
    return np.asarray(_tables(actual, outputs, np.ones((1, len(actual))))[0], dtype=np.int64)


def _tables(actual: NDArray[Any], outputs: FloatArray, weights: FloatArray) -> FloatArray:
    classes = outputs.shape[1]
    cells = actual.astype(np.int64) * classes + outputs.argmax(axis=1)
    return group_sums(weights, cells, classes * classes).reshape(-1, classes, classes)


def _of_classes(figures: FloatArray) -> FloatArray:
    """Class 1's of two, the mean of more, out of (rounds, classes)."""
    return figures[:, 1] if figures.shape[1] == 2 else figures.mean(axis=1)


def _one_against_the_rest(
    actual: NDArray[Any],
    outputs: FloatArray,
    weights: FloatArray,
    one: Callable[[NDArray[np.bool_], FloatArray, FloatArray], FloatArray],
) -> FloatArray:
    labels = [1] if outputs.shape[1] == 2 else range(outputs.shape[1])
    figures = [one(actual == label, outputs[:, label], weights) for label in labels]
    return np.asarray(np.mean(figures, axis=0))


def _by_score(
    positive: NDArray[np.bool_], scores: FloatArray, weights: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """How many positive and negative rows there are at each distinct score, the lowest first."""
    distinct, group = np.unique(scores, return_inverse=True)
    positives = group_sums(weights * positive, group, len(distinct))
    return positives, group_sums(weights, group, len(distinct)) - positives


def _area(positive: NDArray[np.bool_], scores: FloatArray, weights: FloatArray) -> FloatArray:
    positives, negatives = _by_score(positive, scores, weights)
    below = np.cumsum(negatives, axis=1) - negatives / 2
    pairs = positives.sum(axis=1) * negatives.sum(axis=1)
    return ratio((positives * below).sum(axis=1), pairs)


def auc(positive: NDArray[np.bool_], scores: FloatArray) -> float | None:
    """Area under the ROC curve as Mann and Whitney's statistic; ties count half. None for one class."""
    area = float(_area(positive, scores, np.ones((1, len(positive))))[0])
    return None if np.isnan(area) else area


def areas(actual: NDArray[Any], outputs: FloatArray, weights: FloatArray) -> FloatArray:
    """Area under the ROC curve (Hanley and McNeil, Radiology 143 (1982) 29)."""
    return _one_against_the_rest(actual, outputs, weights, _area)


def _average_precision(positive: NDArray[np.bool_], scores: FloatArray, weights: FloatArray) -> FloatArray:
    positives, negatives = (counts[:, ::-1] for counts in _by_score(positive, scores, weights))
    hits, false = np.cumsum(positives, axis=1), np.cumsum(negatives, axis=1)
    precision = hits / np.maximum(hits + false, 1)
    average = ratio((positives * precision).sum(axis=1), hits[:, -1])
    return np.where(false[:, -1] > 0, average, np.nan)


def average_precisions(actual: NDArray[Any], outputs: FloatArray, weights: FloatArray) -> FloatArray:
    """Precision averaged over the recalled, without interpolation, which flatters (Davis and Goadrich,
    ICML 2006); undefined, as the area under the ROC curve, without positives or negatives."""
    return _one_against_the_rest(actual, outputs, weights, _average_precision)


def accuracies(actual: NDArray[Any], outputs: FloatArray, weights: FloatArray) -> FloatArray:
    return mean(weights, (outputs.argmax(axis=1) == actual).astype(np.float64))


def precisions(actual: NDArray[Any], outputs: FloatArray, weights: FloatArray) -> FloatArray:
    tables = _tables(actual, outputs, weights)
    return _of_classes(ratio(_hits(tables), tables.sum(axis=1)))


def recalls(actual: NDArray[Any], outputs: FloatArray, weights: FloatArray) -> FloatArray:
    tables = _tables(actual, outputs, weights)
    return _of_classes(ratio(_hits(tables), tables.sum(axis=2)))


def f1s(actual: NDArray[Any], outputs: FloatArray, weights: FloatArray) -> FloatArray:
    tables = _tables(actual, outputs, weights)
    return _of_classes(ratio(2 * _hits(tables), tables.sum(axis=1) + tables.sum(axis=2)))


def balanced_accuracies(actual: NDArray[Any], outputs: FloatArray, weights: FloatArray) -> FloatArray:
    """Mean recall of the classes (Brodersen et al., ICPR 2010); undefined where one has no row."""
    tables = _tables(actual, outputs, weights)
    return np.asarray(ratio(_hits(tables), tables.sum(axis=2)).mean(axis=1))


def kappas(actual: NDArray[Any], outputs: FloatArray, weights: FloatArray) -> FloatArray:
    """Cohen, Educational and Psychological Measurement 20 (1960) 37."""
    tables = _tables(actual, outputs, weights)
    total = tables.sum(axis=(1, 2))
    expected = (tables.sum(axis=1) * tables.sum(axis=2)).sum(axis=1) / total**2
    return ratio(_hits(tables).sum(axis=1) / total - expected, 1 - expected)


def correlations(actual: NDArray[Any], outputs: FloatArray, weights: FloatArray) -> FloatArray:
    """Matthews' coefficient in Gorodkin's form for any number of classes (2004)."""
    tables = _tables(actual, outputs, weights)
    total, predicted, true = tables.sum(axis=(1, 2)), tables.sum(axis=1), tables.sum(axis=2)
    spread = (total**2 - (true**2).sum(axis=1)) * (total**2 - (predicted**2).sum(axis=1))
    return ratio(total * _hits(tables).sum(axis=1) - (true * predicted).sum(axis=1), np.sqrt(spread))


def _hits(tables: FloatArray) -> FloatArray:
    return np.diagonal(tables, axis1=1, axis2=2)


def log_losses(actual: NDArray[Any], outputs: FloatArray, weights: FloatArray) -> FloatArray:
    """Mean of -ln P(true class), as scikit-learn clips it: a probability of 0 counts as 2.2e-16."""
    given = outputs[np.arange(len(actual)), actual.astype(np.int64)]
    return mean(weights, -np.log(np.clip(given, np.finfo(np.float64).eps, 1)))


def brier_scores(actual: NDArray[Any], outputs: FloatArray, weights: FloatArray) -> FloatArray:
    """Mean squared error of the probabilities (Brier, Monthly Weather Review 78 (1950) 1).

    Two classes: of P(class 1), 0 to 1. More: summed over the classes, 0 to 2, as Brier has it.
    """
    if outputs.shape[1] == 2:
        return mean(weights, (outputs[:, 1] - actual) ** 2)
    truth = actual[:, None] == np.arange(outputs.shape[1])
    return mean(weights, ((outputs - truth) ** 2).sum(axis=1))


def calibration_errors(actual: NDArray[Any], outputs: FloatArray, weights: FloatArray) -> FloatArray:
    """Mean over the rows of the distance between probability and frequency in the row's bin.

    Ten bins of equal width, each with its upper edge. Two classes: P(class 1) against how often it is
    (Naeini, Cooper and Hauskrecht, AAAI 2015). More: the likeliest class's probability against how often
    it is right (Guo et al., ICML 2017). By chance alone it is above 0, the more so the fewer rows.
    """
    if outputs.shape[1] == 2:
        probability, event = outputs[:, 1], actual == 1
    else:
        probability, event = outputs.max(axis=1), outputs.argmax(axis=1) == actual
    edges = np.linspace(0, 1, CALIBRATION_BINS + 1)[1:-1]
    gaps = group_sums(
        weights * (event - probability), np.searchsorted(edges, probability), CALIBRATION_BINS
    )
    return ratio(np.abs(gaps).sum(axis=1), weights.sum(axis=1))
