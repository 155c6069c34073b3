"""How far similar molecules have similar values: what any model of the set can hope for, from 0 to 1.

Nearest is Euclidean over range-scaled descriptors. Classification: MODI (Golbraikh, Muratov, Fourches and
Tropsha, J. Chem. Inf. Model. 54 (2014) 1), the mean over the classes of the share of molecules whose
nearest neighbour is of their class; below about 0.65 a useful model is unlikely. Of several nearest
neighbours each counts its part, so that the order of the records does not matter.

Regression: RMODI (Luque Ruiz and Gomez-Nieto, J. Chem. Inf. Model. 58 (2018) 2069), the share of molecules
whose rivality index (s - d) / (s + d) is negative: s is the distance to the nearest molecule with a value
within DELTA standard deviations of its own, d to the nearest with another one. DELTA is as
Aldeghi et al. have it, J. Chem. Inf. Model. 62 (2022) 4660.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.modeler.algorithms.base import CLASSIFICATION, FloatArray, Matrix, Task

#: More molecules than these are represented by a seeded sample: the cost grows with their square.
MAX_MOLECULES = 5_000
DELTA = 0.625
_BLOCK = 512


def looked_at(count: int, seed: int) -> NDArray[np.int64]:
    """Which of so many rows the index is of: all, or a seeded sample."""
    if count <= MAX_MOLECULES:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, MAX_MOLECULES, replace=False))


def modi(
    task: Task,
    features: Matrix,
    values: NDArray[Any],
    seed: int,
    molecules: NDArray[np.int64] | None = None,
) -> float | None:
    """The task's index of float32 (rows, features) without gaps and (rows,) classes or values.

    Rows of equal numbers in `molecules` are no neighbours of each other. None for a single class, or
    values that are all the same.
    """
    rows = looked_at(len(features), seed)
    own = np.arange(len(features)) if molecules is None else molecules
    if len(rows) < len(features):
        features, values, own = features[rows], values[rows], own[rows]
    labels = np.unique(values)
    if len(labels) < 2:
        return None
    if task == CLASSIFICATION:
        agrees = _agreement(features, values, own)
        return float(np.mean([agrees[values == label].mean() for label in labels]))
    return float(_not_rivalled(features, values, own).mean())


def _agreement(features: Matrix, classes: NDArray[Any], own: NDArray[np.int64]) -> FloatArray:
    """(rows,) share of each row's nearest others that are of its class."""
    shares = []
    for rows, distances in _distances(features, own):
        nearest = distances == distances.min(axis=1, keepdims=True)
        same = nearest & (classes[rows, None] == classes)
        shares.append(same.sum(axis=1) / nearest.sum(axis=1))
    return np.concatenate(shares)


def _not_rivalled(features: Matrix, values: NDArray[Any], own: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(rows,) whether the nearest row with such a value is nearer than the nearest with another."""
    limit = DELTA * values.std()
    found = []
    for rows, distances in _distances(features, own):
        alike = np.abs(values[rows, None] - values) <= limit
        same = np.where(alike, distances, np.inf).min(axis=1)
        found.append(same < np.where(alike, np.inf, distances).min(axis=1))
    return np.concatenate(found)


def _distances(features: Matrix, own: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], FloatArray]]:
    """Rows, and their squared distances to all (infinite to those of their molecule), block by block."""
    # The range of descriptors may be beyond float32.
    low = features.min(axis=0).astype(np.float64)
    spread = features.max(axis=0) - low
    used = spread > 0
    scaled = (features[:, used] - low[used]) / spread[used]
    # Bits, most of the columns, are summed exactly in float32, at half the cost.
    bits = np.all((scaled == 0) | (scaled == 1), axis=0)
    parts = (scaled[:, bits].astype(np.float32), scaled[:, ~bits])
    squares = sum(np.einsum("ij,ij->i", part, part, dtype=np.float64) for part in parts)
    for begin in range(0, len(features), _BLOCK):
        rows = np.arange(begin, min(begin + _BLOCK, len(features)))
        products = sum(part[rows] @ part.T for part in parts)
        # Rounded so that equal distances stay equal: the product's last digits depend on its shape.
        distances = np.round(squares[rows, None] + squares - 2 * products, 9)
        distances[own[rows, None] == own] = np.inf
        yield rows, distances
