from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from molfleet.bundles.estimators import OnnxPredictor
from molfleet.errors import Code, Rejected
from tests.unit.modeler.support import features_of_bioactive
from workers.modeler.algorithms import ALGORITHMS, METHODS
from workers.modeler.algorithms.base import Algorithm, Run
from workers.modeler.algorithms.light_gbm import round_down
from workers.modeler.exactness import TOLERANCE, perturbed, require_exact
from workers.modeler.metrics import evaluate
from workers.modeler.preparation import SCALERS, fit_preparation

#: What lets an algorithm learn forty molecules by heart, where its defaults are meant not to.
BY_HEART = {
    "lightgbmclassifier": {"min_child_samples": 1, "n_estimators": 50, "learning_rate": 0.2},
    "lightgbmregressor": {"min_child_samples": 1, "n_estimators": 50, "learning_rate": 0.2},
    "ridgeregression": {"alpha": 0.01},
    "randomforestclassifier": {"n_estimators": 30},
    "randomforestregressor": {"n_estimators": 30},
}
every_algorithm = pytest.mark.parametrize("algorithm", tuple(ALGORITHMS), ids=lambda row: row.code)


def problem(algorithm: Algorithm, classes: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Fingerprints beside descriptors of forty molecules, and what is to be learned of them.

    Dense arithmetic gets them scaled, as it should; trees get the raw values, where thresholds matter.
    """
    features, activity = features_of_bioactive(40)
    if not algorithm.any_block:
        features = fit_preparation(SCALERS.get("standard"), features).apply(features)
    if algorithm.task == "regression":
        return features, activity
    edges = np.quantile(activity, np.arange(1, classes) / classes)
    return features, np.searchsorted(edges, activity)


def fitted(
    algorithm: Algorithm, classes: int = 2, threads: int = 1, **given: Any
) -> tuple[Any, np.ndarray, np.ndarray]:
    x, y = problem(algorithm, classes)
    parameters = algorithm.resolve({**BY_HEART.get(algorithm.code, {}), **given})
    return algorithm.fit(x, y, parameters, Run(7, threads)), x, y


@every_algorithm
def test_every_algorithm_can_learn_forty_molecules_by_heart(algorithm: Algorithm) -> None:
    estimator, x, y = fitted(algorithm)
    figures = evaluate(algorithm.task, y, algorithm.outputs(estimator, x))
    assert figures.get("AUC", 1.0) > 0.99
    assert figures.get("R2", 1.0) > 0.85


@every_algorithm
@pytest.mark.parametrize("classes", [2, 3])
def test_the_exported_graph_predicts_what_the_estimator_does_on_seen_and_unseen_rows(
    algorithm: Algorithm, classes: int
) -> None:
    estimator, x, y = fitted(algorithm, classes)
    graph = algorithm.export(estimator, x.shape[1])
    unseen = perturbed(x, x.max(axis=0) > 1, seed=3)
    assert require_exact(algorithm, estimator, graph, [x, unseen], float(np.std(y))) < TOLERANCE / 5


@every_algorithm
def test_the_same_seed_gives_the_same_bytes_with_one_thread_or_two(algorithm: Algorithm) -> None:
    few = {p.name: 10 for p in algorithm.parameters if p.name == "n_estimators"}
    graphs = []
    for threads in (1, 2, 2):
        estimator, x, _ = fitted(algorithm, threads=threads, **few)
        graphs.append(algorithm.export(estimator, x.shape[1]))
    assert graphs[0] == graphs[1] == graphs[2]


@every_algorithm
def test_an_algorithm_that_claims_any_block_gives_the_same_bits_in_blocks_and_one_by_one(
    algorithm: Algorithm,
) -> None:
    estimator, x, _ = fitted(algorithm)
    graph = algorithm.export(estimator, x.shape[1])
    unseen = perturbed(x, x.max(axis=0) > 1, seed=3)
    blocks, rows = (OnnxPredictor(graph, x.shape[1], any_block)(unseen) for any_block in (True, False))
    if algorithm.any_block:
        assert np.array_equal(blocks, rows)
    else:
        assert np.allclose(blocks, rows, rtol=1e-4, atol=1e-4)


@every_algorithm
def test_no_rows_give_no_outputs_of_the_right_width(algorithm: Algorithm) -> None:
    estimator, x, _ = fitted(algorithm, classes=3)
    assert algorithm.outputs(estimator, x[:0]).shape == (0, 3 if algorithm.task == "classification" else 1)


@every_algorithm
def test_the_defaults_of_every_algorithm_are_allowed_by_its_own_bounds(algorithm: Algorithm) -> None:
    defaults = algorithm.resolve({})
    assert algorithm.resolve(defaults) == defaults


@every_algorithm
def test_an_unknown_hyper_parameter_is_refused_with_those_that_exist(algorithm: Algorithm) -> None:
    with pytest.raises(Rejected) as caught:
        algorithm.resolve({"nonsense": 1})
    assert caught.value.code == Code.UNKNOWN_NAME
    assert all(parameter.name in caught.value.message for parameter in algorithm.parameters)


@pytest.mark.parametrize(
    ("method", "given"),
    [
        ("randomforestclassifier", {"n_estimators": 0}),
        ("randomforestclassifier", {"n_estimators": 10.5}),
        ("randomforestclassifier", {"n_estimators": True}),
        ("randomforestclassifier", {"n_estimators": None}),
        ("randomforestclassifier", {"max_features": "all"}),
        ("randomforestclassifier", {"max_features": float("nan")}),
        ("randomforestclassifier", {"class_weight": ["balanced"]}),
        ("lightgbmregressor", {"learning_rate": 2}),
        ("lightgbmregressor", {"linear_tree": True}),
        ("lightgbmregressor", {"zero_as_missing": True}),
        ("lightgbmregressor", {"boosting": "rf"}),
        ("ridgeregression", {"alpha": -1.0}),
    ],
)
def test_a_hyper_parameter_out_of_bounds_or_refused_is_named(method: str, given: dict) -> None:
    with pytest.raises(Rejected) as caught:
        ALGORITHMS.get(method).resolve(given)
    assert caught.value.code == Code.INVALID_COMMAND
    assert next(iter(given)) in caught.value.message


def test_a_whole_number_given_as_a_double_is_taken_as_an_integer() -> None:
    resolved = ALGORITHMS.get("randomforestregressor").resolve({"n_estimators": 50.0, "max_depth": None})
    assert resolved["n_estimators"] == 50
    assert isinstance(resolved["n_estimators"], int)
    assert resolved["max_depth"] is None


@pytest.mark.parametrize(
    ("name", "task", "code"),
    [
        ("linearregression", "classification", "logisticregression"),
        ("linearregression", "regression", "ridgeregression"),
        ("RandomForest", "regression", "randomforestregressor"),
        ("randomforestclassifier", "classification", "randomforestclassifier"),
        ("lightgbm", "classification", "lightgbmclassifier"),
    ],
)
def test_a_family_takes_its_member_from_the_task(name: str, task: str, code: str) -> None:
    assert METHODS.get(name).algorithm(task).code == code


def test_a_method_is_not_bent_to_a_task_that_it_does_not_do() -> None:
    with pytest.raises(Rejected) as caught:
        METHODS.get("randomforestclassifier").algorithm("regression")
    assert caught.value.code == Code.INVALID_COMMAND


@given(
    st.floats(allow_nan=False, allow_infinity=False, min_value=-1e38, max_value=1e38),
    st.integers(-2, 2),
)
def test_a_rounded_threshold_asks_every_float32_the_same_question(threshold: float, steps: int) -> None:
    x = np.float32(threshold)
    for _ in range(abs(steps)):
        x = np.nextafter(x, np.float32(np.inf * np.sign(steps)))
    rounded = round_down(threshold)
    assert float(np.float32(rounded)) == rounded
    assert (float(x) <= threshold) == (float(x) <= rounded)


def test_a_graph_of_another_model_does_not_pass_the_gate() -> None:
    algorithm = ALGORITHMS.get("ridgeregression")
    estimator, x, y = fitted(algorithm)
    other = algorithm.fit(x, y + 0.01 * np.std(y), algorithm.resolve({"alpha": 0.01}), Run(7, 1))
    with pytest.raises(Rejected) as caught:
        require_exact(algorithm, estimator, algorithm.export(other, x.shape[1]), [x], float(np.std(y)))
    assert caught.value.code == Code.INTERNAL
    assert not caught.value.retryable
    assert float(caught.value.details["largest_difference"]) == pytest.approx(0.01, rel=0.01)
