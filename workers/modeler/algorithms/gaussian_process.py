"""Gaussian processes on Tanimoto and gaussian similarities; terms and noise by the evidence.

Rasmussen and Williams, Gaussian Processes for Machine Learning (2006): 2.2 regression, 3.4 the Laplace
approximation for classes. Tanimoto as a covariance: Griffiths et al., GAUCHE (NeurIPS 2023).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack, solve_triangular

from molfleet.bundles.estimators.kernel import Expansion, Link
from molfleet.bundles.estimators.references import Mixture
from molfleet.bundles.estimators.space import Encoded, Space
from workers.modeler.algorithms import kernel_ridge
from workers.modeler.algorithms.base import (
    CLASSIFICATION,
    REGRESSION,
    Algorithm,
    FloatArray,
    Parameter,
)
from workers.modeler.algorithms.gaussian_evidence import Evidence, fit_evidence
from workers.modeler.algorithms.kernel_solvers import Landmarks, logistic, newton, one_thread, sigmoid
from workers.modeler.algorithms.kernels import (
    binary_problems,
    classifier,
    export,
    gram,
    landmarks_parameter,
    regressor,
)

#: The Laplace approximation takes about ten times the work of a regression.
MAX_CLASSIFIED = 5_000
#: Variances of the latent function that are tried, in units of the covariance found for regression.
_AMPLITUDES = (4.0, 16.0, 64.0, 256.0)
_STEPS = 50

_LIKELIHOOD_RECORDS = Parameter(
    "likelihood_records",
    "integer",
    1_000,
    "Molecules, drawn at random, from which the covariance and the noise are found.",
    50,
    5_000,
)


def _sample(count: int, parameters: Mapping[str, Any], seed: int) -> NDArray[np.int64]:
    rng = np.random.default_rng((seed, 6))
    return np.sort(rng.permutation(count)[: parameters["likelihood_records"]])


def _evidence(space: Space, rows: Encoded, y: FloatArray, sample: NDArray[np.int64]) -> Evidence:
    """Of the sample, with its values brought to mean 0 and standard deviation 1."""
    values = y[sample] - y[sample].mean()
    return fit_evidence(space, rows[sample], values / (float(values.std()) or 1.0))


def _learn_values(
    parameters: Mapping[str, Any], seed: int, space: Space, rows: Encoded, y: FloatArray
) -> Expansion:
    found = _evidence(space, rows, y, _sample(len(rows), parameters, seed))
    landmarks = parameters["landmarks"]
    return kernel_ridge.regression(space, rows, y, found.mixture, found.noise, landmarks, seed)


def _learn_classes(
    parameters: Mapping[str, Any], seed: int, space: Space, rows: Encoded, y: NDArray[Any]
) -> Expansion:
    """Each class against the others, with a covariance for all: the one of the most even division."""
    problems = binary_problems(y)
    sample = _sample(len(rows), parameters, seed)
    evenest = max(problems, key=lambda positive: min(int(positive.sum()), int((~positive).sum())))
    found = _evidence(space, rows, np.where(evenest, 1.0, -1.0), sample)
    mix, sampled = _amplified(found.mixture, rows[sample], evenest[sample])
    if len(rows) <= MAX_CLASSIFIED:
        similarities = gram(mix, rows, rows)
        intercept = np.array([_log_odds(positive) for positive in problems])
        coefficients = np.empty((len(problems), len(rows)))
        links = []
        for number, positive in enumerate(problems):
            with one_thread():
                coefficients[number] = laplace(similarities, positive, intercept[number])[0]
                unseen = left_out(similarities, coefficients[number], intercept[number])
            links.append(sigmoid(unseen, positive))
    else:
        chosen = Landmarks.chosen(rows, mix, parameters["landmarks"], seed)
        features = chosen.all_features(rows)
        solved = [newton(features, logistic(positive.astype(np.float64))) for positive in problems]
        coefficients = np.stack([chosen.coefficients(weights) for weights, _ in solved])
        intercept = np.array([offset for _, offset in solved])
        links = [sampled] * len(problems)
        rows = chosen.rows
    link = Link(np.array([slope for slope, _ in links]), np.array([offset for _, offset in links]))
    return Expansion(space, rows, mix, coefficients, intercept, link)


def _log_odds(positive: NDArray[np.bool_]) -> float:
    return float(np.log((positive.sum() + 0.5) / ((~positive).sum() + 0.5)))


def _amplified(
    mix: Mixture, rows: Encoded, positive: NDArray[np.bool_]
) -> tuple[Mixture, tuple[float, float]]:
    """`mix` times the amplitude under which rows are predicted best without themselves, and the sigmoid
    of those predictions.

    Laplace's own evidence prefers amplitudes that are too small (Kuss and Rasmussen, JMLR 2005).
    """
    similarities, prior = gram(mix, rows, rows), _log_odds(positive)
    best, amplitude, link = np.inf, 1.0, (1.0, 0.0)
    for tried in _AMPLITUDES:
        with one_thread():
            coefficients, _ = laplace(similarities * tried, positive, prior)
            unseen = left_out(similarities * tried, coefficients, prior)
        slope, offset = sigmoid(unseen, positive)
        lost, _, _ = logistic(positive.astype(np.float64))(slope * unseen + offset)
        if lost < best:
            best, amplitude, link = lost, tried, (slope, offset)
    return mix.times(amplitude), link


def laplace(
    similarities: FloatArray, positive: NDArray[np.bool_], prior: float
) -> tuple[FloatArray, float]:
    """Coefficients of the latent function's mode about `prior`, and the log marginal likelihood.

    Rasmussen and Williams (2006), algorithm 3.1, with a logistic likelihood.
    """
    loss = logistic(positive.astype(np.float64))
    latent, before = np.zeros(len(positive)), -np.inf
    coefficients, likelihood = np.zeros(len(positive)), -np.inf
    for _ in range(_STEPS):
        lost, slope, curvature = loss(latent + prior)
        root = np.sqrt(curvature)
        inner = similarities * root
        inner *= root[:, np.newaxis]
        inner[np.diag_indices_from(inner)] += 1.0
        factor = np.linalg.cholesky(inner)
        objective = -lost - 0.5 * float(coefficients @ latent)
        likelihood = objective - float(np.log(np.diag(factor)).sum())
        if objective - before < 1e-9 * max(abs(objective), 1.0):
            break
        before = objective
        right = curvature * latent - slope
        half = solve_triangular(factor, root * (similarities @ right), lower=True, check_finite=False)
        solved = solve_triangular(factor, half, lower=True, trans="T", check_finite=False)
        coefficients = right - root * solved
        latent = similarities @ coefficients
    return coefficients, likelihood


def left_out(similarities: FloatArray, coefficients: FloatArray, prior: float) -> FloatArray:
    """The latent function of each row as the other rows alone would have it.

    Vehtari, Mononen, Tolvanen, Sivula and Winther, JMLR 17 (2016), 3.3: the Laplace approximation
    without the row's own term.
    """
    latent = similarities @ coefficients + prior
    probability = 1.0 / (1.0 + np.exp(-latent))
    curvature = np.maximum(probability * (1.0 - probability), 1e-10)
    root = np.sqrt(curvature)
    inner = similarities * root
    inner *= root[:, np.newaxis]
    inner[np.diag_indices_from(inner)] += 1.0
    factor, _ = lapack.dpotrf(inner.T, lower=1, clean=0, overwrite_a=1)
    diagonal = np.diag(lapack.dpotri(factor, lower=1, overwrite_c=1)[0])
    return np.asarray(latent + coefficients / curvature * (1.0 - 1.0 / diagonal))


REGRESSOR = Algorithm(
    code="gaussianprocessregressor",
    family="gaussianprocess",
    display_name="Gaussian process regression",
    task=REGRESSION,
    parameters=(_LIKELIHOOD_RECORDS, landmarks_parameter(2_000)),
    build=regressor(_learn_values),
    export=export,
    kind="kernel",
    any_block=True,
    scales=True,
    max_records=kernel_ridge.MAX_RECORDS,
    beyond=kernel_ridge.BEYOND,
)
CLASSIFIER = Algorithm(
    code="gaussianprocessclassifier",
    family="gaussianprocess",
    display_name="Gaussian process classifier",
    task=CLASSIFICATION,
    parameters=(_LIKELIHOOD_RECORDS, landmarks_parameter(1_000)),
    build=classifier(_learn_classes),
    export=export,
    kind="kernel",
    any_block=True,
    scales=True,
    max_records=MAX_CLASSIFIED,
    beyond=(
        "beyond, the likeliest function of the similarities to randomly drawn landmarks (Nystroem) is taken"
    ),
)
