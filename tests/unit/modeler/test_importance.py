"""Which columns a model looks at, found where a law says which they are."""

from __future__ import annotations

import numpy as np
import pytest
from lightgbm import LGBMRegressor
from sklearn.ensemble import RandomForestRegressor
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor

from molfleet.bundles.features import Toolbox
from molfleet.chemistry.featurizers import SpecValue
from workers.modeler.importance import (
    CANDIDATES,
    Column,
    columns_of,
    feature_importance,
    native_importance,
)

ROWS, BITS, INFORMATIVE, DESCRIPTOR = 300, 40, 7, 41


def columns() -> list[Column]:
    bits = [Column("ECFP_40_2", "ECFP:40:2", "bits", place, str(place)) for place in range(BITS)]
    names = ("MolWt", "Ipc", "LogP")
    return bits + [Column("DESC", "DESC", "descriptors", place, name) for place, name in enumerate(names)]


def features(seed: int = 0) -> np.ndarray:
    """Bits set in a fifth of the records, and descriptors of which one reaches 1e30 and one has gaps."""
    rng = np.random.default_rng(seed)
    bits = rng.random((ROWS, BITS)) < 0.2
    descriptors = np.stack(
        [rng.normal(300, 50, ROWS), 10 ** rng.uniform(0, 30, ROWS), rng.normal(size=ROWS)], axis=1
    )
    descriptors[::10, 2] = np.nan
    return np.hstack([bits, descriptors]).astype(np.float32)


def test_the_columns_are_those_of_the_featurizers_in_order() -> None:
    tools = Toolbox()
    specs = [SpecValue("ECFP", 128, 1), SpecValue("DESC", parameters={"names": ("TPSA", "MolWt")})]
    found = columns_of([tools.featurizer(tools.add(spec)) for spec in specs])
    assert len(found) == 130
    assert (found[5].featurizer, found[5].kind, found[5].place, found[5].name) == (
        "ECFP_128_1",
        "bits",
        5,
        "5",
    )
    assert [column.name for column in found[128:]] == ["TPSA", "MolWt"]


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("at", [INFORMATIVE, DESCRIPTOR])
def test_the_one_column_of_a_law_is_found_by_losing_it(at: int, sign: int) -> None:
    x = features()
    law = np.log10(x[:, at]) if at == DESCRIPTOR else x[:, at]
    items = feature_importance(
        columns(),
        x,
        sign * law.astype(np.float64),
        "regression",
        predict=lambda rows: (
            sign * (np.log10(rows[:, [at]]) if at == DESCRIPTOR else rows[:, [at]]).astype(float)
        ),
        held_out=np.arange(0, ROWS, 2),
        seed=1,
    )
    assert (items[0].index, items[0].weight, items[0].direction) == (at, 1.0, sign)
    assert items[0].column == columns()[at]
    assert items[0].count == (int(x[:, at].sum()) if at == INFORMATIVE else ROWS)
    assert len(items) == len(columns())
    assert all(item.weight == 0 for item in items[1:])


def test_losing_a_column_costs_what_scikit_learn_says() -> None:
    rng = np.random.default_rng(0)
    x = features()[:, :BITS]
    y = 3 * x[:, 3] - 2 * x[:, 8] + x[:, 20] + 0.1 * rng.normal(size=ROWS)
    model = Ridge().fit(x, y)
    expected = permutation_importance(
        model, x, y, scoring="neg_mean_squared_error", n_repeats=20, random_state=0
    ).importances_mean
    items = feature_importance(
        columns()[:BITS], x, y, "regression", predict=lambda rows: model.predict(rows)[:, np.newaxis]
    )
    assert [item.index for item in items[:3]] == np.argsort(-expected)[:3].tolist() == [3, 8, 20]
    share = expected[items[0].index] / np.maximum(expected, 0).sum()
    assert items[0].weight == pytest.approx(share, abs=0.1)


