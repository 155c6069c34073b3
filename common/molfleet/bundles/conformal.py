"""Split-conformal prediction: intervals and label sets that hold with a chosen confidence.

Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World (2005); label-conditional
(Mondrian) for classification, so that the guarantee holds for each label. The scores come from
out-of-fold predictions, so the guarantee is that of cross-conformal prediction: approximate where
the final model is refitted on all folds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from molfleet.bundles.arrays import Array

Floats = NDArray[np.float64]


def rank(size: int, confidence: float) -> int:
    """The 1-based rank, among `size` sorted calibration scores, of the bound for `confidence`.

    ceil((size + 1) x confidence); a rank beyond `size` means that no finite bound holds.
    """
    return math.ceil(round((size + 1) * confidence, 9))


def bound(scores: Floats, confidence: float) -> float:
    """The bound that a new score exceeds with probability at most 1 - confidence; may be infinite."""
    place = rank(len(scores), confidence)
    return float(scores[place - 1]) if 1 <= place <= len(scores) else math.inf


def fit_regression(residuals: ArrayLike) -> dict[str, Array]:
    """The arrays of a regression calibration from out-of-fold errors [n], in model space or in parts of
    each record's difficulty."""
    scores = np.asarray(residuals, np.float64)
    if scores.ndim != 1 or not len(scores) or not np.isfinite(scores).all():
        raise ValueError("calibration needs at least one finite residual")
    return {"residuals": np.sort(scores)}


def fit_classification(actual: ArrayLike, probabilities: ArrayLike) -> dict[str, Array]:
    """The arrays of a classification calibration: label indices [n], out-of-fold probabilities [n, k]."""
    index, table = np.asarray(actual), np.asarray(probabilities, np.float64)
    if table.ndim != 2 or index.shape != (len(table),) or not len(table) or not np.isfinite(table).all():
        raise ValueError("calibration needs label indices [n] and finite probabilities [n, k]")
    scores = 1.0 - table[np.arange(len(index)), index]
    return {f"scores:{label}": np.sort(scores[index == label]) for label in range(table.shape[1])}


def label_sets(probabilities: Floats, scores: Sequence[Floats], confidence: float) -> NDArray[np.bool_]:
    """Which labels belong to each row's prediction set, [n, k]; it may be empty or hold all.

    A label of which no calibration example is known can never be excluded.
    """
    bounds = np.array([bound(of_label, confidence) for of_label in scores])
    return np.asarray(1.0 - probabilities <= bounds + 1e-9)
