"""The figures that a training reports: each fold's on each subset, and over the folds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molfleet.bundles.manifest import Metric, Subset
from workers.modeler.algorithms.base import FloatArray, Task
from workers.modeler.crossvalidation import Fold
from workers.modeler.metrics import METRICS, evaluate
from workers.modeler.splits import Partition

SUBSETS: tuple[Subset, ...] = ("train", "validation", "test")


def fold_metrics(
    task: Task, target: str, values: NDArray[Any], partition: Partition, folds: Sequence[Fold]
) -> list[Metric]:
    """By subset and metric: the mean over the folds in which it is defined and its standard deviation
    (population), with fold None, and then each fold's own."""
    return [
        metric
        for subset in SUBSETS
        for metric in _of_subset(task, target, values, partition, folds, subset)
    ]


def _of_subset(
    task: Task,
    target: str,
    values: NDArray[Any],
    partition: Partition,
    folds: Sequence[Fold],
    subset: Subset,
) -> Iterator[Metric]:
    figures = []
    for number, fold in enumerate(folds):
        rows, outputs = {
            "train": (partition.training_of(number), fold.train),
            "validation": (partition.validation_of(number), fold.validation),
            "test": (partition.test, fold.test),
        }[subset]
        figures.append(evaluate(task, values[rows], outputs))
    for row in METRICS:
        found = {number: of[row.code] for number, of in enumerate(figures) if row.code in of}
        if not found:
            continue
        mean, std = float(np.mean(list(found.values()))), float(np.std(list(found.values())))
        yield Metric(name=row.code, target=target, subset=subset, value=mean, std=std)
        for number, value in found.items():
            yield Metric(name=row.code, target=target, subset=subset, fold=number, value=value)


def out_of_fold(partition: Partition, folds: Sequence[Fold], records: int) -> FloatArray:
    """(records, classes or 1): each training record's output of the model that did not see it; test NaN."""
    outputs = np.full((records, folds[0].validation.shape[1]), np.nan)
    for number, fold in enumerate(folds):
        outputs[partition.validation_of(number)] = fold.validation
    return outputs
