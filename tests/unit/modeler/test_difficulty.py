"""The estimate of difficulty is the one that independent methods find, and never sees what it judges."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import GammaRegressor

from molfleet.bundles.difficulty import SIGNS
from tests.unit.modeler.exchangeable import regression
from workers.modeler import difficulty
from workers.modeler.difficulty import Records, cross_fitted, fit, records, sigma

EVERYTHING = np.ones(300, np.bool_)


@pytest.fixture(scope="module")
def known() -> Records:
    drawn = regression(np.random.default_rng(31), 300)
    return records(drawn.outputs[:, 0], drawn.values, drawn.folds, drawn.ecfp4)


def test_the_coefficients_are_those_of_a_gamma_regression(
    known: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exponential and gamma deviance have their least at the same place."""
    monkeypatch.setattr(difficulty, "_MONOTONE", frozenset())
    fitted = fit(known, EVERYTHING)
    rows = np.arange(300)
    signs = difficulty._signs(known, rows, fitted.error, fitted.spread)
    standard = (signs - signs.mean(axis=0)) / signs.std(axis=0)
    errors = np.maximum(known.errors, 1e-3 * fitted.error)
    oracle = GammaRegressor(alpha=2 * difficulty._PENALTY / 300, tol=1e-8, max_iter=10_000)
    oracle.fit(standard, errors)
    found = np.array([sign.coefficient for sign in fitted.signs]) / difficulty._DRAWN
    assert found == pytest.approx(oracle.coef_, abs=2e-3)
    assert fitted.intercept == pytest.approx(oracle.intercept_, abs=2e-3)


def test_signs_of_difficulty_never_make_a_prediction_easier(known: Records) -> None:
    fitted = fit(known, EVERYTHING)
    for sign in fitted.signs:
        assert sign.coefficient >= 0 or sign.name in ("size", "value")
    assert [sign.name for sign in fitted.signs] == list(SIGNS)


def test_families_with_larger_errors_are_more_difficult(known: Records) -> None:
    found = sigma(fit(known, EVERYTHING), known, EVERYTHING)
    family = np.unpackbits(known.ecfp4, axis=1, bitorder="little")[:, :600].reshape(300, 50, 12).sum(axis=2)
    family = family.argmax(axis=1)
    assert found[family >= 40].mean() > 2 * found[family < 10].mean()


def test_neighbours_come_from_other_folds(known: Records) -> None:
    for row, near in enumerate(known.rows):
        assert not (known.folds[near[near >= 0]] == known.folds[row]).any()


def test_a_records_sigma_is_made_without_the_errors_of_its_fold(known: Records) -> None:
    """Where its fold has no neighbours elsewhere; a neighbour's error is a sign of difficulty."""
    own = known.folds == 0
    known = replace(known, similarities=np.where(own[known.rows], 0.0, known.similarities))
    changed = replace(known, values=known.values + own * (known.values - known.predicted))
    before, chosen = cross_fitted(known)
    after, chosen_again = cross_fitted(changed)
    assert chosen is not None
    assert chosen_again is not None
    assert after[own].tolist() == before[own].tolist()
    assert after[~own].tolist() != before[~own].tolist()


def test_the_estimate_does_not_depend_on_the_units_of_the_target(known: Records) -> None:
    scaled = replace(known, values=1e3 * known.values, predicted=1e3 * known.predicted)
    found, _ = cross_fitted(known)
    of_scaled, _ = cross_fitted(scaled)
    assert of_scaled == pytest.approx(1e3 * found, rel=1e-2)


def test_errors_that_are_all_zero_have_no_difficulty(known: Records) -> None:
    with pytest.raises(ValueError, match="all the same"):
        fit(replace(known, predicted=known.values), EVERYTHING)


def test_a_large_set_is_fitted_on_a_sample_that_is_always_the_same(
    known: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = fit(known, EVERYTHING)
    monkeypatch.setattr(difficulty, "_MOST", 200)
    assert fit(known, EVERYTHING) == fit(known, EVERYTHING) != whole
