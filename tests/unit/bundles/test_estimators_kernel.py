from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from molfleet.bundles.estimators import ESTIMATORS
from molfleet.bundles.estimators.kernel import Expansion, KernelPredictor, Link
from molfleet.bundles.estimators.references import Mixture, References
from tests.unit.bundles.estimator_rows import COUNTED, NUMBERS, WIDTH, changed, encoded, features, space

ROWS = 25
MIXTURE = Mixture(0.7, 0.4, 0.3, 0.001, 0.0004)


def expansion(decisions: int = 1, link: bool = False, most: int = 3) -> Expansion:
    rng = np.random.default_rng(4)
    return Expansion(
        space=space(),
        rows=encoded(ROWS, 1, most),
        mixture=MIXTURE,
        coefficients=rng.normal(size=(decisions, ROWS)),
        intercept=rng.normal(size=decisions),
        link=Link(rng.uniform(0.5, 2.0, decisions), rng.normal(size=decisions)) if link else None,
    )


def loaded(model: Expansion) -> Any:
    return ESTIMATORS.get("kernel").load(model.pack(), WIDTH, False)


@pytest.mark.parametrize("most", [1, 3])
def test_an_expansion_predicts_the_sum_of_coefficients_times_similarities(most: int) -> None:
    model, x = expansion(most=most), features(9, 2, most)
    found = loaded(model)(x)
    assert found.shape == (9, 1)
    for row, output in zip(x, found[:, 0], strict=True):
        query = model.space.encode(row[np.newaxis])
        wanted = model.intercept[0]
        for number in range(ROWS):
            reference = References(model.rows[number : number + 1])
            wanted += model.coefficients[0, number] * reference.similarities(query, MIXTURE)[0, 0]
        assert output == pytest.approx(wanted, rel=1e-12)


def test_a_link_makes_probabilities_of_two_classes_of_one_decision() -> None:
    model, x = expansion(link=True), features(9, 2)
    decisions = loaded(expansion())(x)[:, 0]
    assert model.link is not None
    positive = 1 / (1 + np.exp(-(model.link.slope[0] * decisions + model.link.offset[0])))
    assert np.allclose(loaded(model)(x), np.stack([1 - positive, positive], axis=1), rtol=1e-12)


def test_probabilities_of_several_classes_are_in_proportion_to_each_against_the_others() -> None:
    model, x = expansion(3, link=True), features(9, 2)
    found = loaded(model)(x)
    assert found.shape == (9, 3)
    assert np.allclose(found.sum(axis=1), 1.0)
    link = model.link
    assert link is not None
    one = Expansion(
        model.space, model.rows, MIXTURE, model.coefficients[:1], model.intercept[:1],
        Link(link.slope[:1], link.offset[:1]),
    )  # fmt: skip
    ratio = found[:, 0] / loaded(one)(x)[:, 1]
    last = Expansion(
        model.space, model.rows, MIXTURE, model.coefficients[2:], model.intercept[2:],
        Link(link.slope[2:], link.offset[2:]),
    )  # fmt: skip
    assert np.allclose(found[:, 2] / loaded(last)(x)[:, 1], ratio)


@pytest.mark.parametrize("decision", [-1e308, 1e308])
def test_decisions_beyond_all_bounds_are_probabilities_still(decision: float) -> None:
    link = Link(np.ones(3), np.zeros(3))
    found = link(np.full((1, 3), decision))
    assert np.allclose(found, 1 / 3)


@given(st.integers(1, 30), st.integers(0, 29))
def test_outputs_are_the_same_bit_for_bit_alone_and_among_others(count: int, row: int) -> None:
    predict, x = loaded(expansion(3, link=True)), features(count, 2)
    row %= count
    assert np.array_equal(predict(x)[row], predict(x[row : row + 1])[0])


def test_outputs_do_not_depend_on_where_a_call_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = expansion(), features(20, 2)
    whole = loaded(model)(x)
    monkeypatch.setattr("molfleet.bundles.estimators.kernel._SIMILARITIES", 3 * ROWS)
    assert np.array_equal(loaded(model)(x), whole)


def test_a_row_with_a_gap_has_no_output_and_costs_no_other_row_its_own() -> None:
    predict, x = loaded(expansion()), features(5, 2)
    whole = predict(x)
    x[2, 3] = np.nan
    assert np.isnan(predict(x)[2]).all()
    assert np.array_equal(np.delete(predict(x), 2, axis=0), np.delete(whole, 2, axis=0))


def test_no_rows_have_no_outputs() -> None:
    assert loaded(expansion(3, link=True))(features(0, 2)).shape == (0, 3)
    assert loaded(expansion())(features(0, 2)).shape == (0, 1)


def test_equal_expansions_are_equal_bytes() -> None:
    assert expansion(3, link=True).pack() == expansion(3, link=True).pack()


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"coefficients": None}, "coefficients is missing"),
        ({"coefficients": np.zeros((1, ROWS + 1))}, "coefficients is float64"),
        ({"coefficients": np.zeros((1, ROWS), np.float32)}, "coefficients is float32"),
        ({"coefficients": np.full((1, ROWS), np.nan)}, "coefficients has values that are not finite"),
        ({"coefficients": np.zeros((2, ROWS)), "intercept": np.zeros(2)}, "2 decision values"),
        ({"intercept": np.array([np.inf])}, "intercept has values that are not finite"),
        ({"slope": np.ones(1)}, "offset is missing"),
        ({"surprise": np.ones(1)}, "unknown arrays: surprise"),
        ({"terms": np.array([1.0, -1.0, 0.0, 0.0])}, "terms has negative values"),
        ({"gamma": np.array([-1.0])}, "gamma is -1"),
        ({"grid": np.full((ROWS, NUMBERS), -128, np.int8)}, "grid has values beyond"),
        ({"grid": np.zeros((ROWS - 1, NUMBERS), np.int8)}, "grid is int8"),
        ({"counts": np.zeros((ROWS, COUNTED), np.uint16)}, "counts is uint16"),
        ({"fingerprint": np.arange(COUNTED, dtype=np.int64)}, "fingerprint is int64"),
        ({"fingerprint": np.arange(COUNTED, dtype=np.int32)[::-1].copy()}, "ascending"),
        ({"fingerprint": np.arange(COUNTED, dtype=np.int32) - 1}, "45 features do not have"),
        ({"continuous": np.arange(WIDTH, WIDTH + NUMBERS, dtype=np.int32)}, "45 features do not have"),
        ({"continuous": np.arange(NUMBERS, dtype=np.int32)}, "both fingerprint and continuous"),
        ({"scale": np.zeros(NUMBERS)}, "scale is not positive"),
        (
            {
                "counts": np.zeros((0, COUNTED), np.uint8),
                "grid": np.zeros((0, NUMBERS), np.int8),
                "coefficients": np.zeros((1, 0)),
            },
            "no molecules",
        ),
    ],
)
def test_a_part_that_is_not_sound_is_refused_with_what_is_wrong(arrays: dict, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        KernelPredictor(changed(expansion().pack(), **arrays), WIDTH, False)


def test_bytes_that_are_cut_or_something_else_are_refused() -> None:
    part = expansion().pack()
    for data in (b"", part[:-1], part[:100], b"\xff" * 64, b"no safetensors at all"):
        with pytest.raises(ValueError, match="not a safetensors file"):
            KernelPredictor(data, WIDTH, False)


def test_counts_of_more_levels_than_any_fingerprint_has_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("molfleet.bundles.estimators.references._MAX_LEVELS", COUNTED)
    with pytest.raises(ValueError, match="levels"):
        loaded(expansion())
