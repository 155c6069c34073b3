"""How far off a regression model may be for one molecule, judged by the training molecules near it.

sigma = exp(intercept + coefficients . standardized signs): a log-linear model of the absolute error. Its
signs: the errors that out-of-fold models made for the nearest training molecules and the spread of what
was measured for these (weighted by similarity cubed, drawn to the training set's own), the distance to
them, the size of the molecule, and the predicted value. Intervals are conformal in |error| / sigma
(Papadopoulos et al., Neural Networks 2011, 24, 842; Svensson et al., J. Chem. Inf. Model. 2018, 58, 1132).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molfleet.bundles import manifest
from molfleet.bundles.arrays import Array

SIGNS = ("error", "spread", "farness", "mean_farness", "size", "value")
#: How much the training set as a whole weighs beside the neighbours' cubed similarities.
_PRIOR = 0.3

Floats = NDArray[np.float64]
Bits = NDArray[np.uint8]


@dataclass(frozen=True)
class Near:
    """The training molecules near n queries: their similarities [n, k] (0: none), errors, values."""

    similarities: Floats
    errors: Floats
    values: Floats


def signs(predicted: Floats, packed_ecfp4: Bits, near: Near, error: float, spread: float) -> Floats:
    """The signs of difficulty [n, 6] of predictions [n] for molecules uint8 [n, 256].

    `error` and `spread` are the training set's mean absolute error and standard deviation.
    """
    weights = near.similarities**3
    total = weights.sum(axis=1)
    errors = ((weights * near.errors).sum(axis=1) + _PRIOR * error) / (total + _PRIOR)
    center = (weights * near.values).sum(axis=1) / np.maximum(total, 1e-12)
    squares = (weights * (near.values - center[:, None]) ** 2).sum(axis=1)
    variance = (squares + _PRIOR * spread**2) / (total + _PRIOR)
    columns = (
        np.log(errors),
        0.5 * np.log(variance),
        1.0 - near.similarities[:, 0],
        1.0 - near.similarities.mean(axis=1),
        np.log1p(np.bitwise_count(packed_ecfp4).sum(axis=1, dtype=np.float64)),
        predicted,
    )
    return np.stack(columns, axis=1)


class Difficulty:
    """A fitted estimate of sigma."""

    def __init__(self, fitted: manifest.Difficulty, arrays: dict[str, Array]) -> None:
        """`arrays` are those of the calibration part; ValueError where one is missing or does not fit."""
        self._fitted = fitted
        self._center, self._scale, self._coefficients = (
            np.array([getattr(sign, name) for sign in fitted.signs], np.float64)
            for name in ("center", "scale", "coefficient")
        )
        if tuple(sign.name for sign in fitted.signs) != SIGNS:
            raise ValueError(f"the signs of difficulty are {', '.join(SIGNS)}")
        try:
            self._errors, self._values = arrays["errors"], arrays["values"]
        except KeyError as error:
            raise ValueError(f"the array {error} is missing") from None
        for array in (self._errors, self._values):
            if array.shape != (len(self),) or array.dtype != np.float64 or not np.isfinite(array).all():
                raise ValueError("errors and values of the training molecules do not fit together")

    def __len__(self) -> int:
        """How many training molecules it knows: those that the domain keeps, in their order."""
        return int(self._errors.size)

    @property
    def nbytes(self) -> int:
        return int(self._errors.nbytes + self._values.nbytes)

    def __call__(
        self, predicted: Floats, packed_ecfp4: Bits, rows: NDArray[np.int64], similarities: Floats
    ) -> Floats:
        """sigma [n] > 0 of predictions [n] in the estimators' space, row by row.

        `rows` and `similarities` [n, k] are the nearest of the domain's molecules (row -1: there is none).
        A sigma beyond those that were seen in training counts as the last of them.
        """
        near = Near(np.where(rows < 0, 0.0, similarities), self._errors[rows], self._values[rows])
        found = signs(predicted, packed_ecfp4, near, self._fitted.error, self._fitted.spread)
        terms = (found - self._center) / self._scale * self._coefficients
        logs = self._fitted.intercept + terms.sum(axis=1)
        return np.asarray(np.exp(np.clip(logs, self._fitted.lowest, self._fitted.highest)))
