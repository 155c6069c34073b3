from __future__ import annotations

import itertools
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.modeler.curation.columns import LABELS, VALUES, curated
from workers.modeler.curation.noise import label_noise, value_noise

ONES = np.ones(3, dtype=np.int64)


def test_without_replicates_nothing_is_known() -> None:
    assert value_noise([[1.0], [2.0]], np.array([1.0, 2.0]), np.ones(2, dtype=np.int64)) is None
    assert label_noise([["a"], ["b"]], 2) is None


GROUPS = st.lists(st.lists(st.floats(-9, 9), min_size=1, max_size=5), min_size=2, max_size=8)


@given(GROUPS)
def test_the_pooled_deviation_is_that_of_the_analysis_of_variance(groups: list[list[float]]) -> None:
    several = [group for group in groups if len(group) > 1]
    noise = value_noise(groups, np.array([1.0, 2.0, 4.0]), ONES)
    if not several:
        assert noise is None
        return
    assert noise is not None
    degrees = sum(len(group) - 1 for group in several)
    expected = sum(statistics.variance(group) * (len(group) - 1) for group in several) / degrees
    pairs = [pair for group in several for pair in itertools.combinations(group, 2)]
    assert (noise.pairs, noise.degrees) == (len(pairs), degrees)
    assert noise.identical == sum(one == other for one, other in pairs)
    if noise.sd is not None:
        assert noise.sd**2 == pytest.approx(expected, abs=1e-12)


def simulated(molecules: int, noise: float, seed: int) -> tuple[list[list[float]], np.ndarray]:
    rng = np.random.default_rng(seed)
    true = rng.normal(0, 1, molecules)
    return [list(value + rng.normal(0, noise, 2)) for value in true], true


def test_the_noise_that_was_put_in_is_found_and_lies_in_its_interval() -> None:
    groups, _ = simulated(2000, 0.5, 1)
    noise = value_noise(groups, np.mean(groups, axis=1), np.full(2000, 2))
    assert noise is not None
    assert noise.sd == pytest.approx(0.5, rel=0.05)
    assert noise.robust_sd == pytest.approx(0.5, rel=0.08)
    assert noise.sd_interval is not None
    assert noise.sd_interval[0] < 0.5 < noise.sd_interval[1]


@pytest.mark.parametrize("replicates", [1, 2])
def test_the_best_r2_is_what_the_truth_itself_reaches_on_the_values_used(replicates: int) -> None:
    groups, true = simulated(4000, 0.6, 2)
    used = np.mean([group[:replicates] for group in groups], axis=1)
    noise = value_noise(groups, used, np.full(4000, replicates))
    assert noise is not None
    assert noise.best_r2 == pytest.approx(1 - np.var(used - true) / np.var(used), abs=0.02)
    assert noise.best_rmse == pytest.approx(np.sqrt(np.mean((used - true) ** 2)), rel=0.04)


def test_one_gross_mistake_moves_the_pooled_but_not_the_robust_deviation() -> None:
    groups, _ = simulated(200, 0.2, 3)
    groups[0] = [0.0, 1000.0]
    noise = value_noise(groups, np.mean(groups, axis=1), np.full(200, 2))
    assert noise is not None
    assert noise.sd is not None
    assert noise.sd > 10
    assert noise.robust_sd == pytest.approx(0.2, rel=0.2)


def test_copies_of_one_value_say_nothing_about_noise() -> None:
    noise = value_noise([[1.5, 1.5], [2.0, 2.0]], np.array([1.5, 2.0]), np.full(2, 2))
    assert noise is not None
    assert noise.identical == noise.pairs == 2
    assert noise.sd is None
    assert noise.best_r2 is None


@pytest.mark.parametrize("classes", [2, 4])
def test_the_share_of_wrong_labels_that_was_put_in_is_found(classes: int) -> None:
    rng = np.random.default_rng(4)
    true = rng.integers(0, classes, 4000)
    wrong = rng.random((4000, 3)) < 0.1
    seen = (true[:, None] + wrong * rng.integers(1, classes, (4000, 3))) % classes
    noise = label_noise([list(map(str, row)) for row in seen], classes)
    assert noise is not None
    assert noise.label_error == pytest.approx(0.1, abs=0.01)
    assert noise.best_accuracy == pytest.approx(np.mean(seen[:, 0] == true), abs=0.015)


def test_labels_that_disagree_as_chance_would_allow_a_coin_only() -> None:
    noise = label_noise([["a", "b"]] * 5, 2)
    assert noise is not None
    assert noise.disagreement == 1.0
    assert noise.best_accuracy == 0.5


NAMES = [f"C{number}" for number in range(12)]


def test_noise_is_estimated_before_replicates_are_merged_and_without_bounds() -> None:
    texts = [*VALUES, "1.5", "<9"]
    noise = curated(texts, [*NAMES, "C0", "C1"], censored="bound").noise
    assert noise is not None
    assert (noise.molecules, noise.records) == (1, 2)
    assert noise.sd == pytest.approx(np.std([0.5, 1.5], ddof=1))


def test_noise_is_that_of_the_values_as_they_are_modelled() -> None:
    noise = curated([*VALUES, "5"], [*NAMES, "C0"], transform="log10").noise
    assert noise is not None
    assert noise.sd == pytest.approx(1 / np.sqrt(2))


def test_classes_have_their_own_noise() -> None:
    noise = curated([*LABELS, "yes", "no"], [*NAMES, "C0", "C3"]).noise
    assert noise is not None
    assert noise.disagreement == 0.5
    assert noise.sd is None
