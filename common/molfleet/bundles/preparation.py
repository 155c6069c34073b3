"""What is done to features before an estimator sees them; outside ONNX, where float32 would spoil it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from molfleet.bundles.arrays import Array
from molfleet.bundles.features import Matrix

Floats = NDArray[np.float64]

#: Rows that are prepared at once; bounds the float64 copy.
_ROWS = 512
_ARRAYS = ("keep", "fill", "center", "scale", "limit")


class Preparation:
    """Columns selected, NaN filled, scaled, cut off: float64 throughout. Training and prediction share it.

    `arrays` are those of manifest.Preparation, each of them optional. Raises ValueError where they do
    not fit `n_features` columns.
    """

    def __init__(self, arrays: Mapping[str, Array], n_features: int) -> None:
        if unknown := set(arrays) - set(_ARRAYS):
            raise ValueError(f"there are unknown arrays: {', '.join(sorted(unknown))}")
        #: As given: what a bundle stores of it.
        self.arrays = dict(arrays)
        self.n_features = n_features
        self._keep = _columns(arrays["keep"], n_features) if "keep" in arrays else None
        #: Columns after the selection.
        self.width = n_features if self._keep is None else len(self._keep)
        self._fill = self._numbers("fill")
        self._center = self._numbers("center")
        scale = self._numbers("scale")
        self._scale = None if scale is None else np.where(scale == 0, 1.0, scale)
        self._limit = self._numbers("limit")

    @property
    def nbytes(self) -> int:
        return sum(array.nbytes for array in self.arrays.values())

    def __call__(self, features: Matrix) -> Floats:
        """Features [n, n_features] as the domain takes them, [n, width]."""
        prepared = (features if self._keep is None else features[:, self._keep]).astype(np.float64)
        if self._fill is not None:
            prepared = np.where(np.isnan(prepared), self._fill, prepared)
        if self._center is not None:
            prepared -= self._center
        if self._scale is not None:
            prepared /= self._scale
        if self._limit is not None:
            np.clip(prepared, -self._limit, self._limit, out=prepared)
        return prepared

    def float32(self, features: Matrix, rows: NDArray[np.int64] | None = None) -> Matrix:
        """The same as estimators take them, float32 [n, width], never more than that in memory.

        `rows` are those that are wanted; None: all. Where there is nothing to do to all rows, these are
        the features themselves and no copy.
        """
        if not self.arrays:
            everything = rows is None or np.array_equal(rows, np.arange(len(features)))
            return np.asarray(features if everything else features[rows], np.float32)
        count = len(features) if rows is None else len(rows)
        prepared = np.empty((count, self.width), np.float32)
        for start in range(0, count, _ROWS):
            part: slice | NDArray[np.int64] = slice(start, start + _ROWS)
            prepared[start : start + _ROWS] = self(features[part if rows is None else rows[part]])
        return prepared

    def _numbers(self, name: str) -> Floats | None:
        array = self.arrays.get(name)
        if array is None:
            return None
        if array.shape != (self.width,) or not np.isfinite(array).all():
            raise ValueError(f"{name} is not one finite number for each of {self.width} columns")
        if name == "limit" and (array < 0).any():
            raise ValueError("limit is below zero for a column")
        return np.asarray(array, np.float64)


def _columns(array: Array, n_features: int) -> NDArray[np.int64]:
    whole = array.ndim == 1 and array.dtype.kind in "iu" and len(array) > 0
    if not whole or int(np.min(array)) < 0 or int(np.max(array)) >= n_features:
        raise ValueError(f"keep does not select among {n_features} columns")
    return np.asarray(array, np.int64)
