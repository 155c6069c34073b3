from __future__ import annotations

import numpy as np
import pytest
from sklearn import preprocessing as oracle

from molfleet.bundles.preparation import Preparation
from tests.unit.modeler.support import features_of_bioactive
from workers.modeler.preparation import SCALERS, fit_preparation

ORACLES = {
    "none": oracle.FunctionTransformer(),
    "standard": oracle.StandardScaler(),
    "minmax": oracle.MinMaxScaler(),
    "robust": oracle.RobustScaler(),
}
every_scaler = pytest.mark.parametrize("code", SCALERS.codes)


@every_scaler
def test_features_are_scaled_as_scikit_learn_does(code: str) -> None:
    features, _ = features_of_bioactive(40)
    expected = ORACLES[code].fit_transform(features.astype(np.float64))
    ours = fit_preparation(SCALERS.get(code), features).apply(features)
    assert ours.dtype == np.float32
    assert np.allclose(ours, expected, rtol=1e-5, atol=1e-6)


@every_scaler
def test_a_bundle_prepares_features_bit_by_bit_as_the_training_did(code: str) -> None:
    features, _ = features_of_bioactive(40)
    features = features.copy()
    features[3, -40:] = np.nan
    ours = fit_preparation(SCALERS.get(code), features[:30])
    arrays = {"fill": ours.fill, "center": ours.center, "scale": ours.scale}
    theirs = Preparation(arrays, features.shape[1])(features).astype(np.float32)
    assert np.array_equal(ours.apply(features), theirs)


@every_scaler
def test_gaps_are_filled_with_the_median_and_empty_or_constant_columns_do_no_harm(code: str) -> None:
    features = np.array([[1, np.nan, 5, 0], [2, np.nan, 5, np.nan], [9, np.nan, 5, 4]], dtype=np.float32)
    preparation = fit_preparation(SCALERS.get(code), features)
    assert preparation.fill[[0, 3]] == pytest.approx([2, 2])
    assert np.isfinite(preparation.apply(features)).all()
    assert np.isfinite(preparation.apply(np.full((1, 4), np.nan, dtype=np.float32))).all()
