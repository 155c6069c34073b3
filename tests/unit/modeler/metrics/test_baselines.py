from __future__ import annotations

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor

from tests.unit.modeler.metrics.outputs import classes, numbers
from workers.modeler.metrics import METRICS, baseline_figures, baseline_outputs


def test_the_baseline_of_numbers_is_the_mean_of_the_training_values() -> None:
    values, _ = numbers(0, 20)
    expected = DummyRegressor().fit(np.zeros((20, 1)), values).predict(np.zeros((3, 1)))
    assert np.allclose(baseline_outputs("regression", values, 3, 0), expected.reshape(3, 1))


def test_the_baseline_of_classes_is_their_shares_of_the_training_values() -> None:
    values, _ = classes(0, 20, 3)
    expected = DummyClassifier(strategy="prior").fit(np.zeros((20, 1)), values)
    found = baseline_outputs("classification", values, 4, 3)
    assert np.allclose(found, expected.predict_proba(np.zeros((4, 1))))


def test_a_class_that_the_training_values_lack_has_no_share() -> None:
    assert baseline_outputs("classification", np.array([0, 0, 1]), 1, 3).tolist() == [[2 / 3, 1 / 3, 0]]


def test_the_baseline_of_no_rows_has_the_width_of_the_outputs() -> None:
    assert baseline_outputs("regression", np.ones(3), 0, 0).shape == (0, 1)
    assert baseline_outputs("classification", np.array([0, 1]), 0, 2).shape == (0, 2)


def test_the_baselines_figures_are_those_of_knowing_nothing() -> None:
    actual = np.repeat([0, 1], [30, 10])
    found = baseline_figures("classification", actual, baseline_outputs("classification", actual, 40, 2))
    shares = {"AUC": 0.5, "ACC": 0.75, "AUPRC": 0.25, "BALANCED_ACCURACY": 0.5, "MCC": 0, "KAPPA": 0}
    assert {code: found[code] for code in shares} == pytest.approx(shares)
    assert set(found) == {row.code for row in METRICS if row.task == "classification"} - {"PRECISION"}
    values, _ = numbers(0, 40)
    found = baseline_figures("regression", values, baseline_outputs("regression", values, 40, 0))
    assert (found["R2"], found["SPEARMAN"], found["KENDALL"]) == pytest.approx((0, 0, 0), abs=1e-12)
    assert found["RMSE"] == pytest.approx(values.std())
