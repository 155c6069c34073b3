"""What is done to features before an estimator sees them; outside ONNX, where float32 would spoil it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from molfleet.bundles.arrays import Array
from molfleet.bundles.features import Matrix

Floats = NDArray[np.float64]


class Preparation:
    """Columns selected, NaN filled, scaled: float64 throughout. Training and prediction share this code.

    `arrays` are those of manifest.Preparation, each of them optional. Raises ValueError where they do
    not fit `n_features` columns.
    """

    def __init__(self, arrays: Mapping[str, Array], n_features: int) -> None:
        if unknown := set(arrays) - {"keep", "fill", "center", "scale"}:
            raise ValueError(f"there are unknown arrays: {', '.join(sorted(unknown))}")
        self._keep = _columns(arrays["keep"], n_features) if "keep" in arrays else None
        #: Columns after the selection.
        self.width = n_features if self._keep is None else len(self._keep)
        self._fill = self._numbers(arrays, "fill")
        self._center = self._numbers(arrays, "center")
        scale = self._numbers(arrays, "scale")
        self._scale = None if scale is None else np.where(scale == 0, 1.0, scale)

    def __call__(self, features: Matrix) -> Floats:
        """Features [n, n_features] as estimators (cast to float32) and domain take them, [n, width]."""
        prepared = (features if self._keep is None else features[:, self._keep]).astype(np.float64)
        if self._fill is not None:
            prepared = np.where(np.isnan(prepared), self._fill, prepared)
        if self._center is not None:
            prepared -= self._center
        if self._scale is not None:
            prepared /= self._scale
        return prepared

    def _numbers(self, arrays: Mapping[str, Array], name: str) -> Floats | None:
        array = arrays.get(name)
        if array is None:
            return None
        if array.shape != (self.width,) or not np.isfinite(array).all():
            raise ValueError(f"{name} is not one finite number for each of {self.width} columns")
        return np.asarray(array, np.float64)


def _columns(array: Array, n_features: int) -> NDArray[np.int64]:
    whole = array.ndim == 1 and array.dtype.kind in "iu" and len(array) > 0
    if not whole or int(np.min(array)) < 0 or int(np.max(array)) >= n_features:
        raise ValueError(f"keep does not select among {n_features} columns")
    return np.asarray(array, np.int64)
