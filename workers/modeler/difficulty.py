"""Fitting the estimate of a regression's difficulty to out-of-fold errors, and whether it is worth it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from molfleet.bundles import conformal, manifest
from molfleet.bundles.difficulty import SIGNS, Difficulty, Near, signs
from molfleet.bundles.domain import NEIGHBOURS
from molfleet.bundles.similarity import neighbours
from workers.modeler.algorithms.base import FloatArray

#: Fewer records than this have plain intervals: the estimate would be as uncertain as what it estimates.
LEAST = 100
#: Without one fold, the estimate that scores it must still be fitted on one and judged on another.
LEAST_FOLDS = 3
#: Signs that can only make a prediction more difficult.
_MONOTONE = frozenset(SIGNS) - {"size", "value"}
#: More records than this are not needed for so few coefficients; a seeded sample of them is taken.
_MOST = 5_000
#: Weight of the penalty on the coefficients, in records.
_PENALTY = 2.0
#: The coefficients are drawn to none by so much: in the mean over four public sets, random and scaffold
#: splits and three methods, intervals are then narrower by some 3 % more than undrawn.
_DRAWN = 0.7
#: The folds are joined to so many groups where plain and normalized intervals are compared.
_GROUPS = 3
_CONFIDENCES = (0.8, 0.9, 0.95)

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Records:
    """Out-of-fold predictions and measured values [n] in the estimators' space, their folds [n], packed
    fingerprints uint8 [n, 256]; `rows`, `similarities` [n, NEIGHBOURS]: the nearest of other folds."""

    predicted: FloatArray
    values: FloatArray
    folds: NDArray[np.int64]
    ecfp4: NDArray[np.uint8]
    rows: NDArray[np.int64]
    similarities: FloatArray

    @property
    def errors(self) -> FloatArray:
        return np.asarray(np.abs(self.values - self.predicted))


def records(
    predicted: FloatArray, values: FloatArray, folds: NDArray[np.int64], ecfp4: NDArray[np.uint8]
) -> Records:
    found = neighbours(ecfp4, ecfp4, NEIGHBOURS, query_groups=folds, reference_groups=folds)
    return Records(predicted, values, folds, ecfp4, found.rows, found.similarities.astype(np.float64))


def fit(known: Records, used: Mask) -> manifest.Difficulty:
    """The estimate of least exponential deviance from the errors of the records `used` [n].

    Raises ValueError where no record has an error, or all have one value.
    """
    error, spread = float(known.errors[used].mean()), float(known.values[used].std())
    if not (error > 0 and spread > 0):
        raise ValueError("difficulty cannot be fitted to errors or values that are all the same")
    rows = np.flatnonzero(used)
    if len(rows) > _MOST:
        rows = np.random.default_rng(0).choice(rows, _MOST, replace=False)
    found = _signs(known, rows, error, spread)
    center, scale = found.mean(axis=0), found.std(axis=0)
    scale[scale < 1e-9] = 1.0
    design = np.column_stack([np.ones(len(rows)), (found - center) / scale])
    errors = np.maximum(known.errors[rows], 1e-3 * error)

    def deviance(coefficients: FloatArray) -> tuple[float, FloatArray]:
        logs = design @ coefficients
        ratios = errors * np.exp(-logs)
        penalized = np.concatenate([[0.0], coefficients[1:]])
        value = float((ratios + logs).sum() + _PENALTY * (penalized @ penalized))
        return value, design.T @ (1.0 - ratios) + 2 * _PENALTY * penalized

    start = np.concatenate([[np.log(error)], np.zeros(len(SIGNS))])
    bounds = [(None, None), *((0.0 if name in _MONOTONE else None, None) for name in SIGNS)]
    coefficients = minimize(deviance, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    coefficients[1:] *= _DRAWN
    logs = design @ coefficients
    return manifest.Difficulty(
        signs=tuple(
            manifest.Sign(name=name, center=center[at], scale=scale[at], coefficient=coefficients[at + 1])
            for at, name in enumerate(SIGNS)
        ),
        intercept=coefficients[0],
        lowest=logs.min(),
        highest=logs.max(),
        error=error,
        spread=spread,
    )


def sigma(fitted: manifest.Difficulty, known: Records, queries: Mask) -> FloatArray:
    """sigma of the records `queries` [n], from their neighbours in other folds."""
    estimate = Difficulty(fitted, {"errors": known.errors, "values": known.values})
    return estimate(
        known.predicted[queries], known.ecfp4[queries], known.rows[queries], known.similarities[queries]
    )


def cross_fitted(known: Records) -> tuple[FloatArray, manifest.Difficulty | None]:
    """sigma [n] of the records, and the estimate for new molecules; None: it is 1 for these.

    Estimate and choice that a record's sigma comes from are fitted to the errors of other folds. Its own
    error can be a sign for these only, where it is a neighbour: without it, neighbours would be farther
    in the fit than they are in use, and intervals wider by 2-5 % for it.
    """
    numbers, everything = np.unique(known.folds), np.ones(len(known.values), np.bool_)
    sizes = np.ones(len(everything))
    error = known.errors.mean()
    if len(everything) < LEAST or len(numbers) < LEAST_FOLDS or not error > 0:
        return sizes, None
    for fold in numbers:
        own = known.folds == fold
        fitted = _chosen(known, ~own)
        plain = float(known.errors[~own].mean())
        sizes[own] = (plain or error) if fitted is None else sigma(fitted, known, own)
    fitted = _chosen(known, everything)
    return (sizes / error, None) if fitted is None else (sizes, fitted)


def _chosen(known: Records, used: Mask) -> manifest.Difficulty | None:
    """The estimate from the records `used`, where it makes their intervals narrower in the mean."""
    groups = np.unique(known.folds[used], return_inverse=True)[1] % _GROUPS
    errors = known.errors[used]
    sizes = np.empty(len(errors))
    try:
        for group in np.unique(groups):
            own, others = used.copy(), used.copy()
            own[used], others[used] = groups == group, groups != group
            sizes[groups == group] = sigma(fit(known, others), known, own)
        fitted = fit(known, used)
    except ValueError:
        return None
    plain, normalized = np.sort(errors), np.sort(errors / sizes)
    before = np.array([conformal.bound(plain, confidence) for confidence in _CONFIDENCES])
    after = np.array([conformal.bound(normalized, confidence) for confidence in _CONFIDENCES])
    narrower = (before > 0).all() and np.mean(after * sizes.mean() / before) < 1
    return fitted if narrower else None


def _signs(known: Records, rows: NDArray[np.int64], error: float, spread: float) -> FloatArray:
    nearest = known.rows[rows]
    near = Near(known.similarities[rows], known.errors[nearest], known.values[nearest])
    return signs(known.predicted[rows], known.ecfp4[rows], near, error, spread)
