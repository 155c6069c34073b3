from __future__ import annotations

import numpy as np
import pytest
from sklearn import preprocessing as oracle

from molfleet.bundles.preparation import Preparation
from tests.unit.modeler.support import features_of_bioactive
from workers.modeler.preparation import CLIP, SCALERS, Scaler, fit_preparation

ORACLES = {
    "none": oracle.FunctionTransformer(),
    "standard": oracle.StandardScaler(),
    "minmax": oracle.MinMaxScaler(),
    "robust": oracle.RobustScaler(),
}
every_scaler = pytest.mark.parametrize("code", SCALERS.codes)


def fitted(scaler: Scaler | None, features: np.ndarray, **others: object) -> Preparation:
    """Fitted on all rows; all columns are descriptors."""
    everything = np.arange(len(features))
    continuous = np.ones(features.shape[1], bool)
    return fit_preparation(scaler, features, everything, continuous, **others)  # type: ignore[arg-type]


@every_scaler
def test_features_are_scaled_as_scikit_learn_does(code: str) -> None:
    features, _ = features_of_bioactive(40)
    expected = ORACLES[code].fit_transform(features.astype(np.float64))
    ours = fitted(SCALERS.get(code), features).float32(features)
    assert ours.dtype == np.float32
    assert np.allclose(ours, expected, rtol=1e-5, atol=1e-6)


@every_scaler
def test_rows_are_prepared_alike_one_by_one_in_any_order_and_in_blocks(code: str) -> None:
    features, _ = features_of_bioactive(40)
    preparation = fitted(SCALERS.get(code), features[:30])
    whole = preparation.float32(features)
    rows = np.random.default_rng(0).permutation(40)
    assert np.array_equal(preparation.float32(features, rows), whole[rows])
    assert np.array_equal(np.vstack([preparation.float32(row[np.newaxis]) for row in features]), whole)


@every_scaler
def test_gaps_are_filled_with_the_median_and_empty_or_constant_columns_do_no_harm(code: str) -> None:
    features = np.array([[1, np.nan, 5, 0], [2, np.nan, 5, np.nan], [9, np.nan, 5, 4]], dtype=np.float32)
    preparation = fitted(SCALERS.get(code), features)
    assert preparation.arrays["fill"][[0, 3]] == pytest.approx([2, 2])
    assert np.isfinite(preparation.float32(features)).all()
    assert np.isfinite(preparation.float32(np.full((1, 4), np.nan, dtype=np.float32))).all()


def test_what_is_learned_of_columns_comes_from_the_given_rows_alone() -> None:
    features = np.array([[1.0], [2.0], [3.0], [1000.0]], np.float32)
    some = fit_preparation(SCALERS.get("standard"), features, np.arange(3), np.ones(1, bool))
    assert some.arrays["center"] == pytest.approx([2.0])


def test_bits_alone_need_no_preparation() -> None:
    bits = np.array([[0, 1], [1, 1]], np.float32)
    assert fit_preparation(None, bits, np.arange(2), np.zeros(2, bool), scales=True).arrays == {}


def test_a_method_that_scales_leaves_fingerprints_alone_and_keeps_one_tail_from_hiding_all_else() -> None:
    rng = np.random.default_rng(0)
    tailed = rng.normal(100, 10, 1_000)
    tailed[7] = 1e20
    features = np.column_stack([rng.random(1_000) < 0.5, tailed]).astype(np.float32)
    continuous = np.array([False, True])
    ours = fit_preparation(None, features, np.arange(1_000), continuous, scales=True).float32(features)
    assert np.array_equal(ours[:, 0], features[:, 0])
    usual = np.delete(ours[:, 1], 7)
    assert usual.std() == pytest.approx(1.0, abs=0.1)
    assert abs(usual.mean()) < 0.1
    assert ours[7, 1] == CLIP


def test_a_selection_of_columns_is_prepared_as_these_columns_alone_are() -> None:
    features, _ = features_of_bioactive(40)
    columns = np.array([700, 3, 600])
    chosen = fitted(SCALERS.get("standard"), features, columns=columns).float32(features)
    alone = fitted(SCALERS.get("standard"), features[:, columns]).float32(features[:, columns])
    assert np.array_equal(chosen, alone)
