"""Sums over weighted rows, many weightings at a time: the figures of a whole bootstrap in one pass.

`weights` float64 (rounds, rows) says how often each row counts; one round of ones is the plain figure.
Nothing here goes through BLAS, whose sums depend on the number of threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.modeler.algorithms.base import FloatArray


def ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    """part / whole; NaN where the whole is nothing."""
    part, whole = np.broadcast_arrays(part, whole)
    return np.asarray(np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole != 0))


def mean(weights: FloatArray, values: FloatArray) -> FloatArray:
    """(rounds,) weighted means of (rows,) values, or of (rounds, rows) values."""
    return ratio(np.einsum(f"ij,{'ij'[2 - values.ndim :]}->i", weights, values), weights.sum(axis=1))


def group_sums(weights: FloatArray, groups: NDArray[Any], count: int) -> FloatArray:
    """(rounds, count) sums over the rows of each group, which is a number from 0 to count - 1."""
    if len(weights) == 1:
        return np.bincount(groups, weights[0], minlength=count)[None, :]
    order = np.argsort(groups, kind="stable")
    ordered = groups[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    sums = np.zeros((len(weights), count))
    sums[:, ordered[starts]] = np.add.reduceat(weights[:, order], starts, axis=1)
    return sums


def ranks(weights: FloatArray, values: NDArray[Any]) -> FloatArray:
    """(rounds, rows) ranks from 1 of the values as often as they count; equals share their mean rank."""
    distinct, group = np.unique(values, return_inverse=True)
    sizes = group_sums(weights, group, len(distinct))
    return np.asarray((np.cumsum(sizes, axis=1) - (sizes - 1) / 2)[:, group])
