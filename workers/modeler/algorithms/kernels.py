"""What the algorithms on similarities share: columns, similarity matrices, the estimators themselves.

The estimators predict with dense matrix products, the bundle's own predictor with shared bits: the gate
before sealing holds two implementations against each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molfleet.bundles.estimators.kernel import Expansion
from molfleet.bundles.estimators.references import Mixture
from molfleet.bundles.estimators.space import REACH, Encoded, Space, grid_limit
from workers.modeler.algorithms.base import FloatArray, Matrix, Parameter, Run

Learn = Callable[[Space, Encoded, NDArray[Any]], Expansion]
#: The same with the hyper-parameters and the seed in front.
LearnWith = Callable[[Mapping[str, Any], int, Space, Encoded, NDArray[Any]], Expansion]

#: Rows and columns of a similarity matrix that are worked on at once.
_ROWS, _COLUMNS = 1_024, 8_192
#: Rows are sparse where they have at most one level in so many (ECFP4: one in 40): adding up takes a level
#: as long as a matrix product of one thread takes ten, of two twenty.
_SPARSE = 16

KERNEL = Parameter(
    "kernel",
    "text",
    "sum",
    "Similarity of two molecules. tanimoto: of fingerprint columns; gaussian: of all other columns; sum, "
    "product: of both. Where there are columns of one sort only, it is that sort's.",
    choices=("sum", "product", "tanimoto", "gaussian"),
)


def mixing(share: float, length_scale: float) -> tuple[Parameter, ...]:
    """The hyper-parameters that `mixture` reads."""
    return (
        KERNEL,
        Parameter(
            "tanimoto_share", "number", share, "kernel sum: part of the Tanimoto similarity.", 0.0, 1.0
        ),
        Parameter(
            "length_scale",
            "number",
            length_scale,
            "Width of the gaussian: root mean square difference of the columns, in standard deviations.",
            1e-3,
            1e3,
        ),
    )


def landmarks_parameter(default: int) -> Parameter:
    return Parameter(
        "landmarks",
        "integer",
        default,
        "Molecules that stand for all where there are too many to compare each with each.",
        10,
        10_000,
    )


def mixture(space: Space, parameters: Mapping[str, Any]) -> Mixture:
    kernel, share = parameters["kernel"], parameters["tanimoto_share"]
    gamma = space.unit / (2.0 * parameters["length_scale"] ** 2)
    if not len(space.continuous) or (kernel == "tanimoto" and len(space.fingerprint)):
        return Mixture(1.0, 0.0, 0.0, 0.0, 0.0)
    if not len(space.fingerprint) or kernel == "gaussian":
        return Mixture(0.0, 1.0, 0.0, 0.0, gamma)
    if kernel == "product":
        return Mixture(0.0, 0.0, 1.0, 0.0, gamma)
    return Mixture(share, 1.0 - share, 0.0, 0.0, gamma)


def fit_space(x: Matrix, continuous: NDArray[np.bool_] | None) -> Space:
    """The space of the training rows `x`: whole numbers that are not `continuous` are fingerprints.

    Columns that are the same everywhere are no part of the distance; they are of the counts, since an
    unseen molecule may have what no training molecule has.
    """
    fingerprint = np.ones(x.shape[1], np.bool_) if continuous is None else ~continuous
    for start in range(0, len(x), _ROWS):
        block = x[start : start + _ROWS]
        fingerprint &= ((block >= 0) & (block == np.rint(block))).all(axis=0)
    others = np.flatnonzero(~fingerprint)
    columns = np.clip(x[:, others].astype(np.float64), -1e30, 1e30)
    deviation = columns.std(axis=0)
    kept = deviation > 1e-9 * np.abs(columns).max(axis=0, initial=0.0)
    numbers = others[kept]
    return Space(
        width=x.shape[1],
        fingerprint=np.flatnonzero(fingerprint).astype(np.int32),
        continuous=numbers.astype(np.int32),
        center=columns.mean(axis=0)[kept],
        scale=grid_limit(len(numbers)) / REACH / deviation[kept],
    )


def gram(mix: Mixture, rows: Encoded, columns: Encoded) -> FloatArray:
    """Similarities [rows, columns], by matrix products of whole numbers."""
    result = np.empty((len(rows), len(columns)))
    for left in range(0, len(columns), _COLUMNS):
        others = columns[left : left + _COLUMNS]
        for top in range(0, len(rows), _ROWS):
            block = rows[top : top + _ROWS]
            figures = (tanimoto(block, others), *distances(block, others))
            result[top : top + _ROWS, left : left + _COLUMNS] = mix.of(*figures)
    return result


def tanimoto(rows: Encoded, columns: Encoded) -> FloatArray:
    """Sum of the smaller over sum of the larger counts, [rows, columns]; 0 where there are none."""
    shared = np.zeros((len(rows), len(columns)), np.float32)
    highest = [side.counts.max(axis=0, initial=0) for side in (rows, columns)]
    most = np.minimum(*highest)
    for threshold in range(1, int(most.max(initial=0)) + 1):
        used = np.flatnonzero(most >= threshold)
        # Picking out nearly all columns takes longer than to work on all.
        at = used if 2 * len(used) < len(most) else slice(None)
        _add_shared(shared, rows.counts[:, at] >= threshold, columns.counts[:, at] >= threshold)
    totals = [side.counts.sum(axis=1, dtype=np.float64) for side in (rows, columns)]
    result = np.empty(shared.shape)
    for row, total in enumerate(totals[0]):
        np.divide(shared[row], np.maximum(total + totals[1] - shared[row], 1.0), out=result[row])
    return result


def _add_shared(shared: NDArray[np.float32], rows: NDArray[np.bool_], columns: NDArray[np.bool_]) -> None:
    """How many of the levels that `rows` [r, m] have `columns` [c, m] have as well, added to [r, c].

    Of few levels their columns are summed up; of many a matrix product is faster. Both are exact.
    """
    if np.count_nonzero(rows) * _SPARSE > rows.size:
        shared += rows.astype(np.float32) @ columns.astype(np.float32).T
        return
    table = np.ascontiguousarray(columns.T).view(np.uint8)
    for row, having in enumerate(rows):
        on = np.flatnonzero(having)
        shared[row] += table[on].sum(axis=0, dtype=np.uint8 if len(on) < 256 else np.uint32)


def distances(rows: Encoded, columns: Encoded) -> tuple[FloatArray, FloatArray]:
    """Squared distances and inner products on the grid, [rows, columns]; exact whole numbers."""
    if not rows.grid.shape[1]:
        none = np.broadcast_to(0.0, (len(rows), len(columns)))
        return none, none
    one, other = rows.grid.astype(np.float32), columns.grid.astype(np.float32)
    inner = (one @ other.T).astype(np.float64)
    norms = [(side.astype(np.float64) ** 2).sum(axis=1) for side in (one, other)]
    return norms[0][:, np.newaxis] + norms[1] - 2.0 * inner, inner


def decisions(model: Expansion, x: Matrix) -> FloatArray:
    """Decision values [rows, d] of features [rows, m], by dense matrix products."""
    result = np.empty((len(x), len(model.coefficients)))
    for start in range(0, len(x), _ROWS):
        block = model.space.encode(x[start : start + _ROWS])
        similarities = gram(model.mixture, block, model.rows)
        result[start : start + _ROWS] = similarities @ model.coefficients.T + model.intercept
    return result


class KernelRegressor:
    """A kernel expansion, as `learn(space, rows, y)` finds it."""

    def __init__(self, learn: Learn, run: Run) -> None:
        self._learn, self._run = learn, run

    def fit(self, x: Matrix, y: NDArray[Any]) -> KernelRegressor:
        space = fit_space(x, self._run.continuous)
        self.expansion = self._learn(space, space.encode(x), np.asarray(y, np.float64))
        return self

    def predict(self, x: Matrix) -> FloatArray:
        return decisions(self.expansion, x)[:, 0]


class KernelClassifier:
    """The same for classes 0..k-1; the expansion has a link that makes probabilities."""

    def __init__(self, learn: Learn, run: Run) -> None:
        self._learn, self._run = learn, run

    def fit(self, x: Matrix, y: NDArray[Any]) -> KernelClassifier:
        self.classes_ = np.unique(y)
        space = fit_space(x, self._run.continuous)
        self.expansion = self._learn(space, space.encode(x), np.searchsorted(self.classes_, y))
        return self

    def predict_proba(self, x: Matrix) -> FloatArray:
        assert self.expansion.link is not None
        return self.expansion.link(decisions(self.expansion, x))

    def predict(self, x: Matrix) -> NDArray[Any]:
        return np.asarray(self.classes_[np.argmax(self.predict_proba(x), axis=1)])


def export(estimator: KernelRegressor | KernelClassifier, n_features: int) -> bytes:
    """The part of the bundle that the kind `kernel` reads."""
    return estimator.expansion.pack()


def binary_problems(y: NDArray[Any]) -> list[NDArray[np.bool_]]:
    """Which rows are positive: one problem for two classes, else one for each class against the others."""
    count = int(y.max()) + 1
    return [y == 1] if count == 2 else [y == number for number in range(count)]


def regressor(learn: LearnWith) -> Callable[[Mapping[str, Any], Run], KernelRegressor]:
    """The `build` of an algorithm for values."""
    return lambda parameters, run: KernelRegressor(partial(learn, parameters, run.seed), run)


def classifier(learn: LearnWith) -> Callable[[Mapping[str, Any], Run], KernelClassifier]:
    """The `build` of an algorithm for classes."""
    return lambda parameters, run: KernelClassifier(partial(learn, parameters, run.seed), run)
