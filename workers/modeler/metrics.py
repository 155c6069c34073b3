"""Figures of merit. A figure that is not defined on its rows (0/0, one class) is None, never a crash.

Classification takes the class numbers and the (rows, classes) probabilities; the predicted class is
the likeliest one. With two classes, class 1 is the positive one; with more, AUC (one against the
rest), precision, recall and F1 are plain means over the classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from molfleet.catalogue import Catalogue
from workers.modeler.algorithms.base import CLASSIFICATION, REGRESSION, FloatArray, Task

Figure = Callable[[NDArray[Any], FloatArray], float | None]


@dataclass(frozen=True)
class Metric:
    """One row: `figure(actual, outputs)`; outputs are (rows, classes) or (rows, 1) as estimators give."""

    code: str
    title: str
    task: Task
    figure: Figure
    greater_is_better: bool = True
    aliases: tuple[str, ...] = ()


def evaluate(task: Task, actual: NDArray[Any], outputs: FloatArray) -> dict[str, float]:
    """Every metric of the task that is defined on these rows, by code, in the catalogue's order."""
    if len(actual) == 0:
        return {}
    found = {row.code: row.figure(actual, outputs) for row in METRICS if row.task == task}
    return {code: value for code, value in found.items() if value is not None and np.isfinite(value)}


def confusion(actual: NDArray[Any], outputs: FloatArray) -> NDArray[np.int64]:
    """Counts (classes, classes): rows are the true class, columns the predicted one."""
    classes = outputs.shape[1]
    cells = actual.astype(np.int64) * classes + outputs.argmax(axis=1)
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)


def _ratio(part: float | np.number[Any], whole: float | np.number[Any]) -> float | None:
    return float(part) / float(whole) if whole else None


def _of_classes(outputs: FloatArray, one: Callable[[int], float | None]) -> float | None:
    """Class 1's figure of two classes; of more the mean, undefined where it is for any class."""
    if outputs.shape[1] == 2:
        return one(1)
    figures = [one(label) for label in range(outputs.shape[1])]
    defined = [figure for figure in figures if figure is not None]
    return float(np.mean(defined)) if len(defined) == len(figures) else None


def auc(positive: NDArray[np.bool_], scores: FloatArray) -> float | None:
    """Area under the ROC curve as Mann and Whitney's statistic; ties count half."""
    count = int(positive.sum())
    if count in (0, len(positive)):
        return None
    ranks = rankdata(scores)
    return float((ranks[positive].sum() - count * (count + 1) / 2) / (count * (len(positive) - count)))


def _auc(actual: NDArray[Any], outputs: FloatArray) -> float | None:
    return _of_classes(outputs, lambda label: auc(actual == label, outputs[:, label]))


def _accuracy(actual: NDArray[Any], outputs: FloatArray) -> float | None:
    return float(np.mean(outputs.argmax(axis=1) == actual))


def _precision(actual: NDArray[Any], outputs: FloatArray) -> float | None:
    table = confusion(actual, outputs)
    return _of_classes(outputs, lambda label: _ratio(table[label, label], table[:, label].sum()))


def _recall(actual: NDArray[Any], outputs: FloatArray) -> float | None:
    table = confusion(actual, outputs)
    return _of_classes(outputs, lambda label: _ratio(table[label, label], table[label].sum()))


def _f1(actual: NDArray[Any], outputs: FloatArray) -> float | None:
    table = confusion(actual, outputs)
    return _of_classes(
        outputs,
        lambda label: _ratio(2 * table[label, label], table[label].sum() + table[:, label].sum()),
    )


def _kappa(actual: NDArray[Any], outputs: FloatArray) -> float | None:
    """Cohen, Educational and Psychological Measurement 20 (1960) 37."""
    table = confusion(actual, outputs).astype(np.float64)
    total = table.sum()
    expected = float(table.sum(axis=0) @ table.sum(axis=1)) / total**2
    return _ratio(float(np.trace(table)) / total - expected, 1 - expected)


def _mcc(actual: NDArray[Any], outputs: FloatArray) -> float | None:
    """Matthews' coefficient in Gorodkin's form for any number of classes (2004)."""
    table = confusion(actual, outputs).astype(np.float64)
    total, true, predicted = table.sum(), table.sum(axis=1), table.sum(axis=0)
    spread = (total**2 - float(true @ true)) * (total**2 - float(predicted @ predicted))
    return _ratio(float(np.trace(table) * total - true @ predicted), float(np.sqrt(spread)))


def _errors(actual: NDArray[Any], outputs: FloatArray) -> FloatArray:
    return np.asarray(outputs[:, 0] - actual, dtype=np.float64)


def _rmse(actual: NDArray[Any], outputs: FloatArray) -> float | None:
    return float(np.sqrt(np.mean(_errors(actual, outputs) ** 2)))


def _mae(actual: NDArray[Any], outputs: FloatArray) -> float | None:
    return float(np.mean(np.abs(_errors(actual, outputs))))


def _r2(actual: NDArray[Any], outputs: FloatArray) -> float | None:
    spread = float(np.sum((actual - actual.mean()) ** 2))
    lost = _ratio(float(np.sum(_errors(actual, outputs) ** 2)), spread)
    return None if lost is None else 1 - lost


METRICS: Catalogue[Metric] = Catalogue(
    "metric",
    (
        Metric("AUC", "Area under the ROC curve", CLASSIFICATION, _auc, aliases=("ROC_AUC",)),
        Metric("ACC", "Accuracy", CLASSIFICATION, _accuracy, aliases=("accuracy",)),
        Metric("F1", "F1 score", CLASSIFICATION, _f1),
        Metric("KAPPA", "Cohen's kappa", CLASSIFICATION, _kappa, aliases=("cohen_kappa",)),
        Metric("MCC", "Matthews correlation coefficient", CLASSIFICATION, _mcc),
        Metric("PRECISION", "Precision", CLASSIFICATION, _precision),
        Metric("RECALL", "Recall", CLASSIFICATION, _recall),
        Metric("RMSE", "Root mean square error", REGRESSION, _rmse, greater_is_better=False),
        Metric("MAE", "Mean absolute error", REGRESSION, _mae, greater_is_better=False),
        Metric("R2", "Coefficient of determination", REGRESSION, _r2),
    ),
)
