"""Small problems that every algorithm is put to, and how it is put to them."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from molfleet.bundles.estimators import ESTIMATORS, Predictor
from tests.unit.modeler.support import features_of_bioactive
from workers.modeler.algorithms import ALGORITHMS
from workers.modeler.algorithms.base import Algorithm, Run
from workers.modeler.preparation import fit_preparation

every_algorithm = pytest.mark.parametrize("algorithm", tuple(ALGORITHMS), ids=lambda row: row.code)
every_classifier = pytest.mark.parametrize(
    "algorithm", [row for row in ALGORITHMS if row.task == "classification"], ids=lambda row: row.code
)

_BOOSTED = {"n_estimators": 50, "learning_rate": 0.2}
#: What lets an algorithm learn forty molecules by heart, and soon, where its defaults are meant not to.
BY_HEART: dict[str, dict[str, Any]] = {
    "randomforestclassifier": {"n_estimators": 30},
    "randomforestregressor": {"n_estimators": 30},
    "extratreesclassifier": {"n_estimators": 30},
    "extratreesregressor": {"n_estimators": 30},
    "adaboostclassifier": {"n_estimators": 30},
    "adaboostregressor": {"n_estimators": 30},
    "gradientboostingclassifier": _BOOSTED,
    "gradientboostingregressor": _BOOSTED,
    "extremegradientboostingclassifier": _BOOSTED,
    "extremegradientboostingregressor": _BOOSTED,
    "lightgbmclassifier": {**_BOOSTED, "min_child_samples": 1},
    "lightgbmregressor": {**_BOOSTED, "min_child_samples": 1},
    "ridgeregression": {"alpha": 0.01},
    "logisticregression": {"C": 10.0},
    "elasticnetregressor": {"alpha": 0.001},
    "elasticnetclassifier": {"C": 10.0},
}


def prepared(algorithm: Algorithm, x: np.ndarray, continuous: np.ndarray) -> np.ndarray:
    """As a training does: descriptors standardized for the algorithms that ask for it, else as they are."""
    rows = np.arange(len(x))
    preparation = fit_preparation(None, x, rows, continuous, scales=algorithm.scales)
    return preparation.float32(x)


@cache
def _forty() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    features, activity = features_of_bioactive(40)
    return features, np.arange(features.shape[1]) >= 512, activity


def classes_of(values: np.ndarray, classes: int) -> np.ndarray:
    """As many of each."""
    return np.searchsorted(np.quantile(values, np.arange(1, classes) / classes), values)


def forty_molecules(algorithm: Algorithm, classes: int = 2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fingerprints beside all descriptors, which columns are descriptors, and what is to be learned."""
    features, continuous, activity = _forty()
    x = prepared(algorithm, features, continuous)
    if algorithm.task == "regression":
        return x, continuous, (activity - activity.mean()) / activity.std()
    return x, continuous, classes_of(activity, classes)


def fitted(
    algorithm: Algorithm, classes: int = 2, threads: int = 1, **given: Any
) -> tuple[Any, np.ndarray, np.ndarray]:
    """An estimator, fitted anew, and the features and values that it has learned."""
    x, continuous, y = forty_molecules(algorithm, classes)
    parameters = algorithm.resolve({**BY_HEART.get(algorithm.code, {}), **given})
    estimator = algorithm.fit(x, y, parameters, Run(7, threads, continuous))
    return estimator, x, y


@cache
def known(code: str, classes: int = 2) -> tuple[Any, np.ndarray, np.ndarray]:
    """`fitted` once for all who only look at it."""
    return fitted(ALGORITHMS.get(code), classes)


def exported(algorithm: Algorithm, estimator: Any, width: int, any_block: bool | None = None) -> Predictor:
    """What a bundle's reader makes of the exported part."""
    load = ESTIMATORS.get(algorithm.kind).load
    block = algorithm.any_block if any_block is None else any_block
    return load(algorithm.export(estimator, width), width, block)


def law(algorithm: Algorithm, rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """y = 3 x1 - 2 x2 of two normal numbers in eight, or whether it is above 0."""
    x = np.random.default_rng(0).normal(size=(rows, 8)).astype(np.float32)
    y = (3 * x[:, 1] - 2 * x[:, 2]).astype(np.float64)
    return x, np.ones(8, dtype=bool), y / y.std() if algorithm.task == "regression" else (y > 0) * 1
