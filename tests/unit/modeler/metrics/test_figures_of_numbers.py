"""The figures of numbers against scikit-learn, SciPy and their own definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau, spearmanr
from sklearn import metrics as oracle

from tests.unit.modeler.metrics.outputs import numbers
from workers.modeler.metrics import METRICS, evaluate


@pytest.mark.parametrize("seed", range(5))
def test_values_are_judged_as_scikit_learn_and_scipy_do(seed: int) -> None:
    actual, outputs = numbers(seed, 50)
    predicted = outputs[:, 0]
    found = evaluate("regression", actual, outputs)
    assert found.pop("CONCORDANCE") == pytest.approx(concordance(actual, predicted))
    assert found == pytest.approx(
        {
            "RMSE": oracle.root_mean_squared_error(actual, predicted),
            "MAE": oracle.mean_absolute_error(actual, predicted),
            "R2": oracle.r2_score(actual, predicted),
            "SPEARMAN": spearmanr(actual, predicted).statistic,
            "KENDALL": kendalltau(actual, predicted, variant="b").statistic,
        }
    )


def concordance(actual: np.ndarray, predicted: np.ndarray) -> float:
    """Lin's coefficient as Pearson's correlation times the correction for scale and shift."""
    scale, shift = predicted.std() / actual.std(), predicted.mean() - actual.mean()
    correction = 2 / (scale + 1 / scale + shift**2 / (actual.std() * predicted.std()))
    return float(np.corrcoef(actual, predicted)[0, 1] * correction)


def test_a_shifted_prediction_has_all_the_rank_and_not_all_the_concordance() -> None:
    actual = np.arange(10.0)
    found = evaluate("regression", actual, (actual + 3).reshape(-1, 1))
    assert (found["SPEARMAN"], found["KENDALL"]) == pytest.approx((1, 1))
    assert found["CONCORDANCE"] == pytest.approx(2 * 8.25 / (2 * 8.25 + 9))


def test_of_one_row_or_equal_values_only_the_errors_are_defined() -> None:
    assert evaluate("regression", np.array([2.0]), np.array([[3.0]])) == {"RMSE": 1.0, "MAE": 1.0}
    found = evaluate("regression", np.full(7, 0.1), np.arange(7.0).reshape(-1, 1))
    assert set(found) == {"RMSE", "MAE"}


def test_equal_predictions_of_different_values_accord_with_nothing() -> None:
    found = evaluate("regression", np.arange(7.0), np.full((7, 1), 0.1))
    assert found["CONCORDANCE"] == 0
    assert not {"SPEARMAN", "KENDALL"} & set(found)


def test_a_prediction_that_overflows_has_no_error_rather_than_an_infinite_one() -> None:
    found = evaluate("regression", np.array([1.0, 2.0]), np.array([[1e200], [2.0]]))
    assert "RMSE" not in found
    assert found["MAE"] == pytest.approx(5e199)


PAIRS = st.lists(
    st.tuples(st.integers(-5, 5), st.integers(-5, 5)), min_size=1, max_size=30
)  # few values: many ties


@given(PAIRS, st.integers(0, 2**32 - 1))
def test_a_weight_is_a_number_of_equal_rows_for_every_figure(
    pairs: list[tuple[int, int]], seed: int
) -> None:
    actual, outputs = np.array(pairs, dtype=float)[:, 0], np.array(pairs, dtype=float)[:, 1:]
    weights = np.random.default_rng(seed).integers(0, 4, (9, len(pairs)))
    weights[:, 0] += 1
    for row in METRICS:
        if row.task == "regression":
            found = row.figures(actual, outputs, weights.astype(float))
            for times, value in zip(weights, found, strict=True):
                repeated = row.figure(np.repeat(actual, times), np.repeat(outputs, times, axis=0))
                assert value == pytest.approx(np.nan if repeated is None else repeated, nan_ok=True)
