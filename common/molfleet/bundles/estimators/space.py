"""The whole numbers in which molecules are compared: counts of fingerprints, descriptors on a grid.

All comparisons are sums of products of whole numbers that floating point holds exactly, so a row's
figures are the same bit for bit in whatever order, block or library they are summed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molfleet.bundles.estimators.tensors import Array, Tensors
from molfleet.bundles.features import Matrix

Counts = NDArray[np.uint8]
Grid = NDArray[np.int8]

#: Counts above this are taken as this: no structural pattern is told apart by more.
MAX_COUNT = 255
#: Descriptors further than so many standard deviations from the mean are taken as that far.
REACH = 5.0
_EXACT_IN_FLOAT32 = 2**24
_MAX_COLUMNS = 1 << 20
#: Rows that are encoded at once; bounds the copies.
_ROWS = 1_024


def grid_limit(columns: int) -> int:
    """The grid's numbers go from -limit to limit, so that float32 holds every sum of `columns` products."""
    return min(127, math.isqrt(_EXACT_IN_FLOAT32 // max(columns, 1)))


@dataclass(frozen=True)
class Encoded:
    """Rows in whole numbers: fingerprint columns `counts` [n, f], descriptor columns `grid` [n, c]."""

    counts: Counts
    grid: Grid

    def __len__(self) -> int:
        return len(self.counts)

    def __getitem__(self, rows: Any) -> Encoded:
        return Encoded(self.counts[rows], self.grid[rows])


@dataclass(frozen=True)
class Space:
    """Which of `width` feature columns are compared as counts, and which as numbers, and how.

    `fingerprint` int32 [f] and `continuous` int32 [c] are column numbers, ascending and disjoint.
    A number x stands at round((x - center) * scale) on the grid, `scale` being in grid steps.
    """

    width: int
    fingerprint: NDArray[np.int32]
    continuous: NDArray[np.int32]
    center: NDArray[np.float64]
    scale: NDArray[np.float64]

    @property
    def unit(self) -> float:
        """What one squared grid step is worth in the mean squared difference, in standard deviations."""
        columns = len(self.continuous)
        return (REACH / grid_limit(columns)) ** 2 / columns if columns else 0.0

    def encode(self, features: Matrix) -> Encoded:
        """Features [n, width] without NaN; infinite values stand at the ends."""
        counts = np.empty((len(features), len(self.fingerprint)), np.uint8)
        grid = np.empty((len(features), len(self.continuous)), np.int8)
        limit = grid_limit(len(self.continuous))
        for start in range(0, len(features), _ROWS):
            rows = slice(start, start + _ROWS)
            counts[rows] = np.clip(np.rint(features[rows, self.fingerprint]), 0, MAX_COUNT)
            with np.errstate(over="ignore"):
                steps = (features[rows, self.continuous].astype(np.float64) - self.center) * self.scale
            grid[rows] = np.clip(np.rint(steps), -limit, limit)
        return Encoded(counts, grid)

    def arrays(self) -> dict[str, Array]:
        return {
            "fingerprint": self.fingerprint,
            "continuous": self.continuous,
            "center": self.center,
            "scale": self.scale,
        }

    @classmethod
    def taken(cls, tensors: Tensors, width: int) -> Space:
        """Raises ValueError where the arrays do not describe `width` columns."""
        fingerprint = _columns(tensors, "fingerprint", width)
        continuous = _columns(tensors, "continuous", width)
        if np.intersect1d(fingerprint, continuous).size:
            raise ValueError("a column is both fingerprint and continuous")
        shape = (len(continuous),)
        center, scale = tensors.take("center", np.float64, shape), tensors.take("scale", np.float64, shape)
        if not (scale > 0).all():
            raise ValueError("scale is not positive")
        return cls(width, fingerprint, continuous, center, scale)


def _columns(tensors: Tensors, name: str, width: int) -> NDArray[np.int32]:
    columns: NDArray[np.int32] = tensors.take(name, np.int32, (None,))
    if len(columns) > _MAX_COLUMNS or (np.diff(columns) <= 0).any():
        raise ValueError(f"{name} does not name columns in ascending order")
    if len(columns) and not 0 <= columns[0] <= columns[-1] < width:
        raise ValueError(f"{name} names columns that {width} features do not have")
    return columns


def pack_rows(rows: Encoded) -> dict[str, Array]:
    """Rows as a bundle keeps them: fingerprint columns packed where all are bits, else a byte each."""
    if not (rows.counts > 1).any():
        return {"bits": np.packbits(rows.counts, axis=1, bitorder="little"), "grid": rows.grid}
    return {"counts": rows.counts, "grid": rows.grid}


def take_rows(tensors: Tensors, space: Space) -> Encoded:
    """Raises ValueError where there are no rows or they do not fit the space."""
    columns = len(space.fingerprint)
    if "bits" in tensors:
        packed = tensors.take("bits", np.uint8, (None, (columns + 7) // 8))
        counts = np.unpackbits(packed, axis=1, count=columns, bitorder="little")
    else:
        counts = tensors.take("counts", np.uint8, (None, columns))
    grid = tensors.take("grid", np.int8, (len(counts), len(space.continuous)))
    if not len(counts):
        raise ValueError("it has no molecules to compare with")
    limit = grid_limit(len(space.continuous))
    if grid.size and not -limit <= int(grid.min()) <= int(grid.max()) <= limit:
        raise ValueError(f"the array grid has values beyond {limit}")
    return Encoded(counts, grid)
