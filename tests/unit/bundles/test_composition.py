from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from sklearn.linear_model import LogisticRegression

from molfleet.bundles.composition import COMBINATIONS, Group, Member, log_ratios, mean_of
from molfleet.bundles.preparation import Preparation
from molfleet.errors import Code, Rejected

ROWS = np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]], np.float32)


def column(number: int) -> Callable[[np.ndarray], np.ndarray]:
    """An estimator that answers with one of its columns."""
    return lambda features: features[:, number : number + 1].astype(np.float64)


def test_a_member_answers_in_the_units_of_its_center_and_scale() -> None:
    group = Group([Member(column(0), center=5.0, scale=2.0)], 1)
    assert group(ROWS)[:, 0].tolist() == [7.0, 9.0, 11.0]


def test_members_are_averaged_by_their_weights() -> None:
    group = Group([Member(column(0), weight=1.0), Member(column(1), weight=3.0)], 1)
    assert group(ROWS)[:, 0] == pytest.approx((ROWS[:, 0] + 3 * ROWS[:, 1]) / 4)


def test_a_member_with_a_preparation_of_its_own_gets_the_unprepared_features() -> None:
    own = Preparation({"keep": np.array([1])}, 2)
    group = Group([Member(column(0), preparation=own), Member(column(0))], 1)
    assert group(ROWS, ROWS * 100)[:, 0] == pytest.approx((ROWS[:, 1] + 100 * ROWS[:, 0]) / 2)


def test_groups_are_averaged() -> None:
    groups = [Group([Member(column(number))], 1) for number in (0, 1, 1)]
    assert mean_of(groups, ROWS)[:, 0] == pytest.approx((ROWS[:, 0] + 2 * ROWS[:, 1]) / 3)


def test_a_linear_combination_is_intercept_plus_weighted_members() -> None:
    learned = {"weights": np.array([0.5, 2.0]), "intercept": np.array([-1.0])}
    group = Group([Member(column(0)), Member(column(1))], 1, "linear", learned)
    assert group(ROWS)[:, 0] == pytest.approx(-1 + 0.5 * ROWS[:, 0] + 2 * ROWS[:, 1])


def test_a_logistic_combination_says_what_logistic_regression_on_log_ratios_does() -> None:
    rng = np.random.default_rng(0)
    stack = rng.dirichlet(np.ones(3), size=(2, 60))
    labels = stack[0].argmax(axis=1)
    inputs = log_ratios(stack).transpose(1, 0, 2).reshape(60, 6)
    oracle = LogisticRegression(max_iter=500).fit(inputs, labels)
    learned = {"weights": oracle.coef_.reshape(3, 2, 3), "intercept": oracle.intercept_}
    combine = COMBINATIONS.get("logistic").load(learned, 2, 3)
    assert combine(stack, np.ones(2)) == pytest.approx(oracle.predict_proba(inputs), abs=1e-9)


@pytest.mark.parametrize("kind", COMBINATIONS.codes)
@given(stack=arrays_of.arrays(np.float64, (3, 7, 4), elements=st.floats(0, 1)), seed=st.integers(0, 99))
def test_a_rows_outcome_is_the_same_to_the_last_bit_whatever_rows_are_beside_it(
    kind: str, stack: np.ndarray, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    shapes = {"mean": ((), ()), "linear": ((3,), (1,)), "logistic": ((4, 3, 4), (4,))}[kind]
    learned = {"weights": rng.normal(size=shapes[0]), "intercept": rng.normal(size=shapes[1])}
    combine = COMBINATIONS.get(kind).load(learned, 3, 4)
    weights = rng.random(3) + 0.1
    whole = combine(stack, weights)
    alone = np.vstack([combine(stack[:, row : row + 1], weights) for row in range(7)])
    assert np.array_equal(whole, alone)


@pytest.mark.parametrize(
    "learned",
    [
        {},
        {"weights": np.ones(3), "intercept": np.ones(1)},
        {"weights": np.ones(2)},
        {"weights": np.array([1.0, np.nan]), "intercept": np.ones(1)},
    ],
    ids=["nothing", "too many", "no intercept", "no number"],
)
def test_arrays_that_do_not_fit_the_members_are_refused(learned: dict[str, np.ndarray]) -> None:
    with pytest.raises(ValueError, match="weights"):
        Group([Member(column(0)), Member(column(1))], 1, "linear", learned)


def test_an_unknown_combination_is_refused_by_name() -> None:
    with pytest.raises(Rejected) as caught:
        Group([Member(column(0))], 1, "alchemy")
    assert caught.value.code == Code.UNKNOWN_NAME


def test_an_estimator_of_another_width_than_the_models_is_noticed() -> None:
    with pytest.raises(ValueError, match="2 outputs, not 1"):
        Group([Member(lambda features: features.astype(np.float64))], 1)(ROWS)
