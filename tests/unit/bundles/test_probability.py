"""Calibrated probabilities are probabilities, keep the order of outputs, and are each row's own."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from molfleet.bundles.probability import Calibrator

SLOPES = st.floats(0.05, 5)
BIASES = st.lists(st.floats(-3, 3), min_size=3, max_size=3).map(tuple)


def shares(rng: np.random.Generator, count: int, labels: int) -> np.ndarray:
    return rng.dirichlet(np.full(labels, 0.3), count)


@given(st.lists(st.integers(0, 10**6), min_size=2, max_size=30, unique=True), SLOPES, st.floats(-3, 3))
def test_the_order_of_two_labels_outputs_is_kept(parts: list[int], slope: float, bias: float) -> None:
    positive = np.array(parts) / 10**6
    outputs = np.column_stack([1 - positive, positive])
    now = Calibrator(slope, (0.0, bias), 1e-3)(outputs)
    assert np.argsort(now[:, 1]).tolist() == np.argsort(positive).tolist()


@given(SLOPES, BIASES, st.integers(0, 2**32 - 1))
def test_rows_sum_to_one_and_do_not_depend_on_each_other(
    slope: float, biases: tuple[float, ...], seed: int
) -> None:
    outputs = shares(np.random.default_rng(seed), 17, 3)
    made = Calibrator(slope, biases, 1e-6)
    together = made(outputs)
    assert together.sum(axis=1) == pytest.approx(np.ones(17))
    assert (together >= 0).all()
    alone = np.concatenate([made(outputs[row : row + 1]) for row in range(17)])
    assert alone.tolist() == together.tolist()


def test_a_slope_of_one_without_biases_changes_nothing() -> None:
    outputs = shares(np.random.default_rng(1), 40, 4)
    assert Calibrator(1.0, (0.0,) * 4, 1e-15)(outputs) == pytest.approx(outputs, abs=1e-12)


def test_without_biases_the_likeliest_label_stays_the_likeliest() -> None:
    outputs = shares(np.random.default_rng(2), 200, 5)
    now = Calibrator(0.3, (0.0,) * 5, 1e-2)(outputs)
    assert now.argmax(axis=1).tolist() == outputs.argmax(axis=1).tolist()


def test_two_labels_are_scaled_in_their_log_odds() -> None:
    (now,) = Calibrator(0.5, (0.0, 0.7), 1e-9)(np.array([[0.2, 0.8]]))
    assert math.log(now[1] / now[0]) == pytest.approx(0.5 * math.log(0.8 / 0.2) + 0.7)


def test_outputs_beyond_a_probability_and_of_zero_have_probabilities() -> None:
    now = Calibrator(1.0, (0.0, 0.0), 1e-6)(np.array([[1.0 + 1e-7, -1e-7], [0.0, 0.0]]))
    assert now[0] == pytest.approx([1.0, 0.0], abs=1e-5)
    assert now[1].tolist() == [0.5, 0.5]


def test_an_output_that_is_no_number_stays_none() -> None:
    now = Calibrator(1.0, (0.0, 0.0), 1e-6)(np.array([[np.nan, 0.5], [0.5, 0.5]]))
    assert np.isnan(now[0]).all()
    assert now[1].tolist() == [0.5, 0.5]
