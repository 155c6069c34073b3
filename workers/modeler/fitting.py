"""The final model: one fitted on all training records, or the folds' models together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workers.modeler.algorithms.base import FloatArray
from workers.modeler.crossvalidation import Fold, learned_rows
from workers.modeler.fits import Fitter, Problem, Wanted
from workers.modeler.sealed import SealedModel


@dataclass(frozen=True)
class Final:
    """What is shipped: `models` are averaged; `test` its outputs for the test set (rows, classes or 1).

    `difference` is the largest between the models and their estimators; `importances` (features,) are
    the estimator's own, where it has any.
    """

    models: Sequence[SealedModel]
    test: FloatArray
    difference: float
    importances: FloatArray | None


def fit_final(problem: Problem, fitter: Fitter, folds: Sequence[Fold]) -> Final:
    """Raises Rejected(INTERNAL) where an exported model is not exact."""
    kept = [fold.model for fold in folds if fold.model is not None]
    if kept:
        test = np.mean([fold.test for fold in folds], axis=0)
        return Final(kept, test, max(fold.difference for fold in folds), None)
    partition = problem.partition
    judged = {"train": learned_rows(partition, None), "test": partition.test}
    fit = fitter(Wanted("final", partition.training, judged, sealed=True))
    assert fit.model is not None
    return Final([fit.model], fit.outputs["test"], fit.difference, fit.importances)