@pytest.mark.parametrize("positive", [True, False])
def test_direction_is_that_of_the_positive_class(positive: bool) -> None:
    x = features()[:, :BITS]
    y = (x[:, 5] > 0).astype(int) if positive else (x[:, 5] == 0).astype(int)
    model = LogisticRegression().fit(x, y)
    items = feature_importance(columns()[:BITS], x, y, "classification", native=native_importance(model, x))
    assert (items[0].index, items[0].direction, items[0].label) == (5, 1 if positive else -1, None)


def test_of_several_classes_the_one_that_a_column_goes_with_is_named() -> None:
    x = features()[:, :BITS]
    y = np.where(x[:, 2] > 0, 2, np.arange(ROWS) % 2)
    model = LogisticRegression().fit(x, y)
    items = feature_importance(
        columns()[:BITS], x, y, "classification", predict=lambda rows: model.predict_proba(rows)
    )
    assert (items[0].index, items[0].label, items[0].direction) == (2, 2, 1)


@pytest.mark.parametrize(
    "model",
    [
        RandomForestRegressor(10, random_state=0),
        LGBMRegressor(n_estimators=20, verbosity=-1, n_jobs=1),
        Ridge(),
    ],
)
def test_estimators_that_know_their_columns_are_believed(model: object) -> None:
    x = features()[:, :BITS]
    y = 2.0 * x[:, INFORMATIVE] + np.random.default_rng(0).normal(size=ROWS) / 10
    native = native_importance(model.fit(x, y), x)  # type: ignore[attr-defined]
    items = feature_importance(columns()[:BITS], x, y, "regression", native=native)
    assert items[0].index == INFORMATIVE
    assert items[0].weight > 0.7
    assert sum(item.weight for item in items) == pytest.approx(1)


def test_a_coefficient_counts_as_much_as_its_column_varies() -> None:
    x = features()[:, [0, BITS]]  # a bit, and a weight of some hundreds
    y = x[:, 0] + 1e-4 * x[:, 1]
    native = native_importance(Ridge(alpha=1e-6).fit(x.astype(float), y), x)
    assert native == pytest.approx([x[:, 0].std(), 1e-4 * x[:, 1].std()], rel=0.01)


def test_an_estimator_that_says_nothing_of_its_columns_has_none() -> None:
    assert native_importance(KNeighborsRegressor(), features()) is None


def test_predictions_are_bounded_whatever_the_columns_and_rows() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2_000, 600)).astype(np.float32)
    y = x @ rng.normal(size=600)
    asked: list[int] = []

    def predict(rows: np.ndarray) -> np.ndarray:
        asked.append(len(rows))
        return rows.sum(axis=1, keepdims=True).astype(float)

    many = [Column("DESC", "DESC", "descriptors", place, f"d{place}") for place in range(600)]
    items = feature_importance(many, x, y, "regression", predict=predict)
    assert sum(asked) <= 21_000
    assert max(asked) <= 2_500
    assert 0 < sum(item.weight > 0 for item in items) <= CANDIDATES


@pytest.mark.filterwarnings("error")
def test_nothing_to_learn_from_gives_weights_of_zero_and_no_direction() -> None:
    x, y = np.zeros((5, 3), np.float32), np.arange(5.0)
    x[:, 2] = np.nan
    named = [*columns()[:2], Column("DESC", "DESC", "descriptors", 0, "MolWt")]
    for fields in ({}, {"predict": lambda rows: np.zeros((len(rows), 1))}, {"native": np.zeros(3)}):
        items = feature_importance(named, x, y, "regression", **fields)
        assert [(item.weight, item.direction, item.count) for item in items] == [(0, 0, 0)] * 3


def test_the_same_seed_gives_the_same_weights() -> None:
    x = features()
    y = x[:, 1] + x[:, 2].astype(float)

    def told(seed: int) -> list[tuple[int, float]]:
        found = feature_importance(
            columns(), x, y, "regression", predict=lambda rows: rows[:, 1:3] @ np.ones((2, 1)), seed=seed
        )
        return [(item.index, item.weight) for item in found]

    assert told(3) == told(3)
    assert told(3) != told(4)
