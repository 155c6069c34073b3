"""Who is tested on whom: the held-out test set, the folds, the sub-sample. All seeded.

Every row of SPLITS lays the molecules out in an order; test set and folds are dealt along it. Records
of one molecule (replicates that were kept) always stay together, so that no molecule is predicted
from itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molfleet.catalogue import Catalogue
from workers.modeler.algorithms.base import CLASSIFICATION, FloatArray, Task

Indices = NDArray[np.int64]

#: Regression targets are stratified over so many quantiles.
QUANTILES = 10
TEST_FOLD = -1


@dataclass(frozen=True)
class Samples:
    """What a split may look at: one entry per record used.

    `values` are class numbers or (transformed) measured values, `molecules` the number of each
    record's molecule.
    """

    task: Task
    values: NDArray[Any]
    molecules: Indices


@dataclass(frozen=True)
class Partition:
    """For each record the 0-based fold in which it is validated, or TEST_FOLD."""

    folds: Indices
    k_fold: int

    @property
    def test(self) -> Indices:
        return np.flatnonzero(self.folds == TEST_FOLD)

    @property
    def training(self) -> Indices:
        return np.flatnonzero(self.folds != TEST_FOLD)

    def validation_of(self, fold: int) -> Indices:
        return np.flatnonzero(self.folds == fold)

    def training_of(self, fold: int) -> Indices:
        return np.flatnonzero((self.folds != fold) & (self.folds != TEST_FOLD))


@dataclass(frozen=True)
class Split:
    """One row: `order(task, values, rng)` is a permutation of the molecules; neighbours in it are alike."""

    code: str
    title: str
    order: Callable[[Task, NDArray[Any], np.random.Generator], Indices]
    aliases: tuple[str, ...] = ()

    def partition(self, samples: Samples, test_set_size: float, k_fold: int, seed: int) -> Partition:
        """Deal the records into a test set (a share of the molecules) and folds over the rest."""
        values, molecule_of = _by_molecule(samples)
        rng = np.random.default_rng(seed)
        held_out = _deal(self.order(samples.task, values, rng), test_set_size, rng)
        rest = np.setdiff1d(np.arange(len(values)), held_out)
        folds = np.full(len(values), TEST_FOLD, dtype=np.int64)
        folds[rest[self.order(samples.task, values[rest], rng)]] = np.arange(len(rest)) % k_fold
        return Partition(folds[molecule_of], k_fold)


def sub_sample(samples: Samples, share: float, seed: int) -> Indices:
    """Ascending positions of a stratified share of the molecules; all of them where it is 1."""
    values, molecule_of = _by_molecule(samples)
    rng = np.random.default_rng((seed, 1))
    kept = _deal(_stratified(samples.task, values, rng), share, rng)
    return np.flatnonzero(np.isin(molecule_of, kept))


def _by_molecule(samples: Samples) -> tuple[NDArray[Any], Indices]:
    """One value for each molecule, in order of first appearance, and each record's molecule."""
    _, first, molecule_of = np.unique(samples.molecules, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first))
    return samples.values[np.sort(first)], np.asarray(rank[molecule_of], dtype=np.int64)


def _deal(order: Indices, share: float, rng: np.random.Generator) -> Indices:
    """A share of `order`, rounded, taken at even distances from a random start; at least one if any."""
    if share <= 0 or len(order) == 0:
        return order[:0]
    wanted = min(len(order), max(1, round(share * len(order))))
    places = np.floor((np.arange(wanted) + rng.random()) * len(order) / wanted).astype(np.int64)
    return order[places]


def _random(task: Task, values: NDArray[Any], rng: np.random.Generator) -> Indices:
    return rng.permutation(len(values))


def _stratified(task: Task, values: NDArray[Any], rng: np.random.Generator) -> Indices:
    strata = values if task == CLASSIFICATION else _quantiles(values)
    shuffled = rng.permutation(len(values))
    return np.asarray(shuffled[np.argsort(strata[shuffled], kind="stable")])


def _quantiles(values: FloatArray) -> Indices:
    if len(values) == 0:
        return np.zeros(0, dtype=np.int64)
    edges = np.quantile(values, np.arange(1, QUANTILES) / QUANTILES)
    return np.searchsorted(edges, values, side="right").astype(np.int64)


SPLITS: Catalogue[Split] = Catalogue(
    "split",
    (
        Split("stratified", "Each part has the same share of every class or quantile", _stratified),
        Split("random", "By lot", _random),
    ),
)
