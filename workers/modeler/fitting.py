"""The final model: one fitted on all training records, or the folds' models together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workers.modeler.algorithms.base import FloatArray
from workers.modeler.crossvalidation import Fold, Problem
from workers.modeler.exactness import require_exact
from workers.modeler.preparation import Preparation, fit_preparation


@dataclass(frozen=True)
class Final:
    """What is shipped: `graphs` are averaged; `test` its outputs for the test set (rows, classes or 1).

    `export_difference` is the largest between graphs and estimators, as exactness has it.
    """

    preparation: Preparation
    graphs: Sequence[bytes]
    test: FloatArray
    export_difference: float


def fit_final(problem: Problem, folds: Sequence[Fold]) -> Final:
    """Raises Rejected(INTERNAL) where the exported graph is not exact."""
    if problem.shared is not None:
        test = np.mean([fold.test for fold in folds], axis=0)
        difference = max(fold.export_difference for fold in folds)
        return Final(problem.shared, [fold.graph for fold in folds], test, difference)
    algorithm, rows = problem.algorithm, problem.partition.training
    preparation = fit_preparation(problem.scaler, problem.features[rows])
    train = preparation.apply(problem.features[rows])
    estimator = algorithm.fit(train, problem.values[rows], problem.parameters, problem.run)
    graph = algorithm.export(estimator, train.shape[1])
    test = preparation.apply(problem.features[problem.partition.test])
    checked = [train, test, preparation.apply(problem.perturbed)]
    difference = require_exact(algorithm, estimator, graph, checked, problem.sd)
    return Final(preparation, [graph], algorithm.outputs(estimator, test), difference)
