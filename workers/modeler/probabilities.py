"""Which calibration of probabilities a classifier's out-of-fold outputs ask for, if any."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from molfleet.bundles.probability import Calibrator, logarithms
from workers.modeler.algorithms.base import FloatArray

#: A label of which fewer examples are known leaves the outputs as they are.
LEAST = 20
#: What a calibration must gain in log likelihood over all records, so that chance alone seldom does.
_GAIN = 2.0
#: More records than this are not needed for so few numbers; a seeded sample of them is taken.
_MOST = 20_000
#: The folds are joined to so many groups where a calibration is chosen.
_GROUPS = 3
#: Weight of the penalty on log(slope) and biases, in records.
_PENALTY = 1.0
#: Candidates: the floor under an output, and whether labels have biases of their own.
_CANDIDATES = ((1e-6, False), (1e-6, True), (1e-2, False), (1e-2, True))


def fit_calibrator(actual: NDArray[Any], outputs: FloatArray, folds: NDArray[Any]) -> Calibrator | None:
    """The calibrator of labels `actual` [n] and out-of-fold outputs [n, k]; None: they stay as they are.

    It is chosen by the log loss of records in other folds (`folds` [n]) than those it was fitted on.
    """
    if len(actual) > _MOST:
        some = np.random.default_rng(0).choice(len(actual), _MOST, replace=False)
        actual, outputs, folds = actual[some], outputs[some], folds[some]
    groups = np.unique(folds, return_inverse=True)[1] % _GROUPS
    known = np.bincount(actual, minlength=outputs.shape[1])
    if (known < LEAST).any() or not groups.any():
        return None
    before = _losses(actual, outputs).sum()
    losses = [_cross_fitted_loss(actual, outputs, groups, *candidate) for candidate in _CANDIDATES]
    best = int(np.argmin(losses))
    return _fit(actual, outputs, *_CANDIDATES[best]) if before - losses[best] > _GAIN else None


def cross_calibrated(actual: NDArray[Any], outputs: FloatArray, folds: NDArray[Any]) -> FloatArray:
    """Out-of-fold probabilities [n, k], each calibrated by what was chosen and fitted without its fold."""
    calibrated: FloatArray = np.clip(outputs, 0.0, 1.0)
    for fold in np.unique(folds):
        own = folds == fold
        calibrator = fit_calibrator(actual[~own], outputs[~own], folds[~own])
        if calibrator is not None:
            calibrated[own] = calibrator(outputs[own])
    return calibrated


def _cross_fitted_loss(
    actual: NDArray[Any], outputs: FloatArray, groups: NDArray[Any], floor: float, biased: bool
) -> float:
    total = 0.0
    for group in np.unique(groups):
        own = groups == group
        calibrator = _fit(actual[~own], outputs[~own], floor, biased)
        total += float(_losses(actual[own], calibrator(outputs[own])).sum())
    return total


def _losses(actual: NDArray[Any], probabilities: FloatArray) -> FloatArray:
    """Log loss of each record, as the metric has it: outputs of 0 count as 2.2e-16."""
    given = np.clip(probabilities[np.arange(len(actual)), actual], np.finfo(np.float64).eps, 1.0)
    return np.asarray(-np.log(given))


def _fit(actual: NDArray[Any], outputs: FloatArray, floor: float, biased: bool) -> Calibrator:
    """The slope and biases of least log loss, drawn a little towards none."""
    logs = logarithms(outputs, floor)
    count, n_labels = logs.shape
    truth = np.zeros((count, n_labels))
    truth[np.arange(count), actual] = 1.0

    def loss(parameters: FloatArray) -> tuple[float, FloatArray]:
        slope, biases = np.exp(parameters[0]), parameters[1:] if biased else np.zeros(n_labels)
        logits = slope * logs + biases
        logits -= logits.max(axis=1, keepdims=True)
        raised = np.exp(logits)
        total = raised.sum(axis=1, keepdims=True)
        excess = raised / total - truth
        value = float(np.log(total).sum() - (logits * truth).sum())
        slopes = [slope * float((excess * logs).sum())]
        gradient = np.concatenate([slopes, excess.sum(axis=0)]) if biased else np.array(slopes)
        return value + _PENALTY * float(parameters @ parameters), gradient + 2 * _PENALTY * parameters

    found = minimize(loss, np.zeros(1 + n_labels * biased), jac=True, method="L-BFGS-B").x
    biases = found[1:] - found[1:].mean() if biased else np.zeros(n_labels)
    return Calibrator(float(np.exp(found[0])), tuple(biases.tolist()), floor)
