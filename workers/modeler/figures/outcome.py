"""What is drawn of a training: plain arrays, filled in by whoever trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.modeler.algorithms.base import FloatArray, Task
from workers.modeler.importance import Importance
from workers.modeler.metrics import evaluate
from workers.modeler.substructures import Environments

CROSS_VALIDATION = "cross-validation"
TEST = "test"


@dataclass(frozen=True)
class Unseen:
    """Records and what a model said of them that had not seen them; one entry per record.

    `actual` class numbers or values in model space, `outputs` (records, classes or 1), `folds` the fold
    whose model judged it, `similarity` Tanimoto to the nearest record that this model had learned from,
    `lower` and `upper` the 90 % interval in model space; NaN, or None for all, where it is not known.
    """

    actual: NDArray[Any]
    outputs: FloatArray
    folds: NDArray[np.int64] | None = None
    similarity: NDArray[Any] | None = None
    lower: FloatArray | None = None
    upper: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.actual)

    @property
    def classes(self) -> int:
        return int(self.outputs.shape[1])

    def take(self, rows: NDArray[Any]) -> Unseen:
        """The records at these positions, or where this mask is true."""
        given: dict[str, Any] = {of.name: getattr(self, of.name) for of in fields(self)}
        return replace(self, **{name: of[rows] for name, of in given.items() if of is not None})

    def sampled(self, most: int) -> Unseen:
        """At most so many records, by a seeded draw."""
        if len(self) <= most:
            return self
        return self.take(np.sort(np.random.default_rng(0).choice(len(self), most, replace=False)))

    def by_fold(self) -> list[tuple[int, Unseen]]:
        """The folds that judged at least one record, in order; none where folds are not known."""
        if self.folds is None:
            return []
        return [(int(number), self.take(self.folds == number)) for number in np.unique(self.folds)]

    def finite(self) -> Unseen:
        """The records whose values and outputs are numbers: only these can be drawn."""
        good = np.isfinite(self.outputs).all(axis=1) & np.isfinite(self.actual.astype(np.float64))
        return self if good.all() else self.take(good)


@dataclass(frozen=True)
class Outcome:
    """A training's results. `subsets` are CROSS_VALIDATION and TEST, of which one may be absent.

    `scores` and `baselines`: subset, metric's code, value; what is not given is calculated from the
    records, or for a baseline not told. `importances` are in falling order of weight; `environments`
    has by its column what sets a bit of a circular fingerprint.
    """

    task: Task
    target: str
    labels: tuple[str, ...]
    subsets: Mapping[str, Unseen]
    units: str = ""
    model_name: str = ""
    method: str = ""
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    baselines: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    importances: Sequence[Importance] = ()
    environments: Mapping[int, Environments] = field(default_factory=dict)
    _figures: dict[str, dict[str, float]] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def parts(self) -> dict[str, Unseen]:
        """What can be drawn of each subset, cross-validation first; a subset without it is left out."""
        found = {
            name: self.subsets[name].finite() for name in (CROSS_VALIDATION, TEST) if name in self.subsets
        }
        return {name: part for name, part in found.items() if len(part)}

    @property
    def unseen(self) -> tuple[str, Unseen]:
        """The test set, or where there is none the cross-validation, with its name."""
        return list(self.parts.items())[-1]

    @property
    def quantity(self) -> str:
        """The target with its units."""
        return f"{self.target} [{self.units}]" if self.units else self.target

    def score(self, code: str, subset: str) -> float | None:
        """A metric of a subset; None where it is not defined."""
        given = self.scores.get(subset, {}).get(code)
        if given is not None:
            return given
        if subset not in self._figures:
            part = self.parts[subset]
            self._figures[subset] = evaluate(self.task, part.actual, part.outputs)
        return self._figures[subset].get(code)

    def baseline(self, code: str, subset: str) -> float | None:
        return self.baselines.get(subset, {}).get(code)
