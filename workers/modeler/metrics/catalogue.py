"""The catalogue of figures of merit: one row each, and what they all say of some predictions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molfleet.catalogue import Catalogue
from workers.modeler.algorithms.base import CLASSIFICATION, REGRESSION, FloatArray, Task
from workers.modeler.metrics import classification as classes
from workers.modeler.metrics import regression as numbers

Figures = Callable[[NDArray[Any], FloatArray, FloatArray], FloatArray]


@dataclass(frozen=True)
class Metric:
    """One row: `figures(actual, outputs, weights)`, one figure for each weighting of the rows.

    `actual` (rows,) are class numbers or values; outputs are (rows, classes) or (rows, 1) as estimators
    give; weights (rounds, rows) say how often each row counts. A figure that is not defined (0/0, one
    class) is NaN. `resampled`: the bootstrap says how sure it is. `constant`: what counts as the figure
    of a prediction that is the same for all rows, where it is not defined.
    """

    code: str
    title: str
    task: Task
    figures: Figures
    greater_is_better: bool = True
    resampled: bool = True
    constant: float | None = None
    aliases: tuple[str, ...] = ()

    def figure(self, actual: NDArray[Any], outputs: FloatArray) -> float | None:
        """Of all rows, each once; None where it is not defined or not finite."""
        if len(actual) == 0:
            return None
        with np.errstate(over="ignore", invalid="ignore"):
            value = float(self.figures(actual, outputs, np.ones((1, len(actual))))[0])
        return value if np.isfinite(value) else None


def evaluate(task: Task, actual: NDArray[Any], outputs: FloatArray) -> dict[str, float]:
    """Every metric of the task that is defined on these rows, by code, in the catalogue's order."""
    found = {row.code: row.figure(actual, outputs) for row in METRICS if row.task == task}
    return {code: value for code, value in found.items() if value is not None}


METRICS: Catalogue[Metric] = Catalogue(
    "metric",
    (
        Metric("AUC", "Area under the ROC curve", CLASSIFICATION, classes.areas, aliases=("ROC_AUC",)),
        Metric("ACC", "Accuracy", CLASSIFICATION, classes.accuracies, aliases=("accuracy",)),
        Metric("F1", "F1 score", CLASSIFICATION, classes.f1s),
        Metric("KAPPA", "Cohen's kappa", CLASSIFICATION, classes.kappas, aliases=("cohen_kappa",)),
        Metric(
            "MCC", "Matthews correlation coefficient", CLASSIFICATION, classes.correlations, constant=0.0
        ),
        Metric("PRECISION", "Precision", CLASSIFICATION, classes.precisions),
        Metric("RECALL", "Recall", CLASSIFICATION, classes.recalls),
        Metric(
            "AUPRC", "Average precision", CLASSIFICATION, classes.average_precisions, aliases=("PR_AUC",)
        ),
        Metric("BALANCED_ACCURACY", "Balanced accuracy", CLASSIFICATION, classes.balanced_accuracies),
        Metric("LOG_LOSS", "Log loss", CLASSIFICATION, classes.log_losses, greater_is_better=False),
        Metric("BRIER", "Brier score", CLASSIFICATION, classes.brier_scores, greater_is_better=False),
        Metric(
            "ECE",
            "Expected calibration error",
            CLASSIFICATION,
            classes.calibration_errors,
            greater_is_better=False,
            resampled=False,
        ),
        Metric(
            "RMSE",
            "Root mean square error",
            REGRESSION,
            numbers.root_mean_square_errors,
            greater_is_better=False,
        ),
        Metric(
            "MAE", "Mean absolute error", REGRESSION, numbers.mean_absolute_errors, greater_is_better=False
        ),
        Metric("R2", "Coefficient of determination", REGRESSION, numbers.determinations),
        Metric(
            "SPEARMAN", "Spearman's rank correlation", REGRESSION, numbers.rank_correlations, constant=0.0
        ),
        Metric("KENDALL", "Kendall's tau-b", REGRESSION, numbers.pair_correlations, constant=0.0),
        Metric(
            "CONCORDANCE",
            "Lin's concordance correlation coefficient",
            REGRESSION,
            numbers.concordances,
            aliases=("CCC",),
        ),
    ),
)
