"""What happens to features before an estimator sees them: gaps filled, columns scaled.

Done in NumPy, in float64, then cast to float32, and kept in the bundle as plain arrays: scalers inside
an ONNX graph send rows down the wrong branch of a tree (measured: 0.14 standard deviations).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molfleet.bundles.preparation import Preparation
from molfleet.catalogue import Catalogue
from workers.modeler.algorithms.base import FloatArray, Matrix
from workers.modeler.splits import Indices

#: Columns that are worked on at once; bounds the float64 copy.
_COLUMNS = 256
_UNLIMITED = float(np.finfo(np.float32).max)


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


#: Where a method scales by itself: standard deviations beyond which a descriptor says no more.
CLIP = 6.0
#: Its mean and deviation are those of the values between these percentiles: a few descriptors have tails
#: that reach to 1e20 (Ipc), which would squeeze all other molecules into one point.
_TRIM = (0.5, 99.5)


def fit_preparation(
    scaler: Scaler | None,
    features: Matrix,
    rows: Indices,
    continuous: NDArray[np.bool_],
    *,
    scales: bool = False,
    columns: Indices | None = None,
) -> Preparation:
    """Fill values, centers and scales of `features` float32 (records, features), from `rows` alone.

    Gaps become medians, 0 where a column has no value at all; a constant column has scale 1, so that it
    becomes 0 and never divides by it. `scaler` None: none, or with `scales` the continuous columns to
    trimmed mean 0 and deviation 1, cut off at CLIP. `columns` are those that are taken; None: all.
    """
    taken = np.arange(features.shape[1]) if columns is None else columns
    width, has_gaps = len(taken), bool(continuous[taken].any())
    fill, center, scale = np.zeros(width), np.zeros(width), np.ones(width)
    limit = np.full(width, _UNLIMITED)
    how = scaler.fit if scaler else _none
    for begin in range(0, width, _COLUMNS):
        part = slice(begin, begin + _COLUMNS)
        known = features[np.ix_(rows, taken[part])].astype(np.float64)
        if has_gaps:
            fill[part], known = _filled(known)
        if scaler is None and scales:
            own = continuous[taken[part]]
            center[part][own], scale[part][own] = _trimmed(known[:, own])
            limit[part][own] = CLIP
        else:
            center[part], scale[part] = how(known)
    scale = np.where(scale > 0, scale, 1.0)
    arrays: dict[str, NDArray[Any]] = {}
    if columns is not None:
        arrays["keep"] = columns
    if has_gaps:
        arrays["fill"] = fill
    if scaler not in (None, SCALERS.get("none")) or (scales and has_gaps):
        arrays |= {"center": center, "scale": scale}
        if scaler is None:
            arrays["limit"] = limit
    return Preparation(arrays, features.shape[1])


def _filled(columns: FloatArray) -> tuple[FloatArray, FloatArray]:
    gaps = np.isnan(columns)
    known = np.where(gaps.all(axis=0), 0.0, columns)
    fill = np.nanmedian(known, axis=0) if gaps.any() else np.median(columns, axis=0)
    return fill, np.where(gaps, fill, columns)


def _trimmed(columns: FloatArray) -> tuple[FloatArray, FloatArray]:
    low, high = np.percentile(columns, _TRIM, axis=0) if columns.size else (0.0, 0.0)
    trimmed = np.clip(columns, low, high)
    spread = trimmed.std(axis=0)
    return trimmed.mean(axis=0), np.where(spread > 0, spread, columns.std(axis=0))
