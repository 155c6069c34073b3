"""Where an algorithm is ours, or does more than its library, another program says what is right."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import ElasticNet, LogisticRegression, Ridge
from sklearn.naive_bayes import BernoulliNB

from workers.modeler.algorithms import ALGORITHMS, ada_boost, gradient_boosting
from workers.modeler.algorithms.base import Run
from workers.modeler.algorithms.naive_bayes import BinnedNaiveBayes
from workers.modeler.metrics import evaluate


def rows(count: int = 150, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """30 correlated columns and a noisy law."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 30)) @ rng.normal(size=(30, 30)) / 5
    return x.astype(np.float32), x[:, :5].sum(axis=1) + rng.normal(size=count)


@pytest.mark.parametrize("alpha", [0.1, 10.0, 1_000.0])
def test_ridge_is_scikit_learns(alpha: float) -> None:
    x, y = rows()
    ours = ALGORITHMS.get("ridge")
    model = ours.fit(x, y, {"alpha": alpha}, Run(0, 1))
    theirs = Ridge(alpha=alpha).fit(x.astype(float), y)
    assert ours.outputs(model, x)[:, 0] == pytest.approx(theirs.predict(x.astype(float)), abs=1e-8)


def test_ridge_without_a_penalty_has_an_answer_where_columns_repeat() -> None:
    x, y = rows()
    ours = ALGORITHMS.get("ridge")
    twice = np.concatenate([x, x, np.ones_like(x)], axis=1)
    model = ours.fit(twice, y, {"alpha": 0.0}, Run(0, 1))
    once = ours.fit(x, y, {"alpha": 0.0}, Run(0, 1))
    assert ours.outputs(model, twice) == pytest.approx(ours.outputs(once, x), abs=1e-4)


@pytest.mark.parametrize("l1_ratio", [0.05, 0.5, 1.0])
def test_the_elastic_net_is_scikit_learns(l1_ratio: float) -> None:
    x, y = rows()
    ours = ALGORITHMS.get("elasticnetregressor")
    parameters = ours.resolve({"alpha": 0.1, "l1_ratio": l1_ratio})
    model = ours.fit(x, y, parameters, Run(0, 1))
    theirs = ElasticNet(alpha=0.1, l1_ratio=l1_ratio, tol=1e-8, max_iter=50_000).fit(x.astype(float), y)
    assert model.coef_[0] == pytest.approx(theirs.coef_, abs=2e-3)
    if l1_ratio == 1.0:
        assert np.array_equal(model.coef_[0] != 0, theirs.coef_ != 0)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("weight", ["balanced", "none"])
def test_the_elastic_net_of_classes_is_scikit_learns(classes: int, weight: str) -> None:
    x, y = rows()
    y = np.searchsorted([1.0, 2.5][: classes - 1], y)
    ours = ALGORITHMS.get("elasticnetclassifier")
    parameters = ours.resolve({"C": 0.3, "l1_ratio": 0.5, "class_weight": weight})
    model = ours.fit(x, y, parameters, Run(0, 1))
    theirs = LogisticRegression(
        C=0.3,
        l1_ratio=0.5,
        solver="saga",
        tol=1e-7,
        max_iter=20_000,
        class_weight=None if weight == "none" else weight,
    ).fit(x.astype(float), y)
    assert ours.outputs(model, x) == pytest.approx(theirs.predict_proba(x.astype(float)), abs=2e-3)


def naive_bayes(**given: object) -> BinnedNaiveBayes:
    told = {"alpha": 1.0, "bins": 8, "balanced": False, "temperature": 1.0, "continuous": None, "seed": 0}
    return BinnedNaiveBayes(**{**told, **given})  # type: ignore[arg-type]


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("alpha", [0.01, 1.0])
def test_naive_bayes_on_bits_or_counts_is_scikit_learns_of_bernoulli(classes: int, alpha: float) -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(classes, size=200)
    x = rng.poisson((0.1 + 0.4 * rng.random((classes, 50)))[y]).astype(np.float32)
    x[:, 0] = 0
    model = naive_bayes(alpha=alpha, balanced=True).fit(x, y)
    theirs = BernoulliNB(alpha=alpha, fit_prior=False).fit(x, y)
    assert model.predict_proba(x) == pytest.approx(theirs.predict_proba(x), abs=1e-9)
    assert np.array_equal(model.predict(x), theirs.predict(x))


def test_naive_bayes_counts_the_bins_of_a_descriptor_whatever_its_scale() -> None:
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 200)
    raw = np.where(
        y == 0, rng.normal(0, 1, 400), rng.normal(0, 5, 400)
    )  # the same mean: no line parts them
    x = np.stack([raw, np.exp(raw * 5)], axis=1).astype(np.float32)
    x[0, 1] = 1e30
    model = naive_bayes(continuous=np.array([True, True])).fit(x, y)
    stretched = naive_bayes(continuous=np.array([True, True])).fit(x * 1024, y)
    assert np.array_equal(model.predict_proba(x), stretched.predict_proba(x * 1024))
    assert evaluate("classification", y, model.predict_proba(x))["AUC"] > 0.8


