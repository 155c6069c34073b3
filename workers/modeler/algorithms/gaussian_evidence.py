"""Hyper-parameters of a Gaussian process by the evidence: what makes the training values likeliest.

Rasmussen and Williams, Gaussian Processes for Machine Learning (2006), 5.4.1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack
from scipy.optimize import minimize

from molfleet.bundles.estimators.references import Mixture
from molfleet.bundles.estimators.space import Encoded, Space
from workers.modeler.algorithms.base import FloatArray
from workers.modeler.algorithms.kernel_solvers import one_thread
from workers.modeler.algorithms.kernels import distances, tanimoto

_LOWEST_NOISE = 1e-4
#: Bounds of the logarithms of terms and noise, and of the length scale.
_WEIGHTS, _LENGTH = (-8.0, 4.0), (-2.0, 2.5)
#: Standard deviation of the prior on the logarithms: keeps terms that the data say nothing about finite.
_PRIOR = 3.0


@dataclass(frozen=True)
class Evidence:
    """The likeliest covariance and noise, both in units of the target's variance."""

    mixture: Mixture
    noise: float


def fit_evidence(space: Space, rows: Encoded, y: FloatArray) -> Evidence:
    """The terms of the mixture, its length scale and the noise for `rows` with values `y` of mean 0 and
    standard deviation 1."""
    figures = _Figures(space, rows)
    with one_thread():
        best = minimize(
            figures.loss, figures.start(), (y,), jac=True, method="L-BFGS-B", bounds=figures.bounds()
        )
    return Evidence(figures.mixture(best.x), _LOWEST_NOISE + float(np.exp(best.x[-1])))


class _Figures:
    """Similarities among the rows from which any mixture's covariance follows.

    Parameters [terms + 2]: logarithms of the terms in use, of the length scale, of the noise.
    """

    def __init__(self, space: Space, rows: Encoded) -> None:
        self._unit = space.unit
        squared, inner = distances(rows, rows)
        self._tanimoto = tanimoto(rows, rows)
        self._distance, self._inner = squared * space.unit, inner * space.unit
        counted, numbers = bool(len(space.fingerprint)), bool(len(space.continuous))
        #: Which of tanimoto, gaussian, product and linear are in use.
        self.terms = np.flatnonzero([counted, numbers, counted and numbers, numbers])

    def start(self) -> FloatArray:
        return np.array([*np.full(len(self.terms), -np.log(max(len(self.terms), 1))), 0.0, np.log(0.1)])

    def bounds(self) -> list[tuple[float, float]]:
        return [_WEIGHTS] * len(self.terms) + [_LENGTH, _WEIGHTS]

    def mixture(self, point: FloatArray) -> Mixture:
        weights = np.zeros(4)
        weights[self.terms] = np.exp(point[:-2])
        tanimoto, gaussian, product, linear = weights.tolist()
        gamma = self._unit / (2.0 * float(np.exp(2.0 * point[-2])))
        return Mixture(tanimoto, gaussian, product, linear * self._unit, gamma)

    def loss(self, point: FloatArray, y: FloatArray) -> tuple[float, FloatArray]:
        """Negative log posterior of the parameters, and its gradient."""
        weights, length, noise = np.zeros(4), np.exp(2.0 * point[-2]), np.exp(point[-1])
        weights[self.terms] = np.exp(point[:-2])
        scaled = self._distance / length
        gaussian = np.exp(-0.5 * scaled)
        parts = (self._tanimoto, gaussian, self._tanimoto * gaussian, self._inner)
        covariance = sum(weights[term] * parts[term] for term in self.terms) + np.zeros_like(scaled)
        covariance[np.diag_indices_from(covariance)] += noise + _LOWEST_NOISE
        root, failed = lapack.dpotrf(covariance.T, lower=1, clean=0, overwrite_a=1)
        if failed:
            return 1e10, np.zeros_like(point)
        log_determinant = 2.0 * float(np.log(np.diag(root)).sum())
        inverse = np.tril(lapack.dpotri(root, lower=1, overwrite_c=1)[0])
        inverse += np.tril(inverse, -1).T
        alpha = inverse @ y
        value = 0.5 * (float(y @ alpha) + log_determinant)
        inverse -= np.outer(alpha, alpha)
        gradient = np.empty_like(point)
        for place, term in enumerate(self.terms):
            gradient[place] = 0.5 * weights[term] * _sum(inverse, parts[term])
        gradient[-2] = 0.5 * (
            weights[1] * _sum(inverse, parts[1] * scaled) + weights[2] * _sum(inverse, parts[2] * scaled)
        )
        gradient[-1] = 0.5 * noise * float(np.trace(inverse))
        return value + 0.5 * float((point**2).sum()) / _PRIOR**2, gradient + point / _PRIOR**2


def _sum(one: FloatArray, other: NDArray[np.float64]) -> float:
    return float(np.vdot(one, other))
