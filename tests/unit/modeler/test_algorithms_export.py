"""What goes into a bundle says what the estimator says, whatever the algorithm."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from molfleet.bundles.estimators import OnnxPredictor
from molfleet.errors import Code, Rejected
from tests.unit.modeler.algorithm_problems import every_algorithm, every_classifier, exported, fitted, known
from workers.modeler.algorithms import ALGORITHMS
from workers.modeler.algorithms.base import Algorithm, Run
from workers.modeler.algorithms.onnx_trees import Tree, boosted_classes, regression, round_down
from workers.modeler.exactness import TOLERANCE, perturbed, require_exact


def unseen(x: np.ndarray) -> np.ndarray:
    return perturbed(x, np.arange(len(x)), np.arange(x.shape[1]) >= 512, seed=3)


@every_algorithm
def test_the_exported_part_predicts_what_the_estimator_does_on_seen_and_unseen_rows(
    algorithm: Algorithm,
) -> None:
    estimator, x, _ = known(algorithm.code)
    part = exported(algorithm, estimator, x.shape[1])
    assert require_exact(algorithm, estimator, part, [x, unseen(x)]) < TOLERANCE / 5


@pytest.mark.slow
@every_classifier
@pytest.mark.parametrize("classes", [3, pytest.param(10, marks=pytest.mark.slow)])
def test_so_it_does_for_several_classes(algorithm: Algorithm, classes: int) -> None:
    estimator, x, _ = known(algorithm.code, classes)
    part = exported(algorithm, estimator, x.shape[1])
    assert require_exact(algorithm, estimator, part, [x, unseen(x)[:300]]) < TOLERANCE / 5
    assert part(x).sum(axis=1) == pytest.approx(np.ones(len(x)), abs=1e-5)


@pytest.mark.parametrize(
    ("code", "given"),
    [
        ("logisticregression", {"C": 1e6, "class_weight": "none"}),
        ("ridgeregression", {"alpha": 0.0}),
        ("elasticnetclassifier", {"l1_ratio": 1.0}),
        ("adaboostclassifier", {"max_depth": 1, "learning_rate": 0.1, "class_weight": "none"}),
        ("adaboostregressor", {"loss": "exponential", "max_features": 1.0}),
        ("randomforestclassifier", {"class_weight": "balanced_subsample", "max_samples": 10}),
        ("extratreesregressor", {"max_depth": 1}),
        ("gradientboostingclassifier", {"subsample": 1.0, "max_depth": 12}),
        ("extremegradientboostingregressor", {"gamma": 0.5, "reg_alpha": 1.0, "max_depth": 20}),
        ("extremegradientboostingclassifier", {"min_child_weight": 1e9}),
        ("lightgbmclassifier", {"reg_alpha": 2.0, "max_depth": 2, "colsample_bytree": 1.0}),
        ("lightgbmregressor", {"min_child_samples": 1_000_000}),
        ("mlpclassifier", {"activation": "logistic", "hidden_layers": 3}),
        ("mlpregressor", {"activation": "tanh", "hidden_units": 1, "batch_size": 1_000, "alpha": 0.0}),
        ("naivebayesclassifier", {"alpha": 1e-9, "bins": 2, "temperature": 1.0}),
    ],
)
def test_so_it_does_for_hyper_parameters_at_their_ends(code: str, given: dict[str, object]) -> None:
    algorithm = ALGORITHMS.get(code)
    estimator, x, _ = fitted(algorithm, **given)
    part = exported(algorithm, estimator, x.shape[1])
    assert require_exact(algorithm, estimator, part, [x, unseen(x)[:300]]) < TOLERANCE / 5


def test_the_columns_that_a_boosted_tree_sees_are_all_of_a_few_and_a_part_of_many() -> None:
    for code in ("lightgbmregressor", "extremegradientboostingclassifier"):
        algorithm = ALGORITHMS.get(code)
        shares = [
            algorithm.build(
                algorithm.resolve(given), Run(7, 1, np.ones(width, dtype=bool))
            ).colsample_bytree
            for width, given in ((8, {}), (64, {}), (4_096, {}), (8, {"colsample_bytree": 0.1}))
        ]
        assert shares == [1.0, 0.5, 0.3, 0.1]


@pytest.mark.slow
@every_algorithm
def test_the_same_seed_gives_the_same_bytes_with_one_thread_or_two(algorithm: Algorithm) -> None:
    parts = []
    for threads in (1, 2, 2):
        estimator, x, _ = fitted(algorithm, threads=threads)
        parts.append(algorithm.export(estimator, x.shape[1]))
    assert parts[0] == parts[1] == parts[2]


@every_algorithm
def test_an_algorithm_that_claims_any_block_gives_the_same_bits_in_blocks_and_one_by_one(
    algorithm: Algorithm,
) -> None:
    estimator, x, _ = known(algorithm.code)
    rows = unseen(x)[:300]
    whole, single = (exported(algorithm, estimator, x.shape[1], block)(rows) for block in (True, False))
    if algorithm.any_block:
        assert np.array_equal(whole, single)
    else:
        assert np.allclose(whole, single, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("code", ["randomforestclassifier", "randomforestregressor", "adaboostregressor"])
def test_blocks_do_not_matter_to_as_many_trees_as_a_model_has_by_default(code: str) -> None:
    # onnxruntime sums in another order from 80 trees on, and where a tree has several outputs.
    algorithm = ALGORITHMS.get(code)
    estimator, x, _ = fitted(algorithm, classes=3, n_estimators=120)
    rows = unseen(x)[:200]
    whole, single = (exported(algorithm, estimator, x.shape[1], block)(rows) for block in (True, False))
    assert np.array_equal(whole, single)


def test_a_graph_of_another_model_does_not_pass_the_gate() -> None:
    algorithm = ALGORITHMS.get("ridgeregression")
    estimator, x, y = fitted(algorithm)
    other = algorithm.fit(x, y + 0.01, algorithm.resolve({"alpha": 0.01}), Run(7, 1))
    with pytest.raises(Rejected) as caught:
        require_exact(algorithm, estimator, exported(algorithm, other, x.shape[1]), [x])
    assert caught.value.code == Code.INTERNAL
    assert not caught.value.retryable
    assert float(caught.value.details["largest_difference"]) == pytest.approx(0.01, rel=0.01)


@given(
    st.floats(allow_nan=False, allow_infinity=False, min_value=-1e38, max_value=1e38),
    st.integers(-2, 2),
)
def test_a_rounded_threshold_asks_every_float32_the_same_question(threshold: float, steps: int) -> None:
    x = np.float32(threshold)
    for _ in range(abs(steps)):
        x = np.nextafter(x, np.float32(np.inf * np.sign(steps)))
    rounded = round_down(np.array([threshold]))
    assert rounded.dtype == np.float32
    assert (float(x) <= threshold) == (x <= rounded[0])


@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=7), st.booleans(), st.data())
def test_trees_add_what_a_walk_down_each_of_them_finds(
    thresholds: list[float], strict: bool, data: st.DataObject
) -> None:
    """Chains: the k-th branch asks for x <= threshold k (or x <), yes is a leaf, no the next branch."""
    count = len(thresholds)
    values = np.array(data.draw(st.lists(st.integers(-99, 99), min_size=count + 1, max_size=count + 1)))
    left = np.array([*(count + np.arange(count)), *[-1] * (count + 1)])
    right = np.array([*range(1, count), 2 * count, *[-1] * (count + 1)])
    padded = np.array([*thresholds, *[0.0] * (count + 1)])
    chain = Tree(left, right, padded.astype(int) * 0, padded, np.array([*[0] * count, *values]) * 1.0)
    leaf = Tree(*np.full((2, 1), -1), np.zeros(1, dtype=int), np.zeros(1), np.array([0.5]))
    graph = regression([leaf, chain, chain], 1, base=1.0, branch="<" if strict else "<=")
    x = np.float32([[t + shift] for t in thresholds for shift in (-1, 0, 1)])

    def walked(value: float) -> float:
        yes = [value < t if strict else value <= t for t in thresholds]
        return float(values[yes.index(True) if True in yes else count])

    found = OnnxPredictor(graph, 1, True)(x)[:, 0]
    assert found == pytest.approx([1.5 + 2 * walked(float(value)) for (value,) in x])


def test_leaves_alone_make_a_model_that_says_what_it_began_with() -> None:
    leaf = Tree(*np.full((2, 1), -1), np.zeros(1, dtype=int), np.zeros(1), np.zeros(1))
    graph = boosted_classes([leaf], 2, np.array([np.log(3.0)]))
    outputs = OnnxPredictor(graph, 2, True)(np.zeros((3, 2), dtype=np.float32))
    assert outputs == pytest.approx(np.array([[0.25, 0.75]] * 3))
