from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as oracle

from workers.modeler.figures import roc_curve
from workers.modeler.metrics import METRICS, confusion, evaluate


def probabilities(rng: np.random.Generator, rows: int, classes: int) -> np.ndarray:
    raw = np.round(rng.random((rows, classes)), 2) + 0.01  # rounded: ties must count as ties
    return raw / raw.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("seed", range(5))
def test_two_classes_are_judged_as_scikit_learn_does(seed: int) -> None:
    rng = np.random.default_rng(seed)
    actual, outputs = rng.integers(0, 2, 60), probabilities(rng, 60, 2)
    predicted = outputs.argmax(axis=1)
    assert evaluate("classification", actual, outputs) == pytest.approx(
        {
            "AUC": oracle.roc_auc_score(actual, outputs[:, 1]),
            "ACC": oracle.accuracy_score(actual, predicted),
            "F1": oracle.f1_score(actual, predicted),
            "KAPPA": oracle.cohen_kappa_score(actual, predicted),
            "MCC": oracle.matthews_corrcoef(actual, predicted),
            "PRECISION": oracle.precision_score(actual, predicted),
            "RECALL": oracle.recall_score(actual, predicted),
        }
    )


@pytest.mark.parametrize("seed", range(5))
def test_more_classes_are_judged_as_scikit_learn_does_with_plain_means(seed: int) -> None:
    rng = np.random.default_rng(seed)
    actual, outputs = rng.integers(0, 4, 80), probabilities(rng, 80, 4)
    predicted = outputs.argmax(axis=1)
    assert evaluate("classification", actual, outputs) == pytest.approx(
        {
            "AUC": oracle.roc_auc_score(actual, outputs, multi_class="ovr", average="macro"),
            "ACC": oracle.accuracy_score(actual, predicted),
            "F1": oracle.f1_score(actual, predicted, average="macro"),
            "KAPPA": oracle.cohen_kappa_score(actual, predicted),
            "MCC": oracle.matthews_corrcoef(actual, predicted),
            "PRECISION": oracle.precision_score(actual, predicted, average="macro"),
            "RECALL": oracle.recall_score(actual, predicted, average="macro"),
        }
    )


@pytest.mark.parametrize("seed", range(5))
def test_values_are_judged_as_scikit_learn_does(seed: int) -> None:
    rng = np.random.default_rng(seed)
    actual = rng.normal(size=50)
    outputs = (actual + rng.normal(size=50)).reshape(-1, 1)
    assert evaluate("regression", actual, outputs) == pytest.approx(
        {
            "RMSE": oracle.root_mean_squared_error(actual, outputs),
            "MAE": oracle.mean_absolute_error(actual, outputs),
            "R2": oracle.r2_score(actual, outputs),
        }
    )


def test_what_is_not_defined_is_absent() -> None:
    one_class = evaluate("classification", np.zeros(3, dtype=int), np.array([[0.9, 0.1]] * 3))
    assert one_class == {"ACC": 1.0}
    assert evaluate("regression", np.array([2.0]), np.array([[3.0]])) == {"RMSE": 1.0, "MAE": 1.0}
    assert evaluate("regression", np.empty(0), np.empty((0, 1))) == {}


def test_the_confusion_matrix_has_the_true_classes_as_rows() -> None:
    outputs = np.array([[1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 1]], dtype=float)
    actual = np.array([0, 0, 1, 2])
    assert np.array_equal(confusion(actual, outputs), oracle.confusion_matrix(actual, [0, 1, 1, 2]))


def test_the_drawn_roc_curve_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    positive, scores = rng.random(100) < 0.4, np.round(rng.random(100), 1)
    false, true, _ = oracle.roc_curve(positive, scores, drop_intermediate=False)
    ours = roc_curve(positive, scores)
    assert np.allclose(ours[0], false)
    assert np.allclose(ours[1], true)


def test_every_metric_says_which_way_is_better() -> None:
    worse = {row.code for row in METRICS if not row.greater_is_better}
    assert worse == {"RMSE", "MAE"}
