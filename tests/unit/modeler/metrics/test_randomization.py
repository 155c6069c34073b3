from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.modeler.metrics import randomization_section, y_randomization


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.integers(0, 1000), st.integers(0, 5))
def test_no_value_is_lost_or_made_up(molecules: list[int], seed: int, round: int) -> None:
    values = np.arange(len(molecules)) / 10
    scrambled = y_randomization(values, np.array(molecules), seed, round)
    assert sorted(scrambled) == values.tolist()


def test_the_values_of_a_molecule_travel_together_where_all_were_measured_as_often() -> None:
    molecules = np.random.default_rng(0).permutation(np.repeat(np.arange(20), 3))
    scrambled = y_randomization(molecules * 1.0, molecules, 0, 0)
    assert all(len(set(scrambled[molecules == number])) == 1 for number in range(20))
    assert np.mean(scrambled == molecules) < 0.2


def test_each_round_and_each_seed_has_an_order_of_its_own() -> None:
    values = np.arange(50)
    orders = {tuple(y_randomization(values, values, seed, r)) for seed in range(3) for r in range(3)}
    assert len(orders) == 9
    assert tuple(y_randomization(values, values, 2, 2)) in orders


def test_every_value_is_as_likely_anywhere() -> None:
    places = [int(np.argmin(y_randomization(np.arange(4), np.arange(4), 0, r))) for r in range(400)]
    assert all(70 <= count <= 130 for count in np.bincount(places))


def test_the_section_says_how_far_the_score_is_from_the_scrambled_ones() -> None:
    section = randomization_section("R2", 0.6, [0.1, 0.0, -0.1])
    assert section == pytest.approx(
        {
            "metric": "R2",
            "score": 0.6,
            "rounds": 3,
            "scrambled_mean": 0.0,
            "scrambled_std": 0.1,
            "z": 6.0,
            "p_value": 0.25,
        }
    )
    assert json.loads(json.dumps(section)) == section


def test_an_error_is_better_the_smaller_it_is() -> None:
    section = randomization_section("RMSE", 1.0, [2.0, 3.0, 0.5, 1.0])
    assert section["z"] > 0
    assert section["p_value"] == (2 + 1) / (4 + 1)


def test_what_too_few_rounds_cannot_say_is_none() -> None:
    one = randomization_section("R2", 0.6, [0.1])
    assert (one["scrambled_mean"], one["scrambled_std"], one["z"], one["p_value"]) == (0.1, None, None, 0.5)
    assert randomization_section("R2", 0.6, [])["p_value"] == 1
    assert randomization_section("R2", 0.6, [0.1, 0.1])["z"] is None


def test_a_scrambled_score_that_is_not_defined_counts_against_the_model() -> None:
    section = randomization_section("R2", 0.6, [0.1, float("nan"), 0.2])
    assert section["p_value"] == 0.5
    assert section["scrambled_mean"] == pytest.approx(0.15)
