"""MODI and RMODI against their definitions, pair by pair."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import LeaveOneOut, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier

from workers.modeler.metrics import modelability as module
from workers.modeler.metrics import modi


def features_of(seed: int, rows: int = 60) -> Any:
    """Bits, with many equal distances, and a descriptor on another scale."""
    rng = np.random.default_rng(seed)
    features = (rng.random((rows, 12)) < 0.4).astype(np.float32)
    features[:, 0] = rng.normal(size=rows) * 100
    features[:, 1] = 7
    return features


def distances_of(features: np.ndarray) -> np.ndarray:
    """Euclidean over range-scaled descriptors, rounded; the diagonal infinite."""
    low, high = features.min(axis=0), features.max(axis=0)
    scaled = ((features - low) / np.where(high > low, high - low, 1)).astype(np.float64)
    distances = np.round([[np.sum((one - other) ** 2) for other in scaled] for one in scaled], 9)
    np.fill_diagonal(distances, np.inf)
    return distances


@pytest.mark.parametrize("seed", range(3))
def test_the_index_of_classes_is_what_its_definition_says(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BLOCK", 7)
    features, classes = features_of(seed), np.random.default_rng(seed).integers(0, 3, 60)
    distances, shares = distances_of(features), []
    for label in range(3):
        agree = [
            np.mean(classes[np.flatnonzero(row == row.min())] == label)
            for row in distances[classes == label]
        ]
        shares.append(np.mean(agree))
    assert modi("classification", features, classes, seed) == pytest.approx(np.mean(shares))


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_records_of_one_molecule_are_no_neighbours_of_each_other(task: Any) -> None:
    """Replicates that were kept would make any set look easy to model."""
    features = np.repeat(np.random.default_rng(1).random((30, 5)), 2, axis=0).astype(np.float32)
    values = np.repeat(np.random.default_rng(2).permutation(np.arange(30) % 2), 2)
    molecules = np.repeat(np.arange(30), 2)
    alone = modi(task, features[::2], values[::2], 0)
    assert modi(task, features, values, 0) == 1
    assert modi(task, features, values, 0, molecules) == pytest.approx(alone)


def test_a_range_beyond_float32_is_a_range() -> None:
    features = np.linspace(-3e38, 3e38, 40)[:, None].astype(np.float32)
    assert modi("regression", features, np.arange(40.0), 0) == 1


def test_without_ties_the_index_is_the_balanced_accuracy_of_the_nearest_neighbour() -> None:
    rng = np.random.default_rng(0)
    features = np.vstack([np.zeros(5), np.ones(5), rng.random((78, 5))]).astype(np.float32)
    classes = (features[:, 0] + 0.3 * rng.normal(size=80) > 0.5).astype(int)
    predicted = cross_val_predict(KNeighborsClassifier(1), features, classes, cv=LeaveOneOut())
    expected = np.mean([np.mean(predicted[classes == label] == label) for label in (0, 1)])
    assert modi("classification", features, classes, 0) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(3))
def test_the_index_of_values_is_what_its_definition_says(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BLOCK", 7)
    features, values = features_of(seed), np.random.default_rng(seed).normal(size=60)
    count = 0
    for row, distances in enumerate(np.sqrt(distances_of(features))):
        alike = np.abs(values - values[row]) <= 0.625 * values.std()
        same, other = min(distances[alike], default=np.inf), min(distances[~alike], default=np.inf)
        count += np.isinf(other) or (not np.isinf(same) and (same - other) / (same + other) < 0)
    assert modi("regression", features, values, seed) == pytest.approx(count / 60)


def test_far_clusters_of_their_own_class_or_value_have_index_one() -> None:
    features = np.repeat([[0.0, 0.0], [1.0, 1.0]], 5, axis=0).astype(np.float32)
    features += np.linspace(0, 0.01, 10, dtype=np.float32)[:, None]
    assert modi("classification", features, np.repeat([0, 1], 5), 0) == 1
    assert modi("regression", features, np.repeat([3.0, 8.0], 5), 0) == 1


def test_neighbours_that_always_disagree_have_index_zero() -> None:
    features = np.repeat(np.arange(5.0), 2)[:, None].astype(np.float32)
    assert modi("classification", features, np.tile([0, 1], 5), 0) == 0
    assert modi("regression", features, np.tile([0.0, 1.0], 5), 0) == 0


def test_one_class_or_value_has_no_index() -> None:
    assert modi("classification", np.eye(4, dtype=np.float32), np.zeros(4), 0) is None
    assert modi("regression", np.eye(4, dtype=np.float32), np.ones(4), 0) is None


def test_descriptors_that_are_all_the_same_tell_nothing_apart() -> None:
    classes = np.repeat([0, 1], 5)
    assert modi("classification", np.ones((10, 3), dtype=np.float32), classes, 0) == pytest.approx(4 / 9)
    assert modi("regression", np.ones((10, 3), dtype=np.float32), classes * 1.0, 0) == 0


@given(st.integers(0, 2**32 - 1))
def test_the_order_of_the_records_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    features, order = features_of(seed, 25), rng.permutation(25)
    classes, values = rng.integers(0, 2, 25), rng.normal(size=25)
    assert modi("classification", features[order], classes[order], 0) == pytest.approx(
        modi("classification", features, classes, 0)
    )
    assert modi("regression", features[order], values[order], 0) == modi("regression", features, values, 0)


def test_of_many_molecules_a_seeded_sample_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_MOLECULES", 30)
    features, values = features_of(0), np.random.default_rng(0).normal(size=60)
    assert modi("regression", features, values, 1) == modi("regression", features, values, 1)
    assert len({modi("regression", features, values, seed) for seed in range(5)}) > 1
