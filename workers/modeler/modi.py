"""Modelability index: how often a molecule's nearest neighbour has its own class.

Golbraikh, Muratov, Fourches and Tropsha, J. Chem. Inf. Model. 54 (2014) 1: the mean over the classes
of the share of molecules whose nearest neighbour, Euclidean over range-scaled descriptors, is of the
same class. 1 = every neighbour agrees; below about 0.65 a useful model is unlikely.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.modeler.algorithms.base import Matrix

#: More molecules than these are represented by a seeded sample: the cost grows with their square.
MAX_MOLECULES = 5_000
_BLOCK = 512


def modi(features: Matrix, classes: NDArray[Any], seed: int) -> float | None:
    """The index of (rows, features) without NaN; None with fewer than two classes."""
    if len(features) > MAX_MOLECULES:
        rows = np.sort(np.random.default_rng(seed).choice(len(features), MAX_MOLECULES, replace=False))
        features, classes = features[rows], classes[rows]
    labels = np.unique(classes)
    if len(labels) < 2:
        return None
    low = features.min(axis=0)
    spread = features.max(axis=0) - low
    scaled = ((features - low) / np.where(spread > 0, spread, 1)).astype(np.float64)
    agrees = classes[_nearest(scaled)] == classes
    return float(np.mean([agrees[classes == label].mean() for label in labels]))


def _nearest(points: NDArray[np.float64]) -> NDArray[np.int64]:
    """Each row's nearest other row; of equals the first."""
    squares = np.einsum("ij,ij->i", points, points)
    nearest = np.empty(len(points), dtype=np.int64)
    for begin in range(0, len(points), _BLOCK):
        block = points[begin : begin + _BLOCK]
        # Rounded so that equal distances stay equal: the product's last digits depend on its shape.
        distances = np.round(squares[begin : begin + _BLOCK, None] + squares - 2 * block @ points.T, 9)
        distances[np.arange(len(block)), begin + np.arange(len(block))] = np.inf
        nearest[begin : begin + _BLOCK] = distances.argmin(axis=1)
    return nearest
