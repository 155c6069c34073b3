"""Splits that deal the molecules out one by one: stratified, by lot. And the sub-sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.modeler.algorithms.base import Task
from workers.modeler.splits.samples import TEST_FOLD, Indices, Molecules, Samples, by_molecule, strata

#: A permutation of the molecules in which neighbours are alike; all parts are dealt along it.
Order = Callable[[Task, NDArray[Any], np.random.Generator], Indices]


def at_random(task: Task, values: NDArray[Any], rng: np.random.Generator) -> Indices:
    return rng.permutation(len(values))


def by_strata(task: Task, values: NDArray[Any], rng: np.random.Generator) -> Indices:
    shuffled = rng.permutation(len(values))
    return np.asarray(shuffled[np.argsort(strata(task, values)[shuffled], kind="stable")])


def dealt(
    molecules: Molecules, share: float, k_fold: int, rng: np.random.Generator, order: Order
) -> Indices:
    """Each molecule's fold: a share of them is the test part, the others are dealt out in turn."""
    task, values = molecules.task, molecules.values
    held_out = deal(order(task, values, rng), share, rng)
    rest = np.setdiff1d(np.arange(len(values)), held_out)
    folds = np.full(len(values), TEST_FOLD, dtype=np.int64)
    folds[rest[order(task, values[rest], rng)]] = np.arange(len(rest)) % k_fold
    return folds


def deal(order: Indices, share: float, rng: np.random.Generator) -> Indices:
    """A share of `order`, rounded, taken at even distances from a random start; at least one if any."""
    if share <= 0 or len(order) == 0:
        return order[:0]
    wanted = min(len(order), max(1, round(share * len(order))))
    places = np.floor((np.arange(wanted) + rng.random()) * len(order) / wanted).astype(np.int64)
    return order[places]


def sub_sample(samples: Samples, share: float, seed: int) -> Indices:
    """Ascending positions of a stratified share of the molecules; all of them where it is 1."""
    molecules, molecule_of = by_molecule(samples)
    rng = np.random.default_rng((seed, 1))
    kept = deal(by_strata(molecules.task, molecules.values, rng), share, rng)
    return np.flatnonzero(np.isin(molecule_of, kept))
