"""One algorithm on its own columns: fitted, asked, exported. An ensemble has several of these."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molfleet.bundles.preparation import Preparation
from workers.modeler.algorithms.base import REGRESSION, Algorithm, FloatArray, Matrix, Run
from workers.modeler.exactness import require_exact
from workers.modeler.importance import native_importance
from workers.modeler.preparation import Scaler, fit_preparation
from workers.modeler.sealed import SealedMember
from workers.modeler.splits import Indices

#: Rows by which coefficients are weighed with the spread of their features.
_SPREAD_ROWS = 5_000


@dataclass(frozen=True)
class Data:
    """`features` float32 (records, features) with gaps; `continuous`: columns of no fingerprint."""

    features: Matrix
    continuous: NDArray[np.bool_]


@dataclass(frozen=True)
class Learner:
    """`columns` are its own of the training's matrix, None: all. `scaler` None: the algorithm's own way."""

    algorithm: Algorithm
    parameters: Mapping[str, Any]
    scaler: Scaler | None = None
    columns: Indices | None = None
    weight: float = 1.0

    def fit(self, data: Data, rows: Indices, values: NDArray[Any], run: Run) -> FittedLearner:
        """Learn `values` (rows,) of the records `rows`. Numbers are learned in standard deviations, so
        that neither penalties nor the float32 of an exported model depend on the target's units."""
        algorithm = self.algorithm
        preparation = fit_preparation(
            self.scaler,
            data.features,
            rows,
            data.continuous,
            scales=algorithm.scales,
            columns=self.columns,
        )
        center, scale = 0.0, 1.0
        if algorithm.task == REGRESSION:
            center, scale = float(np.mean(values)), float(np.std(values)) or 1.0
            values = (values - center) / scale
        continuous = data.continuous if self.columns is None else data.continuous[self.columns]
        x = preparation.float32(data.features, rows)
        estimator = algorithm.fit(x, values, self.parameters, replace(run, continuous=continuous))
        return FittedLearner(self, preparation, estimator, center, scale)


@dataclass(frozen=True)
class FittedLearner:
    learner: Learner
    preparation: Preparation
    estimator: Any
    center: float
    scale: float

    def outputs(self, data: Data, rows: Indices) -> FloatArray:
        """What the estimator itself says of records: (rows, classes or 1)."""
        x = self.preparation.float32(data.features, rows)
        return self.center + self.scale * self.learner.algorithm.outputs(self.estimator, x)

    def seal(self, unseen: Iterable[Matrix]) -> tuple[SealedMember, float]:
        """What goes into the bundle, and by how much it differs from the estimator on unprepared rows.

        Raises Rejected(INTERNAL) where that is too much; see exactness.
        """
        algorithm, width = self.learner.algorithm, self.preparation.width
        member = SealedMember(
            kind=algorithm.kind,
            part=algorithm.export(self.estimator, width),
            any_block=algorithm.any_block,
            preparation=self.preparation,
            weight=self.learner.weight,
            center=self.center,
            scale=self.scale,
        )
        predictor = member.load().predictor
        matrices = (self.preparation.float32(matrix) for matrix in unseen)
        return member, require_exact(algorithm, self.estimator, predictor, matrices)

    def importances(self, data: Data, rows: Indices) -> FloatArray | None:
        """The estimator's own, one for each feature of the training's matrix; None where it has none."""
        x = self.preparation.float32(data.features, rows[:_SPREAD_ROWS])
        found = native_importance(self.estimator, x)
        columns = self.learner.columns
        if found is None or columns is None:
            return found
        everywhere = np.zeros(self.preparation.n_features)
        everywhere[columns] = found
        return everywhere
