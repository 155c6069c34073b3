"""Several learners as one method. How their outputs become one is learned on rows that none had seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from molfleet.bundles.composition import COMBINATIONS
from workers.modeler.algorithms.base import FloatArray, Matrix, Parameter, Run, Task
from workers.modeler.learners import Data, FittedLearner, Learner
from workers.modeler.sealed import SealedModel
from workers.modeler.splits import Indices, Partition

Arrays = dict[str, NDArray[Any]]


class Inner(Protocol):
    """Deals some records into folds, or into a test part and folds, by the training's own split."""

    def __call__(self, rows: Indices, test_set_size: float, k_fold: int) -> Partition: ...


@dataclass(frozen=True)
class Held:
    """What members said of rows that they had not seen: `outputs` (members, rows, classes or 1)."""

    task: Task
    outputs: FloatArray
    values: NDArray[Any]
    seed: int


@dataclass(frozen=True)
class Ensemble:
    """One row. `parts(parameters, inner, rows)` are pairs (learned from, held out) of positions in `rows`
    on which `learn` finds the arrays of the combination; without parts there is nothing to learn."""

    code: str
    display_name: str
    parameters: tuple[Parameter, ...]
    parts: Callable[[Mapping[str, Any], Inner, Indices], list[tuple[Indices, Indices]]]
    combination: Callable[[Task], str]
    learn: Callable[[Held], Arrays] | None = None
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recipe:
    """What is fitted on some records: one learner, or an ensemble of several."""

    code: str
    display_name: str
    task: Task
    learners: Sequence[Learner]
    ensemble: Ensemble | None = None
    parameters: Mapping[str, Any] | None = None

    def fit(self, data: Data, rows: Indices, values: NDArray[Any], inner: Inner, run: Run) -> FittedModel:
        """Learn `values` (rows,) of the records `rows`."""
        combination, arrays = "mean", dict[str, NDArray[Any]]()
        if self.ensemble is not None:
            combination = self.ensemble.combination(self.task)
            parts = self.ensemble.parts(self.parameters or {}, inner, rows)
            if self.ensemble.learn is not None:
                arrays = self.ensemble.learn(self._held(data, rows, values, parts, run))
        fitted = [learner.fit(data, rows, values, run) for learner in self.learners]
        return FittedModel(self.task, fitted, combination, arrays)

    def _held(
        self,
        data: Data,
        rows: Indices,
        values: NDArray[Any],
        parts: Sequence[tuple[Indices, Indices]],
        run: Run,
    ) -> Held:
        outputs = []
        for learned, held in parts:
            fitted = (learner.fit(data, rows[learned], values[learned], run) for learner in self.learners)
            outputs.append(np.stack([one.outputs(data, rows[held]) for one in fitted]))
        held_values = np.concatenate([values[held] for _, held in parts])
        return Held(self.task, np.concatenate(outputs, axis=1), held_values, run.seed)


@dataclass(frozen=True)
class FittedModel:
    task: Task
    learners: Sequence[FittedLearner]
    combination: str
    arrays: Arrays

    def outputs(self, data: Data, rows: Indices) -> FloatArray:
        """What the estimators themselves say of records, combined: (rows, classes or 1)."""
        stack = np.stack([learner.outputs(data, rows) for learner in self.learners])
        combine = COMBINATIONS.get(self.combination).load(self.arrays, len(stack), stack.shape[2])
        return combine(stack, np.array([one.learner.weight for one in self.learners]))

    def seal(self, unseen: Callable[[], Iterable[Matrix]]) -> tuple[SealedModel, float]:
        """The model as bundles hold it, and its largest difference from the estimators on `unseen()`:
        unprepared rows in blocks. Raises Rejected(INTERNAL) where that is too much."""
        sealed = [learner.seal(unseen()) for learner in self.learners]
        difference = max(difference for _, difference in sealed)
        return SealedModel([member for member, _ in sealed], self.combination, self.arrays), difference

    def importances(self, data: Data, rows: Indices) -> FloatArray | None:
        """Those of a single learner, where it has some."""
        return self.learners[0].importances(data, rows) if len(self.learners) == 1 else None
