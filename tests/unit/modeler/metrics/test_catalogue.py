from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.modeler.metrics.outputs import classes
from workers.modeler.metrics import METRICS, evaluate


def test_no_rows_have_no_figures() -> None:
    assert evaluate("regression", np.empty(0), np.empty((0, 1))) == {}
    assert evaluate("classification", np.empty(0, dtype=int), np.empty((0, 2))) == {}


def test_every_metric_says_which_way_is_better() -> None:
    worse = {row.code for row in METRICS if not row.greater_is_better}
    assert worse == {"RMSE", "MAE", "LOG_LOSS", "BRIER", "ECE"}


@given(st.integers(0, 2**32 - 1), st.integers(2, 4), st.integers(4, 30))
def test_a_weight_is_a_number_of_equal_rows_for_every_figure(seed: int, count: int, rows: int) -> None:
    actual, outputs = classes(seed, rows, count)
    weights = np.random.default_rng(seed).integers(0, 3, (4, rows))
    weights[:, 0] += 1
    for row in METRICS:
        if row.task == "classification":
            found = row.figures(actual, outputs, weights.astype(float))
            for times, value in zip(weights, found, strict=True):
                repeated = row.figure(np.repeat(actual, times), np.repeat(outputs, times, axis=0))
                assert value == pytest.approx(np.nan if repeated is None else repeated, nan_ok=True)


@given(st.integers(0, 2**32 - 1), st.integers(2, 4), st.integers(4, 30))
def test_the_order_of_the_rows_does_not_matter(seed: int, count: int, rows: int) -> None:
    actual, outputs = classes(seed, rows, count)
    order = np.random.default_rng(seed).permutation(rows)
    assert evaluate("classification", actual[order], outputs[order]) == pytest.approx(
        evaluate("classification", actual, outputs)
    )
