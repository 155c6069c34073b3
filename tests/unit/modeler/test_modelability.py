from __future__ import annotations

import numpy as np
import pytest

from workers.modeler import modi as module
from workers.modeler.modi import modi


def by_hand(features: np.ndarray, classes: np.ndarray) -> float:
    """Golbraikh's index by its definition, pair by pair."""
    low, high = features.min(axis=0), features.max(axis=0)
    scaled = (features - low) / np.where(high > low, high - low, 1)
    shares = []
    for label in np.unique(classes):
        members = np.flatnonzero(classes == label)
        agree = 0
        for row in members:
            distances = [np.sum((scaled[row] - other) ** 2) for other in scaled]
            distances[row] = np.inf
            agree += classes[int(np.argmin(distances))] == label
        shares.append(agree / len(members))
    return float(np.mean(shares))


@pytest.mark.parametrize("seed", range(3))
def test_the_index_is_what_its_definition_says(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BLOCK", 7)
    rng = np.random.default_rng(seed)
    features = (rng.random((60, 12)) < 0.4).astype(np.float32)  # bits: many equal distances
    features[:, 0] = rng.normal(size=60) * 100
    classes = rng.integers(0, 3, 60)
    assert modi(features, classes, seed) == pytest.approx(by_hand(features, classes))


def test_two_far_clusters_of_their_own_class_have_index_one() -> None:
    features = np.concatenate([np.zeros((5, 2)), np.ones((5, 2))]).astype(np.float32)
    features += np.linspace(0, 0.01, 10, dtype=np.float32)[:, None]
    assert modi(features, np.repeat([0, 1], 5), 0) == 1.0


def test_one_class_has_no_index() -> None:
    assert modi(np.eye(4, dtype=np.float32), np.zeros(4), 0) is None
