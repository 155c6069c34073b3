"""The figures of classes against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as oracle
from sklearn.calibration import calibration_curve

from tests.unit.modeler.metrics.outputs import classes
from workers.modeler.metrics import auc, confusion, evaluate


@pytest.mark.parametrize("seed", range(5))
def test_two_classes_are_judged_as_scikit_learn_does(seed: int) -> None:
    actual, outputs = classes(seed, 60, 2)
    predicted, scores = outputs.argmax(axis=1), outputs[:, 1]
    found = evaluate("classification", actual, outputs)
    assert found.pop("ECE") == pytest.approx(calibration_error(actual, scores))
    assert found == pytest.approx(
        {
            "AUC": oracle.roc_auc_score(actual, scores),
            "ACC": oracle.accuracy_score(actual, predicted),
            "F1": oracle.f1_score(actual, predicted),
            "KAPPA": oracle.cohen_kappa_score(actual, predicted),
            "MCC": oracle.matthews_corrcoef(actual, predicted),
            "PRECISION": oracle.precision_score(actual, predicted),
            "RECALL": oracle.recall_score(actual, predicted),
            "AUPRC": oracle.average_precision_score(actual, scores),
            "BALANCED_ACCURACY": oracle.balanced_accuracy_score(actual, predicted),
            "LOG_LOSS": oracle.log_loss(actual, outputs),
            "BRIER": oracle.brier_score_loss(actual, scores),
        }
    )


@pytest.mark.parametrize("seed", range(5))
def test_more_classes_are_judged_as_scikit_learn_does_with_plain_means(seed: int) -> None:
    actual, outputs = classes(seed, 80, 4)
    predicted = outputs.argmax(axis=1)
    found = evaluate("classification", actual, outputs)
    assert found.pop("ECE") == pytest.approx(calibration_error(predicted == actual, outputs.max(axis=1)))
    assert found == pytest.approx(
        {
            "AUC": oracle.roc_auc_score(actual, outputs, multi_class="ovr", average="macro"),
            "ACC": oracle.accuracy_score(actual, predicted),
            "F1": oracle.f1_score(actual, predicted, average="macro"),
            "KAPPA": oracle.cohen_kappa_score(actual, predicted),
            "MCC": oracle.matthews_corrcoef(actual, predicted),
            "PRECISION": oracle.precision_score(actual, predicted, average="macro"),
            "RECALL": oracle.recall_score(actual, predicted, average="macro"),
            "AUPRC": oracle.average_precision_score(np.eye(4)[actual], outputs, average="macro"),
            "BALANCED_ACCURACY": oracle.balanced_accuracy_score(actual, predicted),
            "LOG_LOSS": oracle.log_loss(actual, outputs),
            "BRIER": oracle.brier_score_loss(actual, outputs),
        }
    )


def calibration_error(events: np.ndarray, probabilities: np.ndarray) -> float:
    """Ten bins of equal width, weighed by their rows, out of scikit-learn's calibration curve."""
    frequencies, means = calibration_curve(events, probabilities, n_bins=10, strategy="uniform")
    bins = np.searchsorted(np.linspace(0, 1, 11)[1:-1], probabilities)
    sizes = np.bincount(bins)[np.unique(bins)]
    return float(np.average(np.abs(frequencies - means), weights=sizes))


def test_an_honest_probability_has_no_calibration_error_and_a_sure_wrong_one_has_all() -> None:
    actual = np.repeat([0, 1], [30, 10])
    assert evaluate("classification", actual, np.tile([0.75, 0.25], (40, 1)))["ECE"] == 0
    assert evaluate("classification", actual, np.eye(2)[1 - actual])["ECE"] == 1


def test_a_true_class_called_impossible_costs_much_and_not_everything() -> None:
    loss = evaluate("classification", np.array([0, 1]), np.array([[1.0, 0.0], [1.0, 0.0]]))["LOG_LOSS"]
    assert loss == pytest.approx(-np.log(np.finfo(float).eps) / 2)


def test_the_area_under_the_roc_curve_counts_ties_half_and_needs_both_classes() -> None:
    assert auc(np.array([False, True, True]), np.array([0.5, 0.5, 0.9])) == 0.75
    assert auc(np.array([True, True]), np.array([0.1, 0.2])) is None


def test_of_one_class_only_what_needs_no_other_is_defined() -> None:
    found = evaluate("classification", np.zeros(3, dtype=int), np.array([[0.9, 0.1]] * 3))
    assert found == pytest.approx({"ACC": 1, "LOG_LOSS": -np.log(0.9), "BRIER": 0.01, "ECE": 0.1})


def test_a_class_without_rows_leaves_the_means_over_the_classes_undefined() -> None:
    found = evaluate("classification", np.array([0, 1, 1]), np.full((3, 3), 1 / 3))
    assert not {"AUC", "AUPRC", "RECALL", "BALANCED_ACCURACY"} & set(found)


def test_the_confusion_matrix_has_the_true_classes_as_rows() -> None:
    outputs = np.array([[1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 1]], dtype=float)
    actual = np.array([0, 0, 1, 2])
    table = confusion(actual, outputs)
    assert np.array_equal(table, oracle.confusion_matrix(actual, [0, 1, 1, 2]))
    assert table.dtype == np.int64
