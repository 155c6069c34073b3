"""The figures that a training reports: each fold's on each subset, over the folds, and a baseline's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from molfleet.bundles.manifest import Metric, Subset
from workers.modeler.algorithms.base import FloatArray, Task
from workers.modeler.crossvalidation import Fold, learned_rows
from workers.modeler.metrics import METRICS, baseline_figures, baseline_outputs, evaluate
from workers.modeler.splits import Partition

SUBSETS: tuple[Subset, ...] = ("train", "validation", "test")


class MetricRow(NamedTuple):
    """One row of the metrics file, its fields the columns; None is an empty cell.

    `fold` is `mean` over the folds, 0-based, or `final` for the final model. `std` is the standard
    deviation over the folds (population), `lower` and `upper` the ends of the final model's 95 % interval,
    `baseline` the same figure of the prediction that looks at no molecule.
    """

    subset: str
    fold: str
    metric: str
    value: float
    std: float | None = None
    lower: float | None = None
    upper: float | None = None
    baseline: float | None = None


def fold_metrics(
    task: Task, target: str, values: NDArray[Any], partition: Partition, folds: Sequence[Fold]
) -> list[Metric]:
    """By subset and metric: the mean over the folds in which it is defined and its standard deviation
    (population), with fold None, and then each fold's own."""
    return [
        metric
        for subset in SUBSETS
        for metric in _over_folds(
            target,
            subset,
            [
                evaluate(task, values[_rows(partition, number, subset)], _outputs(fold, subset))
                for number, fold in enumerate(folds)
            ],
        )
    ]


def fold_baselines(
    task: Task, target: str, values: NDArray[Any], partition: Partition, n_classes: int
) -> list[Metric]:
    """As `fold_metrics`, of the baseline that knows the values of the fold's training part."""
    found: list[Metric] = []
    for subset in SUBSETS:
        figures = []
        for number in range(partition.k_fold):
            rows = _rows(partition, number, subset)
            seen = values[partition.training_of(number)]
            outputs = baseline_outputs(task, seen, len(rows), n_classes)
            figures.append(baseline_figures(task, values[rows], outputs))
        found += _over_folds(target, subset, figures)
    return found


def final_baseline(
    task: Task, values: NDArray[Any], partition: Partition, n_classes: int
) -> dict[str, float]:
    """By code, on the test set, the figures of the baseline that knows all values outside it."""
    test = partition.test
    outputs = baseline_outputs(task, values[partition.training], len(test), n_classes)
    return baseline_figures(task, values[test], outputs)


def _rows(partition: Partition, fold: int, subset: Subset) -> NDArray[np.int64]:
    if subset == "test":
        return partition.test
    return learned_rows(partition, fold) if subset == "train" else partition.validation_of(fold)


def _outputs(fold: Fold, subset: Subset) -> FloatArray:
    return {"train": fold.train, "validation": fold.validation, "test": fold.test}[subset]


def _over_folds(target: str, subset: Subset, figures: Sequence[Mapping[str, float]]) -> Iterator[Metric]:
    for row in METRICS:
        found = {number: of[row.code] for number, of in enumerate(figures) if row.code in of}
        if not found:
            continue
        mean, std = float(np.mean(list(found.values()))), float(np.std(list(found.values())))
        yield Metric(name=row.code, target=target, subset=subset, value=mean, std=std)
        for number, value in found.items():
            yield Metric(name=row.code, target=target, subset=subset, fold=number, value=value)


def validated(metrics: Iterable[Metric]) -> dict[str, float]:
    """By name, the means over the folds of what their models had not seen."""
    return {m.name: m.value for m in metrics if m.subset == "validation" and m.fold is None}


def metric_rows(
    metrics: Iterable[Metric],
    baselines: Iterable[Metric],
    final: Iterable[Metric],
    final_baseline: Mapping[str, float],
    intervals: Mapping[str, tuple[float, float]],
) -> Iterator[MetricRow]:
    """The rows of the metrics file: those of the folds, then those of the final model on the test set."""
    beside = {(m.subset, m.fold, m.name): m.value for m in baselines}
    for m in metrics:
        fold = "mean" if m.fold is None else str(m.fold)
        baseline = beside.get((m.subset, m.fold, m.name))
        yield MetricRow(m.subset, fold, m.name, m.value, m.std, baseline=baseline)
    for m in final:
        lower, upper = intervals.get(m.name, (None, None))
        yield MetricRow(m.subset, "final", m.name, m.value, None, lower, upper, final_baseline.get(m.name))
