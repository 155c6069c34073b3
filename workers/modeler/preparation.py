"""What happens to features before an estimator sees them: gaps filled, columns scaled.

Done in NumPy, in float64, then cast to float32, and kept in the bundle as plain arrays: scalers inside
an ONNX graph send rows down the wrong branch of a tree (measured: 0.14 standard deviations).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from molfleet.catalogue import Catalogue
from workers.modeler.algorithms.base import FloatArray, Matrix

#: Columns that are worked on at once; bounds the float64 copy.
_COLUMNS = 256


@dataclass(frozen=True)
class Scaler:
    """One row: `fit(columns)` gives center and scale of (rows, columns) without gaps; x -> (x-c)/s."""

    code: str
    title: str
    fit: Callable[[FloatArray], tuple[FloatArray, FloatArray]]
    aliases: tuple[str, ...] = ()


def _none(columns: FloatArray) -> tuple[FloatArray, FloatArray]:
    return np.zeros(columns.shape[1]), np.ones(columns.shape[1])


def _standard(columns: FloatArray) -> tuple[FloatArray, FloatArray]:
    return columns.mean(axis=0), columns.std(axis=0)


def _minmax(columns: FloatArray) -> tuple[FloatArray, FloatArray]:
    low = columns.min(axis=0)
    return low, columns.max(axis=0) - low


def _robust(columns: FloatArray) -> tuple[FloatArray, FloatArray]:
    low, middle, high = np.percentile(columns, (25, 50, 75), axis=0)
    return middle, high - low


SCALERS: Catalogue[Scaler] = Catalogue(
    "scaler",
    (
        Scaler("none", "Features as they are", _none),
        Scaler("standard", "Mean 0, standard deviation 1", _standard),
        Scaler("minmax", "From 0 to 1", _minmax),
        Scaler("robust", "Median 0, interquartile range 1", _robust),
    ),
)


@dataclass(frozen=True)
class Preparation:
    """Fitted on training rows; all arrays are float64 (features,). `scaler` is the row's code."""

    scaler: str
    fill: FloatArray
    center: FloatArray
    scale: FloatArray

    @property
    def scales(self) -> bool:
        return self.scaler != "none"

    def apply(self, features: Matrix) -> Matrix:
        """(rows, features) float32 without NaN."""
        result = np.empty(features.shape, dtype=np.float32)
        for begin in range(0, features.shape[1], _COLUMNS):
            part = slice(begin, begin + _COLUMNS)
            columns = features[:, part].astype(np.float64)
            columns = np.where(np.isnan(columns), self.fill[part], columns)
            if self.scales:
                columns = (columns - self.center[part]) / self.scale[part]
            result[:, part] = columns
        return result


def fit_preparation(scaler: Scaler, features: Matrix) -> Preparation:
    """Fill values (medians; 0 where a column has no value at all), centers and scales of `features`.

    A constant column has scale 1, so that it becomes 0 and never divides by it.
    """
    width = features.shape[1]
    fill, center, scale = np.zeros(width), np.zeros(width), np.ones(width)
    for begin in range(0, width, _COLUMNS):
        part = slice(begin, begin + _COLUMNS)
        columns = features[:, part].astype(np.float64)
        gaps = np.isnan(columns)
        if gaps.any():
            known = np.where(gaps.all(axis=0), 0.0, columns)
            fill[part] = np.nanmedian(known, axis=0)
            columns = np.where(gaps, fill[part], columns)
        else:
            fill[part] = np.median(columns, axis=0)
        center[part], spread = scaler.fit(columns)
        scale[part] = np.where(spread > 0, spread, 1.0)
    return Preparation(scaler.code, fill, center, scale)
