"""The gate before a bundle is sealed: the exported graph says what the estimator says."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from molfleet.bundles.estimators import Predictor
from molfleet.errors import Code, Rejected
from workers.modeler.algorithms.base import REGRESSION, Algorithm, Estimator, Matrix

#: Largest difference allowed: of probabilities, or of values in standard deviations of the target.
TOLERANCE = 1e-4
PERTURBED_ROWS = 1_000


def perturbed(
    features: Matrix, among: NDArray[np.int64], continuous: NDArray[np.bool_], seed: int
) -> Matrix:
    """1,000 rows that no molecule has: each feature from one of two random records of `among`,
    `continuous` columns moved by about a percent on top. They lie where molecules lie, and between them."""
    rng = np.random.default_rng((seed, 2))
    one, other = among[rng.integers(len(among), size=(2, PERTURBED_ROWS))]
    rows = np.where(rng.random((PERTURBED_ROWS, features.shape[1])) < 0.5, features[one], features[other])
    noise = rng.normal(1.0, 0.01, size=(PERTURBED_ROWS, int(continuous.sum())))
    rows[:, continuous] = rows[:, continuous] * noise
    return np.asarray(rows, dtype=np.float32)


def require_exact(
    algorithm: Algorithm, estimator: Estimator, predictor: Predictor, matrices: Iterable[Matrix]
) -> float:
    """The largest difference between `predictor` and `estimator` over prepared rows.

    In probability, or for values in standard deviations of the target, which estimators are fitted in.
    Raises Rejected(INTERNAL) where it is above TOLERANCE: a model that would predict otherwise than it
    was judged is no model.
    """
    largest = 0.0
    for matrix in matrices:
        if len(matrix) == 0:
            continue
        differences = np.abs(predictor(matrix) - algorithm.outputs(estimator, matrix))
        largest = max(largest, float(np.nan_to_num(differences, nan=np.inf).max()))
    if largest > TOLERANCE:
        scale = "standard deviations of the target" if algorithm.task == REGRESSION else "of probability"
        raise Rejected(
            Code.INTERNAL,
            f"The exported {algorithm.display_name} differs from the trained one by {largest:.2g} {scale}, "
            f"more than the {TOLERANCE:g} that are allowed. Scaling the features (scaler standard) or a "
            f"stronger penalty may help.",
            retryable=False,
            details={"largest_difference": f"{largest:.6g}"},
        )
    return largest
