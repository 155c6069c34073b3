"""What a model must beat: the prediction that looks at no molecule."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.modeler.algorithms.base import REGRESSION, FloatArray, Task
from workers.modeler.metrics.catalogue import METRICS, evaluate


def baseline_outputs(
    task: Task, training_values: NDArray[Any], count: int, n_classes: int = 1
) -> FloatArray:
    """`count` equal rows of outputs: (count, 1) the mean of the training values, which no other constant
    beats in RMSE, or (count, n_classes) the classes' shares of them, which none beats in log loss."""
    if task == REGRESSION:
        return np.full((count, 1), np.mean(training_values))
    shares = np.bincount(training_values.astype(np.int64), minlength=n_classes) / len(training_values)
    return np.tile(shares, (count, 1))


def baseline_figures(task: Task, actual: NDArray[Any], outputs: FloatArray) -> dict[str, float]:
    """By code the figures of `baseline_outputs`; a correlation with a constant counts as 0."""
    found = evaluate(task, actual, outputs)
    for row in METRICS:
        if row.task == task and row.constant is not None and len(actual):
            found.setdefault(row.code, row.constant)
    return found
