"""What a split looks at, and what it makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molfleet.bundles.similarity import Bits
from workers.modeler.algorithms.base import CLASSIFICATION, FloatArray, Task

Indices = NDArray[np.int64]

#: Regression targets are stratified over so many quantiles.
QUANTILES = 10
TEST_FOLD = -1


@dataclass(frozen=True)
class Samples:
    """What a split may look at: one entry per record used.

    `values` are class numbers or (transformed) measured values, `molecules` the number of each
    record's molecule, `smiles` the standardized canonical SMILES, `ecfp4` packed fingerprints uint8
    (records, 256), `groups` the texts of the user's column, `scaffolds` SMILES, empty for an acyclic
    molecule. The last three are needed by the splits that are named after them.

    `together` has by the code of a split what the group of each record is called, where that has been
    found already: see Split.gathered.
    """

    task: Task
    values: NDArray[Any]
    molecules: Indices
    smiles: Sequence[str] = ()
    ecfp4: Bits | None = None
    groups: Sequence[str] | None = None
    scaffolds: Sequence[str] | None = None
    together: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def fingerprints(self) -> Bits:
        if self.ecfp4 is None:
            raise ValueError("these samples have no ECFP4 fingerprints")
        return self.ecfp4

    def at(self, rows: Indices) -> Samples:
        """Some of the records, in the groups that are known of all."""
        return Samples(
            self.task,
            self.values[rows],
            self.molecules[rows],
            _some(self.smiles, rows) if len(self.smiles) else (),
            None if self.ecfp4 is None else self.ecfp4[rows],
            None if self.groups is None else _some(self.groups, rows),
            None if self.scaffolds is None else _some(self.scaffolds, rows),
            {split: _some(names, rows) for split, names in self.together.items()},
        )


def _some(texts: Sequence[str], rows: Indices) -> Sequence[str]:
    return [texts[row] for row in rows.tolist()]


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
class Molecules:
    """The samples, one entry per molecule in order of first appearance; its first record speaks for it."""

    task: Task
    values: NDArray[Any]
    ecfp4: Bits | None
    groups: Sequence[str] | None
    scaffolds: Sequence[str] | None
    together: Mapping[str, Sequence[str]]

    def __len__(self) -> int:
        return len(self.values)

    @property
    def fingerprints(self) -> Bits:
        if self.ecfp4 is None:
            raise ValueError("this split needs the ECFP4 fingerprints of the samples")
        return self.ecfp4


def by_molecule(samples: Samples) -> tuple[Molecules, Indices]:
    """The molecules, and for each record the position of its own."""
    _, first, number = np.unique(samples.molecules, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first))
    one = samples.at(np.sort(first))
    molecules = Molecules(one.task, one.values, one.ecfp4, one.groups, one.scaffolds, one.together)
    return molecules, np.asarray(rank[number], dtype=np.int64)


def strata(task: Task, values: NDArray[Any]) -> Indices:
    """A number for each value: its class, or its quantile among all."""
    if task == CLASSIFICATION:
        return np.asarray(values, dtype=np.int64)
    return _quantiles(values)


def _quantiles(values: FloatArray) -> Indices:
    if len(values) == 0:
        return np.zeros(0, dtype=np.int64)
    edges = np.quantile(values, np.arange(1, QUANTILES) / QUANTILES)
    return np.searchsorted(edges, values, side="right").astype(np.int64)
