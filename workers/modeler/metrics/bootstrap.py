"""How sure a figure is: bootstrap confidence intervals of 95 % over the rows of a test set.

Rows are drawn with replacement, for classes within each class, so that none is lost: such an interval
takes the shares of the classes as given. The ends are BCa's, bias-corrected and accelerated (Efron, JASA
82 (1987) 171). Simulated with 30 rows, 300 times, the intervals of the seventeen figures contain the true
one in 94 % of the cases, with plain percentiles in 91 %. The acceleration comes from a jackknife over
groups of rows.

More than MAX_ROWS rows are not resampled whole: a bag of little bootstraps (Kleiner, Talwalkar, Sarkar
and Jordan, J. R. Stat. Soc. B 76 (2014) 795) draws as many rows as there are, but out of a few small
subsets, and takes the mean of their ends. So the cost does not grow further.

The calibration error has none: each drawing adds what chance adds to it once more, and of 100 rows the
interval contained the true error in 3 of 100 simulations.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from workers.modeler.algorithms.base import CLASSIFICATION, FloatArray, Task
from workers.modeler.metrics.catalogue import METRICS, Metric

CONFIDENCE = 0.95
#: Of fewer rows no interval is given: so few cannot tell how they vary.
MIN_ROWS = 10
MAX_ROWS = 2_000
_SUBSETS = 5
_SUBSET_ROWS = 1_000
_JACKKNIFE_GROUPS = 200
#: A figure that is not defined in more of the rounds has no interval.
_UNDEFINED = 0.05
_CELLS = 500_000


def intervals(
    task: Task, actual: NDArray[Any], outputs: FloatArray, seed: int, rounds: int = 1000
) -> dict[str, tuple[float, float]]:
    """By code the ends of the interval of every metric that is defined and has one; none for 0 rounds.

    `actual` (rows,) and `outputs` (rows, classes) or (rows, 1) as `evaluate` takes them.
    """
    rows = [row for row in METRICS if row.task == task and row.resampled]
    if rounds <= 0 or len(actual) < MIN_ROWS:
        return {}
    rng = np.random.default_rng(seed)
    strata = actual.astype(np.int64) if task == CLASSIFICATION else np.zeros(len(actual), dtype=np.int64)
    points = {row.code: row.figure(actual, outputs) for row in rows}
    parts = _subsets(strata, rng)
    counts = np.bincount(strata)
    spreads = [
        _spreads(rows, actual[part], outputs[part], strata[part], counts, -(-rounds // len(parts)), rng)
        for part in parts
    ]
    found: dict[str, tuple[float, float]] = {}
    for row in rows:
        point = points[row.code]
        known = [spread[row.code] for spread in spreads if row.code in spread]
        if point is not None and known:
            below, above = np.mean(known, axis=0)
            found[row.code] = (point + float(below), point + float(above))
    return found


def _subsets(strata: NDArray[np.int64], rng: np.random.Generator) -> list[NDArray[np.int64]]:
    """All rows, or disjoint subsets with the same share of each stratum."""
    rows = len(strata)
    if rows <= MAX_ROWS:
        return [np.arange(rows)]
    shuffled = rng.permutation(rows)
    order = shuffled[np.argsort(strata[shuffled], kind="stable")]
    count = min(_SUBSETS, rows // _SUBSET_ROWS)
    taken = order[np.arange(count * _SUBSET_ROWS) * rows // (count * _SUBSET_ROWS)]
    return [np.sort(taken[number::count]) for number in range(count)]


def _spreads(
    rows: Sequence[Metric],
    actual: NDArray[Any],
    outputs: FloatArray,
    strata: NDArray[np.int64],
    counts: NDArray[np.int64],
    rounds: int,
    rng: np.random.Generator,
) -> dict[str, tuple[float, float]]:
    """By code the distances of the ends from the figure of these rows; `counts` drawn of each stratum."""
    whole = len(actual) == counts.sum()
    drawn = _figures(rows, actual, outputs, _draws(strata, counts, rounds, rng))
    left_out = _figures(rows, actual, outputs, _jackknife(strata)) if whole else {}
    found = {}
    for row in rows:
        point, values = row.figure(actual, outputs), drawn[row.code]
        defined = values[np.isfinite(values)]
        if point is not None and len(defined) >= (1 - _UNDEFINED) * rounds:
            low, high = _ends(point, defined, left_out.get(row.code, np.empty(0)))
            found[row.code] = (low - point, high - point)
    return found


def _figures(
    rows: Sequence[Metric], actual: NDArray[Any], outputs: FloatArray, weights: Iterator[FloatArray]
) -> dict[str, FloatArray]:
    parts: list[list[FloatArray]] = []
    with np.errstate(over="ignore", invalid="ignore"):
        parts = [[row.figures(actual, outputs, some) for row in rows] for some in weights]
    return {
        row.code: np.concatenate(found) for row, found in zip(rows, zip(*parts, strict=True), strict=True)
    }


def _draws(
    strata: NDArray[np.int64], counts: NDArray[np.int64], rounds: int, rng: np.random.Generator
) -> Iterator[FloatArray]:
    """Weights (some rounds, rows): how often each row was drawn."""
    step = max(1, _CELLS // len(strata))
    members = {int(label): np.flatnonzero(strata == label) for label in np.unique(strata)}
    for begin in range(0, rounds, step):
        weights = np.empty((min(step, rounds - begin), len(strata)))
        for label, of in members.items():
            shares = np.full(len(of), 1 / len(of))
            weights[:, of] = rng.multinomial(counts[label], shares, size=len(weights))
        yield weights


def _jackknife(strata: NDArray[np.int64]) -> Iterator[FloatArray]:
    """Weights (groups, rows): all rows without one group, the strata dealt evenly over the groups."""
    groups = min(len(strata), _JACKKNIFE_GROUPS)
    group = np.empty(len(strata), dtype=np.int64)
    group[np.argsort(strata, kind="stable")] = np.arange(len(strata)) % groups
    yield (group != np.arange(groups)[:, None]).astype(np.float64)


def _ends(point: float, drawn: FloatArray, left_out: FloatArray) -> tuple[float, float]:
    """The quantiles of the drawn figures that BCa names; without a jackknife the acceleration is 0."""
    below = np.sum(drawn < point) + np.sum(drawn == point) / 2
    bias = ndtri(np.clip(below, 0.5, len(drawn) - 0.5) / len(drawn))
    away = left_out[np.isfinite(left_out)]
    away = away.mean() - away if len(away) else away
    spread = float(np.sum(away**2))
    acceleration = float(np.sum(away**3)) / (6 * spread**1.5) if spread > 0 else 0.0
    shifted = bias + ndtri(np.array([(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]))
    low, high = np.quantile(drawn, ndtr(bias + shifted / (1 - acceleration * shifted)))
    return float(low), float(high)
