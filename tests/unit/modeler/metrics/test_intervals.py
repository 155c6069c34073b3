"""Bootstrap intervals against SciPy's, and against how often they contain the truth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.stats import bootstrap, rankdata

from tests.unit.modeler.metrics.outputs import classes, numbers
from workers.modeler.metrics import METRICS, evaluate, intervals
from workers.modeler.metrics import bootstrap as module

ACTUAL, OUTPUTS = numbers(1, 80)


def of(task: Any) -> set[str]:
    return {row.code for row in METRICS if row.task == task}


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_every_figure_but_the_calibration_error_has_an_interval_around_it(task: Any) -> None:
    actual, outputs = classes(0, 200, 3) if task == "classification" else numbers(0, 200)
    found, points = intervals(task, actual, outputs, 0, 300), evaluate(task, actual, outputs)
    assert set(found) == of(task) - {"ECE"}
    assert all(low < points[code] < high for code, (low, high) in found.items())


def mae(rows: np.ndarray) -> Any:
    return np.abs(OUTPUTS[rows, 0] - ACTUAL[rows]).mean(axis=-1)


def r2(rows: np.ndarray) -> Any:
    return 1 - ((OUTPUTS[rows, 0] - ACTUAL[rows]) ** 2).mean(axis=-1) / ACTUAL[rows].var(axis=-1)


def spearman(rows: np.ndarray) -> Any:
    ranks = [rankdata(of[rows], axis=-1) for of in (ACTUAL, OUTPUTS[:, 0])]
    one, other = (rank - rank.mean(axis=-1, keepdims=True) for rank in ranks)
    return (one * other).mean(axis=-1) / (one.std(axis=-1) * other.std(axis=-1))


@pytest.mark.slow
@pytest.mark.parametrize("figure", [mae, r2, spearman])
def test_the_ends_are_those_of_scipys_bca(figure: Callable[[np.ndarray], Any]) -> None:
    code = figure.__name__.upper()
    assert figure(np.arange(80)) == pytest.approx(evaluate("regression", ACTUAL, OUTPUTS)[code])
    rng = np.random.default_rng(0)
    low, high = bootstrap((np.arange(80),), figure, n_resamples=5000, rng=rng).confidence_interval
    ours = intervals("regression", ACTUAL, OUTPUTS, 0, 3000)[code]
    assert ours == pytest.approx((low, high), abs=0.07 * (high - low))


@pytest.mark.slow
def test_about_95_of_100_intervals_contain_the_true_figure() -> None:
    truth = np.sqrt(2 / np.pi)  # mean absolute value of a standard normal error
    rng = np.random.default_rng(0)
    held = 0
    for seed in range(100):
        low, high = intervals("regression", np.zeros(40), rng.normal(size=(40, 1)), seed, 100)["MAE"]
        held += low <= truth <= high
    assert 87 <= held <= 99


def test_the_same_seed_gives_the_same_ends() -> None:
    actual, outputs = classes(0, 50, 2)
    first = intervals("classification", actual, outputs, 7, 100)
    assert first == intervals("classification", actual, outputs, 7, 100)
    assert first != intervals("classification", actual, outputs, 8, 100)


def test_a_rare_class_is_in_every_drawing() -> None:
    actual, outputs = classes(0, 40, 2)
    actual = (np.arange(40) == outputs[:, 1].argmax()).astype(int)
    assert {"AUC", "AUPRC", "RECALL"} <= set(intervals("classification", actual, outputs, 0, 100))


def test_few_rows_no_rounds_and_undefined_figures_have_no_interval() -> None:
    actual, outputs = numbers(0, 9)
    assert intervals("regression", actual, outputs, 0) == {}
    actual, outputs = numbers(0, 30)
    assert intervals("regression", actual, outputs, 0, 0) == {}
    assert set(intervals("regression", np.full(30, 1.0), outputs, 0, 50)) == {"RMSE", "MAE"}


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_a_large_set_resampled_in_parts_has_the_ends_of_the_whole(
    task: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    actual, outputs = classes(3, 1500, 2) if task == "classification" else numbers(3, 1500)
    whole = intervals(task, actual, outputs, 0, 400)
    monkeypatch.setattr(module, "MAX_ROWS", 1000)
    monkeypatch.setattr(module, "_SUBSET_ROWS", 300)
    parts = intervals(task, actual, outputs, 0, 400)
    for code, (low, high) in whole.items():
        assert parts[code] == pytest.approx((low, high), abs=0.3 * (high - low)), code
        assert parts[code] != (low, high)
