"""Arrays in safetensors form: what a kind of estimator that is ours keeps in a bundle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

Array = NDArray[Any]


def pack(arrays: Mapping[str, Array]) -> bytes:
    """Safetensors bytes that depend on nothing but the arrays (row order, C layout)."""
    return bytes(save({name: np.ascontiguousarray(array) for name, array in arrays.items()}))


class Tensors:
    """The arrays of a part, each taken once by name, type and shape. Raises ValueError naming the array."""

    def __init__(self, data: bytes) -> None:
        try:
            self._arrays: dict[str, Array] = load(data)
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"it is not a safetensors file ({str(error)[:200]})") from None

    def __contains__(self, name: str) -> bool:
        return name in self._arrays

    def take(self, name: str, dtype: type[np.generic], shape: tuple[int | None, ...]) -> Array:
        """The array `name`; None in `shape` allows any length. Floating numbers must be finite."""
        array = self._arrays.pop(name, None)
        if array is None:
            raise ValueError(f"the array {name} is missing")
        fits = array.ndim == len(shape) and all(
            wanted is None or wanted == found for wanted, found in zip(shape, array.shape, strict=True)
        )
        if array.dtype != np.dtype(dtype) or not fits:
            told = ", ".join("any" if length is None else str(length) for length in shape)
            raise ValueError(
                f"the array {name} is {array.dtype} {list(array.shape)}, not {np.dtype(dtype)} [{told}]"
            )
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(f"the array {name} has values that are not finite")
        return array

    def take_number(self, name: str, low: float, high: float) -> float:
        """The one float64 of the array `name`, from `low` to `high`."""
        number = float(self.take(name, np.float64, (1,))[0])
        if not low <= number <= high:
            raise ValueError(f"{name} is {number:g}, not from {low:g} to {high:g}")
        return number

    def done(self) -> None:
        if self._arrays:
            raise ValueError(f"there are unknown arrays: {', '.join(sorted(self._arrays))}")
