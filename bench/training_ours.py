"""Single methods of ours, fitted by TrainModel's own code on features that are computed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.training_sets import FEATURES, Material
from molfleet.errors import Rejected
from workers.modeler.algorithms import ALGORITHMS, METHODS
from workers.modeler.algorithms.base import Algorithm, FloatArray, Run, Task
from workers.modeler.learners import Data, Learner

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Ours:
    """A method of the catalogue with its default hyper-parameters on the features called `features`."""

    family: str
    features: str

    @property
    def name(self) -> str:
        return f"{self.family}:{self.features}"

    def algorithm(self, task: Task) -> Algorithm | None:
        """None where the family has none for this task."""
        try:
            return METHODS.get(self.family).algorithm(task)
        except Rejected:
            return None


def every() -> Sequence[Ours]:
    """All methods on all features."""
    families = dict.fromkeys(row.family for row in ALGORITHMS)
    return [Ours(family, features) for family in families for features in FEATURES]


@dataclass(frozen=True)
class Prepared:
    """One method and one set, its features float32 (molecules, features) with gaps."""

    learner: Learner
    data: Data
    values: NDArray[Any]

    def outputs(self, training: Rows, unseen: Sequence[Rows], seed: int, threads: int) -> list[FloatArray]:
        """(rows, classes or 1) for each part of `unseen`, from one model fitted on `training`."""
        fitted = self.learner.fit(self.data, training, self.values[training], Run(seed, threads))
        return [fitted.outputs(self.data, rows) for rows in unseen]


def prepare(ours: Ours, material: Material) -> Prepared:
    """Raises Rejected where the method has no algorithm for the set's task."""
    algorithm = METHODS.get(ours.family).algorithm(material.of.task)
    data = Data(material.features(ours.features), material.continuous(ours.features))
    return Prepared(Learner(algorithm, algorithm.resolve({})), data, material.values)
