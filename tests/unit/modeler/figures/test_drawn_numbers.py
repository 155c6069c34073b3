"""What the curves, bins and bars of the pictures are computed from, held against other libraries."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn import metrics as oracle
from sklearn.calibration import calibration_curve

from workers.modeler.figures.curves import average_precision, macro_roc, precision_recall_curve
from workers.modeler.figures.outcome import Unseen
from workers.modeler.figures.reliability import reliability, wilson
from workers.modeler.figures.similarity import by_similarity, losses
from workers.modeler.metrics import evaluate


def scored(seed: int, rows: int = 120) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.random(rows) < 0.4, np.round(rng.random(rows), 1)  # rounded: ties must count as ties


@pytest.mark.parametrize("seed", range(5))
def test_precision_and_recall_are_those_of_scikit_learn(seed: int) -> None:
    positive, scores = scored(seed)
    precision, recall, _ = oracle.precision_recall_curve(positive, scores, drop_intermediate=False)
    ours = precision_recall_curve(positive, scores)
    assert np.allclose(ours[0][1:], recall[:-1][::-1])
    assert np.allclose(ours[1][1:], precision[:-1][::-1])
    expected = oracle.average_precision_score(positive, scores)
    assert average_precision(positive, scores) == pytest.approx(expected)


def test_precision_and_recall_of_one_class_are_not_defined() -> None:
    scores = np.array([0.2, 0.8])
    assert average_precision(np.array([True, True]), scores) is None
    assert average_precision(np.array([False, False]), scores) is None


def test_the_mean_curve_of_several_classes_encloses_the_mean_of_their_areas() -> None:
    rng = np.random.default_rng(0)
    actual, raw = rng.integers(0, 4, 400), rng.random((400, 4)) + 0.01
    raw[np.arange(400), actual] += 0.3
    outputs = raw / raw.sum(axis=1, keepdims=True)
    curve = macro_roc(Unseen(actual, outputs))
    assert curve is not None
    expected = evaluate("classification", actual, outputs)["AUC"]
    assert np.trapezoid(curve[1], curve[0]) == pytest.approx(expected, abs=0.005)
    assert (curve[0][0], curve[1][0], curve[0][-1], curve[1][-1]) == (0, 0, 1, 1)


@pytest.mark.parametrize("seed", range(3))
def test_reliability_is_that_of_scikit_learn_and_its_mean_gap_the_metric(seed: int) -> None:
    rng = np.random.default_rng(seed)
    probability = rng.random(300)
    true = rng.random(300) < probability**2
    mean, share, counts = reliability(probability, true)
    expected_share, expected_mean = calibration_curve(true, probability, n_bins=10)
    assert np.allclose(share[counts > 0], expected_share)
    assert np.allclose(mean[counts > 0], expected_mean)
    assert counts.sum() == 300
    gap = np.nansum(counts * np.abs(mean - share)) / 300
    outputs = np.stack([1 - probability, probability], axis=1)
    assert gap == pytest.approx(evaluate("classification", true.astype(int), outputs)["ECE"])


@pytest.mark.parametrize(("hits", "rows"), [(0, 5), (5, 5), (3, 40), (1, 1)])
def test_the_interval_of_a_share_is_that_of_scipy(hits: int, rows: int) -> None:
    low, high = wilson(np.array([hits / rows]), np.array([rows]))
    expected = binomtest(hits, rows).proportion_ci(method="wilson")
    assert (low[0], high[0]) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_errors_are_averaged_by_steps_of_similarity() -> None:
    similarity = np.array([0.0, 0.05, 0.3, 0.35, 0.6, 1.0, 0.95], np.float32)
    found = np.array([1.0, 3.0, 5.0, 5.0, 7.0, 2.0, 4.0])
    mean, error, counts = by_similarity(similarity, found)
    assert counts.tolist() == [2, 0, 0, 2, 0, 0, 1, 0, 0, 2]
    assert mean[[0, 3, 6, 9]].tolist() == [2, 5, 7, 3]
    assert np.isnan(mean[1])
    assert error[0] == pytest.approx(np.std([1, 3], ddof=1) / np.sqrt(2))
    assert error[3] == 0
    assert np.isnan(error[6])


def test_the_loss_of_a_record_is_its_absolute_error_or_its_brier_score() -> None:
    numbers = Unseen(np.array([1.0, 2.0]), np.array([[1.5], [1.0]]))
    assert losses("regression", numbers).tolist() == [0.5, 1.0]
    rng = np.random.default_rng(0)
    for classes in (2, 3):
        raw = rng.random((50, classes))
        part = Unseen(rng.integers(0, classes, 50), raw / raw.sum(axis=1, keepdims=True))
        mean = losses("classification", part).mean()
        assert mean == pytest.approx(evaluate("classification", part.actual, part.outputs)["BRIER"])
