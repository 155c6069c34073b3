from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from molfleet.bundles.estimators.space import Encoded
from tests.unit.modeler.support import features_of_bioactive
from workers.modeler.algorithms import ALGORITHMS, nearest_neighbors
from workers.modeler.algorithms.base import Run
from workers.modeler.algorithms.kernels import tanimoto
from workers.modeler.algorithms.nearest_neighbors import CLASSIFIER, REGRESSOR

BITS = 512
X, ACTIVITY = features_of_bioactive(40)
CONTINUOUS = np.arange(X.shape[1]) >= BITS


def fitted(algorithm: Any, y: Any, seed: int = 7, **given: Any) -> Any:
    return algorithm.fit(X, y, algorithm.resolve(given), Run(seed, 1, CONTINUOUS))


@given(
    seed=st.integers(0, 10_000),
    density=st.sampled_from([0.0, 0.01, 0.05, 0.5]),
    highest=st.sampled_from([1, 3, 255]),
)
def test_tanimoto_of_counts_is_the_sum_of_the_smaller_over_that_of_the_larger(
    seed: int, density: float, highest: int
) -> None:
    """Few levels are added up and many multiplied; neither differs by a bit."""
    rng = np.random.default_rng(seed)
    one, other = (
        (rng.random((count, 80)) < density) * rng.integers(1, highest, (count, 80), endpoint=True)
        for count in (7, 9)
    )
    shared = np.minimum(one[:, None], other).sum(axis=2)
    union = np.maximum(one[:, None], other).sum(axis=2)
    rows = (Encoded(side.astype(np.uint8), np.zeros((len(side), 0), np.int8)) for side in (one, other))
    assert np.array_equal(tanimoto(*rows), shared / np.maximum(union, 1))


def test_more_levels_in_common_than_a_byte_counts_are_counted() -> None:
    counts = np.zeros((1, 20_000), np.uint8)
    counts[:, :300] = 1
    same = Encoded(counts, np.zeros((1, 0), np.int8))
    assert tanimoto(same, same).tolist() == [[1.0]]


def test_of_more_records_than_each_answer_can_look_at_a_seeded_sample_is_kept_and_the_mean_of_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = fitted(REGRESSOR, ACTIVITY).neighbourhood
    monkeypatch.setattr(nearest_neighbors, "MAX_RECORDS", 15)
    models = [fitted(REGRESSOR, ACTIVITY, seed).neighbourhood for seed in (7, 7, 8)]
    kept = [[row.tobytes() for row in model.rows.grid] for model in models]
    assert kept[0] == kept[1] != kept[2]
    value_of = dict(
        zip((row.tobytes() for row in whole.rows.grid), whole.voting.targets[:, 0], strict=True)
    )
    for rows, model in zip(kept, models, strict=True):
        assert len(set(rows)) == 15
        assert [value_of[row] for row in rows] == model.voting.targets[:, 0].tolist()
        assert model.voting.prior.tolist() == whole.voting.prior.tolist()


def test_a_class_of_which_the_sample_has_none_still_has_a_probability(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(nearest_neighbors, "MAX_RECORDS", 5)
    y = (np.arange(40) == 3).astype(np.int64)
    outputs = CLASSIFIER.outputs(fitted(CLASSIFIER, y, class_weight="none"), X)
    assert outputs.sum(axis=1) == pytest.approx(1.0)
    assert (outputs[:, 1] > 0).all()


@pytest.mark.parametrize("code", ["nearestneighborsclassifier", "nearestneighborsregressor"])
def test_the_catalogue_says_how_many_records_are_kept(code: str) -> None:
    row = ALGORITHMS.get(code)
    assert row.max_records == nearest_neighbors.MAX_RECORDS
    assert "drawn by lot" in row.beyond
