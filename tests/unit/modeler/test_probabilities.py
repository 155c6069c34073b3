"""Outputs that promise too much are drawn back; those that keep their promises stay as they are."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from tests.unit.modeler.exchangeable import classification
from workers.modeler import probabilities
from workers.modeler.probabilities import cross_calibrated, fit_calibrator


def expected_calibration_error(labels: np.ndarray, positive: np.ndarray) -> float:
    bins = np.minimum((positive * 10).astype(int), 9)
    return sum(
        float(abs(np.sum(labels[bins == one]) - np.sum(positive[bins == one]))) for one in range(10)
    ) / len(labels)


def test_overconfident_outputs_are_drawn_back() -> None:
    rng = np.random.default_rng(41)
    known, new = classification(rng, 600, sharpness=4.0), classification(rng, 600, sharpness=4.0)
    fitted = fit_calibrator(known.values, known.outputs, known.folds)
    assert fitted is not None
    now = fitted(new.outputs)
    before = expected_calibration_error(new.values, new.outputs[:, 1])
    assert expected_calibration_error(new.values, now[:, 1]) < 0.5 * before
    assert log_loss(new.values, now) < log_loss(new.values, new.outputs)


def test_timid_outputs_are_sharpened() -> None:
    known = classification(np.random.default_rng(42), 600, sharpness=0.4)
    fitted = fit_calibrator(known.values, known.outputs, known.folds)
    assert fitted is not None
    assert fitted.slope > 1.5


def test_outputs_that_keep_their_promise_mostly_stay_as_they_are() -> None:
    changed = 0
    for seed in range(20):
        drawn = classification(np.random.default_rng(seed), 300, sharpness=1.0)
        changed += fit_calibrator(drawn.values, drawn.outputs, drawn.folds) is not None
    assert changed <= 3


@pytest.mark.parametrize("least", [19, 0])
def test_too_few_examples_of_a_label_leave_the_outputs_as_they_are(least: int) -> None:
    drawn = classification(np.random.default_rng(43), 800, sharpness=5.0)
    positive, negative = np.flatnonzero(drawn.values == 1)[:least], np.flatnonzero(drawn.values == 0)
    rows = np.concatenate([negative, positive])
    assert fit_calibrator(drawn.values[rows], drawn.outputs[rows], drawn.folds[rows]) is None


def test_two_labels_get_the_scaling_of_platt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probabilities, "_PENALTY", 0.0)
    drawn = classification(np.random.default_rng(44), 600)
    odds = np.log(drawn.outputs[:, 1] + 1e-6) - np.log(drawn.outputs[:, 0] + 1e-6)
    oracle = LogisticRegression(C=1e6, tol=1e-8, max_iter=1000).fit(odds[:, None], drawn.values)
    fitted = probabilities._fit(drawn.values, drawn.outputs, 1e-6, True)
    assert fitted.slope == pytest.approx(oracle.coef_[0, 0], rel=1e-3)
    assert fitted.biases[1] - fitted.biases[0] == pytest.approx(oracle.intercept_[0], abs=1e-3)
    assert fitted(drawn.outputs) == pytest.approx(oracle.predict_proba(odds[:, None]), abs=1e-3)


def test_many_labels_are_calibrated_too() -> None:
    rng = np.random.default_rng(45)
    logits = rng.normal(size=(900, 4))
    truth = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (truth.cumsum(axis=1) < rng.random((900, 1))).sum(axis=1)
    sharp = np.exp(3 * logits) / np.exp(3 * logits).sum(axis=1, keepdims=True)
    fitted = fit_calibrator(labels, sharp, np.arange(900) % 5)
    assert fitted is not None
    assert fitted.slope == pytest.approx(1 / 3, abs=0.08)
    assert log_loss(labels, fitted(sharp)) < log_loss(labels, sharp) - 0.1


def test_a_fold_is_calibrated_without_its_own_labels() -> None:
    drawn = classification(np.random.default_rng(46), 400)
    own = drawn.folds == 3
    before = cross_calibrated(drawn.values, drawn.outputs, drawn.folds)
    after = cross_calibrated(np.where(own, 1 - drawn.values, drawn.values), drawn.outputs, drawn.folds)
    assert after[own].tolist() == before[own].tolist()
    assert after[~own].tolist() != before[~own].tolist()


def test_an_output_of_zero_that_came_true_does_not_spoil_the_fit() -> None:
    drawn = classification(np.random.default_rng(47), 400, sharpness=1.0)
    outputs = np.where(drawn.outputs < 0.15, 0.0, np.where(drawn.outputs > 0.85, 1.0, drawn.outputs))
    fitted = fit_calibrator(drawn.values, outputs, drawn.folds)
    assert fitted is not None
    now = fitted(outputs)
    assert 0 < now.min() < now.max() < 1
    assert expected_calibration_error(drawn.values, now[:, 1]) < 0.08


def test_a_large_set_is_fitted_on_a_sample_that_is_always_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = classification(np.random.default_rng(48), 400)
    arguments = drawn.values, drawn.outputs, drawn.folds
    whole = fit_calibrator(*arguments)
    monkeypatch.setattr(probabilities, "_MOST", 200)
    assert fit_calibrator(*arguments) == fit_calibrator(*arguments) != whole
