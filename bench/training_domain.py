"""Whether predictions outside the applicability domain are worse: scaffold splits, test molecules only.

A molecule's error is |measured - predicted|, or 1 - the probability of its class; divided by the mean
over the set, so that sets can be pooled. Bounds: bootstrap over molecules within each set, a molecule
with all the splits in which it was tested.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.report import Figure, Report
from bench.training_intervals import calibrated
from bench.training_outputs import Unseen
from molfleet.bundles import domain
from molfleet.bundles.arrays import unpack
from workers.modeler.algorithms.base import CLASSIFICATION, FloatArray
from workers.modeler.learners import Data

_ROUNDS = 2_000
_PERCENT = 5.0


@dataclass(frozen=True)
class Judged:
    """Test molecules of one split, or of several of one set; all [n]. `alone`: those that are outside
    where as many are taken by nothing but the lowest similarity to a training molecule."""

    molecules: NDArray[np.int64]
    errors: FloatArray
    outside: NDArray[np.bool_]
    alone: NDArray[np.bool_]


def judged(found: Unseen, data: Data, seed: int) -> Judged:
    """The domain is fitted as TrainModel does: on the training part's features, gaps and all."""
    material = found.material
    values, outputs, ecfp4 = found.of(found.test)
    fit = domain.fit(
        data.features[found.training],
        material.ecfp4[found.training],
        [material.smiles[row] for row in found.training],
        [str(material.values[row]) for row in found.training],
        seed=seed,
    )
    made = domain.Domain(unpack(fit.part), fit.similarity_threshold, fit.bandwidth)
    figures = made.evaluate(np.asarray(data.features[found.test], np.float64), ecfp4)
    outside = ~figures.inside
    alone = np.zeros(len(outside), np.bool_)
    alone[np.argsort(figures.similarity, kind="stable")[: outside.sum()]] = True
    if material.of.task == CLASSIFICATION:
        told = calibrated(found, seed).apply(outputs)
        errors = 1.0 - told[np.arange(len(values)), values]
    else:
        errors = np.abs(values - outputs[:, 0])
    return Judged(found.test, errors, outside, alone)


def together(parts: Sequence[Judged]) -> Judged:
    """Several splits of one set, errors divided by their mean."""
    errors = np.concatenate([part.errors for part in parts])
    return Judged(
        np.concatenate([part.molecules for part in parts]),
        errors / errors.mean(),
        np.concatenate([part.outside for part in parts]),
        np.concatenate([part.alone for part in parts]),
    )


def ratios(
    sets: Sequence[Judged], rounds: int = _ROUNDS, seed: int = 0, *, alone: bool = False
) -> tuple[float, float, float]:
    """Mean error outside over mean error inside, all sets pooled, and its 2.5 and 97.5 % bounds.

    NaN where nothing is outside.
    """
    rng = np.random.default_rng(seed)
    drawn, plain = np.zeros((rounds, 4)), np.zeros(4)
    for one in sets:
        sums = _sums(one, one.alone if alone else one.outside)
        plain += sums.sum(axis=0)
        chances = np.full(len(sums), 1 / len(sums))
        drawn += rng.multinomial(len(sums), chances, size=rounds) @ sums
    low, high = np.nanpercentile(_ratio(drawn), (_PERCENT / 2, 100 - _PERCENT / 2))
    return float(_ratio(plain[None])[0]), float(low), float(high)


def _sums(one: Judged, outside: NDArray[np.bool_]) -> FloatArray:
    """For each molecule: error and count outside, error and count inside, over its splits."""
    _, place = np.unique(one.molecules, return_inverse=True)
    columns = (one.errors * outside, outside, one.errors * ~outside, ~outside)
    sums = [np.bincount(place, weights=column.astype(np.float64)) for column in columns]
    return np.stack(sums, axis=1)


def _ratio(sums: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((sums[:, 0] / sums[:, 1]) / (sums[:, 2] / sums[:, 3]))


def add_figures(report: Report, found: Mapping[str, Sequence[Judged]], method: str) -> None:
    """A ratio for each set, and the pooled one with its lower bound against 1."""
    sets = {name: together(parts) for name, parts in found.items()}
    for name, one in sets.items():
        ratio, low, high = ratios([one])
        same, _, _ = ratios([one], alone=True)
        title = f"{name}, scaffold: error outside the domain over inside"
        report.figures.append(Figure(title, ratio, "", "similarity alone", same))
        report.notes.append(
            f"{title}, by {method}: {ratio:.3f} (95 %: {low:.3f} to {high:.3f}); outside "
            f"{100 * one.outside.mean():.1f} % of {len(one.outside):,} predictions, "
            f"{len(np.unique(one.molecules)):,} molecules in {len(found[name])} splits"
        )
    ratio, low, high = ratios(list(sets.values()))
    same, same_low, _ = ratios(list(sets.values()), alone=True)
    report.figures += [
        Figure(
            "pooled, scaffold: error outside the domain over inside", ratio, "", "similarity alone", same
        ),
        Figure("pooled: its lower bound (95 %)", low, "", "1", 1.0, low, 1.0),
    ]
    report.notes.append(
        f"pooled: {ratio:.3f} (95 %: {low:.3f} to {high:.3f}); as many by similarity alone: {same:.3f} "
        f"(from {same_low:.3f}); bootstrap over molecules within each set, a molecule with all its splits"
    )
