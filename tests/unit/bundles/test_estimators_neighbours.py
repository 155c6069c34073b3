from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from molfleet.bundles.estimators import ESTIMATORS
from molfleet.bundles.estimators.neighbours import Neighbourhood, NeighboursPredictor, Voting
from molfleet.bundles.estimators.references import Mixture, References
from molfleet.bundles.estimators.space import Encoded
from tests.unit.bundles.estimator_rows import WIDTH, changed, encoded, features, space

ROWS = 40
VALUES = np.random.default_rng(9).normal(size=(ROWS, 1))
CLASSES = np.eye(3)[np.arange(ROWS) % 3]


def neighbourhood(targets: np.ndarray = VALUES, **voting: Any) -> Neighbourhood:
    said = Voting(
        targets=targets,
        prior=targets.mean(axis=0),
        count=5,
        power=3.0,
        shrinkage=0.1,
        probabilities=targets.shape[1] > 1,
    )
    mixture = Mixture(0.6, 0.4, 0.0, 0.0, 0.0004)
    return Neighbourhood(space(), encoded(ROWS, 1), mixture, replace(said, **voting))


def loaded(model: Neighbourhood) -> Any:
    return ESTIMATORS.get("neighbours").load(model.pack(), WIDTH, False)


@given(
    st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=1, max_size=30),
    st.integers(1, 12),
)
def test_the_nearest_are_in_order_of_similarity_and_equals_in_order_of_rows(
    similarities: list[float], count: int
) -> None:
    voting = replace(neighbourhood().voting, count=count)
    wanted = sorted(range(len(similarities)), key=lambda row: (-similarities[row], row))[:count]
    assert voting.nearest(np.array(similarities)).tolist() == wanted


def test_the_prediction_is_the_mean_of_the_nearest_weighted_by_a_power_of_similarity() -> None:
    model, x = neighbourhood(), features(6, 2)
    for row, found in zip(x, loaded(model)(x), strict=True):
        query = model.space.encode(row[np.newaxis])
        similarity = References(model.rows).similarities(query, model.mixture)[0].tolist()
        nearest = sorted(range(ROWS), key=lambda place: (-similarity[place], place))[:5]
        above = sum(similarity[n] ** 3 * VALUES[n, 0] for n in nearest)
        below = sum(similarity[n] ** 3 for n in nearest)
        assert found[0] == pytest.approx(0.9 * above / below + 0.1 * VALUES.mean(), rel=1e-12)


def test_of_molecules_that_are_the_same_the_first_count() -> None:
    rows = encoded(1, 1)
    same = Encoded(np.repeat(rows.counts, 4, axis=0), np.repeat(rows.grid, 4, axis=0))
    targets = np.array([[1.0], [3.0], [100.0], [1000.0]])
    model = replace(
        neighbourhood(targets, count=2, shrinkage=0.0), rows=same, mixture=Mixture(1.0, 0, 0, 0, 0)
    )
    assert loaded(model)(features(1, 1))[0, 0] == pytest.approx(2.0)


def test_where_nothing_is_similar_the_mean_of_all_is_said() -> None:
    model = replace(neighbourhood(shrinkage=0.0), mixture=Mixture(1.0, 0, 0, 0, 0))
    nothing = np.zeros((1, WIDTH), np.float32)
    assert loaded(model)(nothing)[0, 0] == pytest.approx(VALUES.mean())


def test_votes_for_classes_are_probabilities() -> None:
    found = loaded(neighbourhood(CLASSES))(features(20, 2))
    assert found.shape == (20, 3)
    assert np.allclose(found.sum(axis=1), 1.0)
    assert (found > 0).all()


def test_more_neighbours_than_molecules_are_all_molecules() -> None:
    model = neighbourhood(count=1000, power=0.0, shrinkage=0.0)
    assert loaded(model)(features(1, 2))[0, 0] == pytest.approx(VALUES.mean())


@given(st.integers(1, 30), st.integers(0, 29))
def test_outputs_are_the_same_bit_for_bit_alone_and_among_others(count: int, row: int) -> None:
    predict, x = loaded(neighbourhood(CLASSES)), features(count, 2)
    row %= count
    assert np.array_equal(predict(x)[row], predict(x[row : row + 1])[0])


def test_a_row_with_a_gap_has_no_output() -> None:
    x = features(3, 2)
    x[1, -1] = np.nan
    assert np.isnan(loaded(neighbourhood())(x)[:, 0]).tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"targets": None}, "targets is missing"),
        ({"targets": VALUES[1:]}, "targets is float64"),
        ({"targets": np.full_like(VALUES, np.nan)}, "targets has values that are not finite"),
        ({"targets": np.empty((ROWS, 0)), "prior": np.empty(0)}, "targets is empty"),
        ({"targets": -CLASSES, "prior": np.ones(3)}, "votes for classes are negative"),
        ({"targets": CLASSES, "prior": np.array([1.0, -1.0, 1.0])}, "votes for classes are negative"),
        ({"shrinkage": np.array([1.5])}, "shrinkage is 1.5"),
        ({"prior": np.zeros(2)}, "prior is float64"),
        ({"count": np.array([0.0])}, "count is 0"),
        ({"count": np.array([1e18])}, "count is 1e"),
        ({"power": np.array([-1.0])}, "power is -1"),
        ({"shrinkage": np.array([-1.0])}, "shrinkage is -1"),
        ({"surprise": np.ones(1)}, "unknown arrays: surprise"),
    ],
)
def test_a_part_that_is_not_sound_is_refused_with_what_is_wrong(arrays: dict, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        NeighboursPredictor(changed(neighbourhood().pack(), **arrays), WIDTH, False)
