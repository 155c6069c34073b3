"""Which features a model looks at: what its estimators say of themselves, or what it costs to lose each.

The second is Breiman's permutation importance (Machine Learning 45 (2001) 5) on records that the model
had not seen, over the columns that go with the target at all, and within a fixed number of predictions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from molfleet.chemistry.featurizers import Featurizer, Kind
from workers.modeler.algorithms.base import CLASSIFICATION, REGRESSION, FloatArray, Matrix, Task

#: Records from which a column's association with the target is estimated, and columns at a time.
_RECORDS = 5_000
_BLOCK = 512
#: Columns that are permuted, records in which they are, and predictions that this may take in all.
CANDIDATES = 200
_ROWS = (100, 500)
_PREDICTIONS = 20_000
_BATCH = 2_000

Predict = Callable[[Matrix], FloatArray]


@dataclass(frozen=True)
class Column:
    """A column of the features: the `place`-th value of a featurizer (its column's name and full spec).

    `name` is the descriptor's name, or the number of the bit or count.
    """

    featurizer: str
    spec: str
    kind: Kind
    place: int
    name: str


@dataclass(frozen=True)
class Importance:
    """How much one column counts. `weight` is its share of all, 0 to 1; `index` its place among all.

    `direction` is the sign of its association with the target over the records: with the value, the
    positive class, or with more classes with `label`, the class with which it goes or disagrees most.
    `count` is of records in which the bit or count is not zero, or the descriptor is not missing.
    """

    index: int
    column: Column
    weight: float
    direction: int
    count: int
    label: int | None = None


def columns_of(featurizers: Sequence[Featurizer]) -> list[Column]:
    """The columns of the features of these featurizers, in the order that Molecule.features has."""
    return [
        Column(of.column, of.spec, of.kind, place, of.names[place] if of.names else str(place))
        for of in featurizers
        for place in range(of.size)
    ]


def native_importance(estimator: Any, prepared: Matrix) -> FloatArray | None:
    """What a fitted estimator says of each column, (features,) and none negative; None: nothing.

    Trees: the gain of a column's splits; linear models: the mean over classes of the size of the
    coefficient times the column's standard deviation in `prepared` (some rows as it was fitted on).
    """
    if hasattr(estimator, "booster_"):  # LightGBM; its own attribute counts splits
        return np.asarray(estimator.booster_.feature_importance("gain"), np.float64)
    if getattr(estimator, "feature_importances_", None) is not None:
        return np.asarray(estimator.feature_importances_, np.float64)
    if getattr(estimator, "coef_", None) is not None:
        sizes = np.abs(np.atleast_2d(np.asarray(estimator.coef_, np.float64))).mean(axis=0)
        spread = prepared[_draw(len(prepared), _RECORDS, 0)].std(axis=0, dtype=np.float64)
        return np.asarray(sizes * spread)
    return None


def feature_importance(
    columns: Sequence[Column],
    features: Matrix,
    values: NDArray[Any],
    task: Task,
    *,
    native: FloatArray | None = None,
    predict: Predict | None = None,
    held_out: NDArray[np.int64] | None = None,
    seed: int = 0,
) -> list[Importance]:
    """One entry per column, in falling order of weight, those of equal weight by their association.

    `features` (records, columns) as the featurizers gave them, with gaps; `values` classes or numbers.
    `native` (columns,) is used where given; else `predict`, which takes rows of `features` and gives
    outputs (rows, classes or 1), on the positions `held_out` (None: all). With neither, weights are 0.
    """
    signed, label = _association(columns, features, values, task, seed)
    strength = np.abs(signed)
    if native is not None:
        weights = np.nan_to_num(np.abs(np.asarray(native, np.float64)), posinf=0.0)
    elif predict is not None:
        rows = np.arange(len(values)) if held_out is None else np.asarray(held_out)
        weights = _permuted(predict, features, values, task, rows, strength, seed)
    else:
        weights = np.zeros(len(columns))
    total = float(weights.sum())
    if total > 0:
        weights = weights / total
    counts = _counts(columns, features)
    return [
        Importance(
            int(at),
            columns[at],
            float(weights[at]),
            int(np.sign(signed[at])),
            int(counts[at]),
            None if label is None else int(label[at]),
        )
        for at in np.lexsort((np.arange(len(columns)), -strength, -weights))
    ]


def _counts(columns: Sequence[Column], features: Matrix) -> NDArray[np.int64]:
    descriptor = np.array([column.kind == "descriptors" for column in columns], bool)
    counts = np.zeros(len(columns), np.int64)
    for begin in range(0, len(features), _RECORDS):
        block = features[begin : begin + _RECORDS]
        counts += np.where(descriptor, (~np.isnan(block)).sum(axis=0), np.count_nonzero(block, axis=0))
    return counts


def _association(
    columns: Sequence[Column], features: Matrix, values: NDArray[Any], task: Task, seed: int
) -> tuple[FloatArray, NDArray[np.int64] | None]:
    """Each column's correlation with the target (descriptors by ranks: some reach 1e30), and with more
    than two classes the class whose membership it goes with most, in either sense."""
    rows = _draw(len(values), _RECORDS, seed)
    if task == REGRESSION:
        wanted = values[rows].astype(np.float64)[:, np.newaxis]
    else:
        classes = max(int(values.max(initial=0)) + 1, 2)
        wanted = (values[rows, np.newaxis] == np.arange(classes)).astype(np.float64)
        wanted = wanted[:, 1:] if classes == 2 else wanted
    wanted = _standardized(wanted)
    found = np.zeros((len(columns), wanted.shape[1]))
    for begin in range(0, len(columns), _BLOCK):
        part = slice(begin, begin + _BLOCK)
        block = features[rows, part].astype(np.float64)
        ranked = np.flatnonzero([column.kind == "descriptors" for column in columns[part]])
        if len(ranked):
            block[:, ranked] = rankdata(block[:, ranked], axis=0, nan_policy="omit")
        found[part] = _standardized(block).T @ wanted / max(len(rows), 1)
    best = np.abs(found).argmax(axis=1)
    return found[np.arange(len(columns)), best], best if wanted.shape[1] > 1 else None


def _standardized(columns: FloatArray) -> FloatArray:
    """Mean 0 and deviation 1; gaps are at the mean, and a constant column is 0 throughout."""
    known = ~np.isnan(columns)
    number = np.maximum(known.sum(axis=0), 1)
    middle = np.where(known, columns, 0.0).sum(axis=0) / number
    centred = np.where(known, columns - middle, 0.0)
    spread = np.sqrt((centred**2).mean(axis=0))
    return np.asarray(
        np.where(spread > 1e-12 * (1 + np.abs(middle)), centred / np.where(spread, spread, 1), 0)
    )


def _permuted(
    predict: Predict,
    features: Matrix,
    values: NDArray[Any],
    task: Task,
    held_out: NDArray[np.int64],
    strength: FloatArray,
    seed: int,
) -> FloatArray:
    """(columns,) how much the mean loss grows where a column's values change places, at least 0.

    Only rows whose value changes are predicted again, so that a rare bit costs next to nothing.
    """
    weights = np.zeros(len(strength))
    candidates = np.argsort(-strength, kind="stable")[:CANDIDATES]
    candidates = candidates[strength[candidates] > 0]
    if len(held_out) < 2 or not len(candidates):
        return weights
    rng = np.random.default_rng(seed)
    rows = held_out[_draw(len(held_out), _ROWS[1], seed)]
    order = rng.permutation(len(rows))
    # Each record takes the value of the next in a random round: none keeps its own by chance alone.
    donors = np.empty(len(rows), np.int64)
    donors[order] = np.roll(order, -1)
    block = features[rows][:, candidates]
    differs = (block != block[donors]) & ~(np.isnan(block) & np.isnan(block[donors]))
    fewest, _ = _ROWS
    affordable = int(_PREDICTIONS / max(float(differs.mean()), 1e-9) / len(candidates))
    # A shorter round would break at its end; what is left out is simply not predicted again.
    used = np.arange(len(rows)) < max(fewest, affordable)
    base = features[rows]
    before = _losses(predict(base), values[rows], task)
    for begin, end in _batches([int((differs[:, at] & used).sum()) for at in range(len(candidates))]):
        changed = [np.flatnonzero(differs[:, at] & used) for at in range(begin, end)]
        sizes = [len(of) for of in changed]
        if not sum(sizes):
            continue
        at_rows = np.concatenate(changed)
        at_columns = np.repeat(candidates[begin:end], sizes)
        trial = base[at_rows]
        trial[np.arange(len(at_rows)), at_columns] = base[donors[at_rows], at_columns]
        grown = _losses(predict(trial), values[rows[at_rows]], task) - before[at_rows]
        np.add.at(weights, at_columns, grown / used.sum())
    return np.maximum(weights, 0.0)


def _batches(sizes: Sequence[int]) -> list[tuple[int, int]]:
    """Runs of columns whose rows are about `_BATCH` together."""
    batches, begin, total = [], 0, 0
    for place, size in enumerate(sizes):
        if total and total + size > _BATCH:
            batches.append((begin, place))
            begin, total = place, 0
        total += size
    return [*batches, (begin, len(sizes))]


def _losses(outputs: FloatArray, actual: NDArray[Any], task: Task) -> FloatArray:
    """Each row's squared error, or its Brier score summed over classes."""
    if task == CLASSIFICATION:
        wanted = actual.astype(np.int64)[:, np.newaxis] == np.arange(outputs.shape[1])
        return np.asarray(((outputs - wanted) ** 2).sum(axis=1))
    return np.asarray((outputs[:, 0] - actual) ** 2)


def _draw(count: int, most: int, seed: int) -> NDArray[np.int64]:
    """At most so many of `count` positions, ascending, by a seeded draw."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, most, replace=False)).astype(np.int64)