def test_naive_bayes_is_not_made_surer_by_a_column_that_says_the_same_again() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=400)
    x = (rng.random((400, 1)) < 0.2 + 0.6 * y[:, None]).astype(np.float32)
    once, often = (
        naive_bayes(temperature=None).fit(x.repeat(times, axis=1), y).predict_proba(x.repeat(times, axis=1))
        for times in (1, 40)
    )
    assert often == pytest.approx(once, abs=0.05)


def test_a_network_gives_values_in_the_units_that_it_was_given() -> None:
    x, y = rows()
    ours = ALGORITHMS.get("mlpregressor")
    parameters = ours.resolve({})
    plain, moved = (ours.fit(x, target, parameters, Run(3, 1)) for target in (y, 50 * y + 700))
    assert ours.outputs(moved, x) == pytest.approx(50 * ours.outputs(plain, x) + 700, rel=1e-4)


def test_a_network_of_too_few_rows_holds_none_of_them_out() -> None:
    x, y = rows(count=60)
    ours = ALGORITHMS.get("mlpclassifier")
    model = ours.fit(x, np.digitize(y, [1.0]), ours.resolve({"max_iter": 5}), Run(3, 1))
    assert model.validation_scores_ is None


def test_a_forest_of_many_rows_draws_them_for_each_tree_and_one_of_few_is_the_librarys() -> None:
    x, y = rows()
    ours = ALGORITHMS.get("randomforestregressor")
    parameters = ours.resolve({"n_estimators": 5, "max_features": 0.5})
    theirs = RandomForestRegressor(5, max_features=0.5, random_state=3).fit(x, y)
    model = ours.fit(x, y, parameters, Run(3, 1))
    assert np.array_equal(model.predict(x), theirs.predict(x))
    for code in ("randomforestregressor", "extratreesregressor"):
        drawn = ALGORITHMS.get(code).fit(x, y, {**parameters, "max_samples": 40}, Run(3, 1))
        assert all(member.tree_.n_node_samples[0] <= 40 for member in drawn.estimators_)


@pytest.mark.slow
def test_a_boosted_tree_of_values_is_grown_on_so_many_of_the_rows_that_are_drawn_for_it() -> None:
    ours = ALGORITHMS.get("adaboostregressor")
    x = np.random.default_rng(0).normal(size=(30_000, 1)).astype(np.float32)
    for count, expected in ((1_000, 1_000), (30_000, ada_boost.ROWS_PER_TREE)):
        model = ours.fit(x[:count], x[:count, 0], ours.resolve({"n_estimators": 2}), Run(3, 1))
        assert {int(one.tree_.n_node_samples[0]) for one in model.estimators_} == {expected}


@pytest.mark.slow
@pytest.mark.parametrize("code", ["gradientboostingregressor", "gradientboostingclassifier"])
def test_a_round_of_boosting_sees_a_part_of_the_rows_and_of_many_rows_so_many(code: str) -> None:
    ours = ALGORITHMS.get(code)
    x = np.random.default_rng(0).normal(size=(30_000, 1)).astype(np.float32)
    y = x[:, 0] > 0
    for count, given, expected in (
        (1_000, {}, 700),
        (30_000, {}, gradient_boosting.ROWS_PER_ROUND),
        (30_000, {"subsample": 0.9}, 27_000),
    ):
        parameters = ours.resolve({"n_estimators": 2, **given})
        model = ours.fit(x[:count], y[:count].astype(int), parameters, Run(3, 1))
        assert {int(one.tree_.n_node_samples[0]) for one in model.estimators_[:, 0]} == {expected}


@pytest.mark.parametrize(
    ("code", "share"),
    [
        ("adaboostregressor", 0.2),
        ("randomforestregressor", 0.4),
        ("extratreesregressor", 0.35),
        ("gradientboostingregressor", 0.1),
    ],
)
def test_a_split_tries_a_share_of_many_features_and_all_of_a_few(code: str, share: float) -> None:
    ours = ALGORITHMS.get(code)

    def tried(width: int, **given: str) -> float | str:
        built = ours.build(ours.resolve(given), Run(3, 1, np.zeros(width, np.bool_)))
        return cast(
            "float | str", (built if hasattr(built, "max_features") else built.estimator).max_features
        )

    assert [tried(width) for width in (8, 40, 2048)] == [1.0, 0.8, share]
    assert tried(8, max_features="sqrt") == "sqrt"


def test_random_splits_try_more_features_where_there_are_descriptors() -> None:
    ours = ALGORITHMS.get("extratreesregressor")
    mixed = np.arange(2_000) < 200
    tried = [
        ours.build(ours.resolve({}), Run(3, 1, continuous)).max_features
        for continuous in (mixed, mixed[200:], mixed[:200])
    ]
    assert tried == [0.6, 0.35, 0.6]
