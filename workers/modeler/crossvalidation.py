"""One model per fold, each judged on what it did not see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from workers.modeler.algorithms.base import FloatArray
from workers.modeler.fits import Fitter, Problem, Wanted
from workers.modeler.sealed import SealedModel
from workers.modeler.splits import Indices, Partition

MOST_LEARNED = 20_000


@dataclass(frozen=True)
class Fold:
    """Outputs (rows, classes or 1) of one fold's model; where it is kept the model itself, and the
    largest difference between it and its estimators."""

    train: FloatArray
    validation: FloatArray
    test: FloatArray
    model: SealedModel | None = None
    difference: float = 0.0


def learned_rows(partition: Partition, fold: int | None) -> Indices:
    """The rows that a fold's model (None: the final one) learned from and is asked about: all of them, or
    of more than MOST_LEARNED a seeded sample, since some methods take longer to answer than to learn."""
    rows = partition.training if fold is None else partition.training_of(fold)
    if len(rows) <= MOST_LEARNED:
        return rows
    return np.sort(np.random.default_rng(len(rows)).choice(rows, MOST_LEARNED, replace=False))


def cross_validate(
    problem: Problem, fitter: Fitter, progress: Callable[[int, str], None], *, sealed: bool
) -> list[Fold]:
    """The folds in order, taken from checkpoints as far as an earlier attempt came.

    `progress(fold, message)` is called before each fit. `sealed`: the folds' models are to be shipped.
    """
    partition, folds = problem.partition, []
    for number in range(partition.k_fold):
        rows = partition.training_of(number)
        judged = {
            "train": learned_rows(partition, number),
            "validation": partition.validation_of(number),
            "test": partition.test,
        }
        wanted = Wanted(f"fold-{number}", rows, judged, sealed=sealed)
        fit = fitter(wanted, partial(progress, number, f"fold {number + 1} of {partition.k_fold}"))
        folds.append(Fold(**fit.outputs, model=fit.model, difference=fit.difference))
    return folds


def out_of_fold(problem: Problem, folds: list[Fold]) -> FloatArray:
    """(records, classes or 1): each training record's output of the model that did not see it; test NaN."""
    outputs = np.full((len(problem.values), problem.outputs), np.nan)
    for number, fold in enumerate(folds):
        outputs[problem.partition.validation_of(number)] = fold.validation
    return outputs
