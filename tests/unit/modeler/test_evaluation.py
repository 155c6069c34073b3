"""What is reported of folds, of the final model, and of the baseline beside them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from sklearn import metrics as oracle

from molfleet.bundles.manifest import Metric
from workers.modeler.crossvalidation import Fold
from workers.modeler.evaluation import (
    MetricRow,
    final_baseline,
    fold_baselines,
    fold_metrics,
    metric_rows,
)
from workers.modeler.splits import TEST_FOLD, Partition

PARTITION = Partition(np.array([0, 1, 0, 1, 0, 1, 0, 1, TEST_FOLD, TEST_FOLD]), 2)
VALUES = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 4.0])
CLASSES = np.array([0, 0, 0, 1, 1, 1, 0, 1, 1, 0])


def folds_off_by(*errors: float) -> list[Fold]:
    """Folds whose predictions are wrong by so much."""
    return [
        Fold(
            train=VALUES[PARTITION.training_of(number), None] + error,
            validation=VALUES[PARTITION.validation_of(number), None] - error,
            test=VALUES[PARTITION.test, None] + 2 * error,
        )
        for number, error in enumerate(errors)
    ]


def value(metrics: Sequence[Metric], name: str, subset: str, fold: int | None) -> float:
    (found,) = (m.value for m in metrics if (m.name, m.subset, m.fold) == (name, subset, fold))
    return found


def test_every_subset_has_each_folds_figures_and_their_mean_and_deviation() -> None:
    found = fold_metrics("regression", "y", VALUES, PARTITION, folds_off_by(1.0, 3.0))
    assert [value(found, "MAE", "test", fold) for fold in (0, 1, None)] == [2, 6, 4]
    assert [value(found, "MAE", "validation", fold) for fold in (0, 1, None)] == [1, 3, 2]
    (mean,) = (m for m in found if (m.name, m.subset, m.fold) == ("MAE", "train", None))
    assert (mean.value, mean.std, mean.target) == (2, 1, "y")


def test_the_baseline_of_a_fold_knows_only_its_training_part() -> None:
    found = fold_baselines("regression", "y", VALUES, PARTITION, 0)
    seen, judged = VALUES[PARTITION.training_of(0)], VALUES[PARTITION.validation_of(0)]
    assert value(found, "MAE", "validation", 0) == pytest.approx(np.abs(judged - seen.mean()).mean())
    assert value(found, "RMSE", "train", 0) == pytest.approx(seen.std())
    shares = np.bincount(CLASSES[PARTITION.training_of(1)]) / 4
    expected = oracle.log_loss(CLASSES[PARTITION.test], np.tile(shares, (2, 1)))
    classes = fold_baselines("classification", "y", CLASSES, PARTITION, 2)
    assert value(classes, "LOG_LOSS", "test", 1) == pytest.approx(expected)
    assert value(classes, "AUC", "test", None) == 0.5


def test_every_figure_of_a_fold_has_a_baseline_but_a_precision() -> None:
    folds = [
        Fold(*(np.eye(2)[CLASSES[rows]] for rows in (part, held_out, PARTITION.test)))
        for part, held_out in ((PARTITION.training_of(n), PARTITION.validation_of(n)) for n in (0, 1))
    ]
    metrics = fold_metrics("classification", "y", CLASSES, PARTITION, folds)
    baselines = fold_baselines("classification", "y", CLASSES, PARTITION, 2)
    rows = list(metric_rows(metrics, baselines, [], {}, {}))
    assert {row.metric for row in rows if row.baseline is None} <= {"PRECISION"}
    assert len(rows) == len(metrics)


def test_the_final_models_rows_have_interval_and_baseline() -> None:
    final = [Metric(name="MAE", target="y", subset="test", value=0.5)]
    baseline = final_baseline("regression", VALUES, PARTITION, 0)
    assert baseline["MAE"] == pytest.approx((4.5 + 0.5) / 2)
    (row,) = metric_rows([], [], final, baseline, {"MAE": (0.4, 0.6)})
    assert row == MetricRow("test", "final", "MAE", 0.5, None, 0.4, 0.6, baseline["MAE"])
    (row,) = metric_rows([], [], final, {}, {})
    assert (row.lower, row.upper, row.baseline) == (None, None, None)


def test_the_rows_of_folds_have_their_deviation_and_no_interval() -> None:
    metrics = fold_metrics("regression", "y", VALUES, PARTITION, folds_off_by(1.0, 3.0))
    baselines = fold_baselines("regression", "y", VALUES, PARTITION, 0)
    rows = {(row.subset, row.fold, row.metric): row for row in metric_rows(metrics, baselines, [], {}, {})}
    mean, fold = rows["test", "mean", "MAE"], rows["test", "1", "MAE"]
    assert (mean.value, mean.std, mean.lower) == (4, 2, None)
    assert (fold.value, fold.std) == (6, None)
    assert mean.baseline == pytest.approx(value(baselines, "MAE", "test", None))


def test_without_a_test_set_there_is_no_word_about_one() -> None:
    partition = Partition(np.arange(10) % 2, 2)
    assert {m.subset for m in fold_baselines("regression", "y", VALUES, partition, 0)} == {
        "train",
        "validation",
    }
    assert final_baseline("regression", VALUES, partition, 0) == {}
