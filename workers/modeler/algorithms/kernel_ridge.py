"""Kernel ridge regression (Saunders et al., ICML 1998) on Tanimoto and gaussian similarities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from molfleet.bundles.estimators.kernel import Expansion
from molfleet.bundles.estimators.references import Mixture
from molfleet.bundles.estimators.space import Encoded, Space
from workers.modeler.algorithms.base import REGRESSION, Algorithm, FloatArray, Parameter
from workers.modeler.algorithms.kernel_solvers import Landmarks, ridge
from workers.modeler.algorithms.kernels import (
    export,
    gram,
    landmarks_parameter,
    mixing,
    mixture,
    regressor,
)

MAX_RECORDS = 10_000
BEYOND = (
    "beyond, all records are fitted by their similarity to randomly drawn landmarks (Nystroem, subset of "
    "regressors)"
)


def regression(
    space: Space,
    rows: Encoded,
    y: FloatArray,
    mix: Mixture,
    penalty: float,
    landmarks: int,
    seed: int,
) -> Expansion:
    """Least squares with `penalty` on the function, about the mean of `y`; exact up to MAX_RECORDS."""
    mean = float(y.mean())
    if len(rows) <= MAX_RECORDS:
        coefficients = ridge(gram(mix, rows, rows), y - mean, penalty)
    else:
        chosen = Landmarks.chosen(rows, mix, landmarks, seed)
        coefficients = chosen.ridge(rows, y - mean, penalty)
        rows = chosen.rows
    return Expansion(space, rows, mix, coefficients[np.newaxis], np.array([mean]))


def _learn(
    parameters: Mapping[str, Any], seed: int, space: Space, rows: Encoded, y: FloatArray
) -> Expansion:
    mix = mixture(space, parameters)
    return regression(space, rows, y, mix, parameters["alpha"], parameters["landmarks"], seed)


REGRESSOR = Algorithm(
    code="kernelridgeregressor",
    family="kernelridge",
    display_name="Kernel ridge regression",
    task=REGRESSION,
    parameters=(
        Parameter("alpha", "number", 0.03, "Strength of the L2 penalty.", 1e-6, 1e6),
        *mixing(0.15, 1.5),
        landmarks_parameter(2_000),
    ),
    build=regressor(_learn),
    export=export,
    kind="kernel",
    any_block=True,
    scales=True,
    max_records=MAX_RECORDS,
    beyond=BEYOND,
)
