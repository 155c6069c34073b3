"""How far a column orders records as the target does, held against scikit-learn and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from workers.modeler.echoes import AGREEMENT, agreement

RNG = np.random.default_rng(3)


def test_of_numbers_it_is_spearmans_correlation_whichever_way() -> None:
    column, noise = RNG.normal(size=200), RNG.normal(size=200)
    for values in (column + noise, -column + noise):
        assert agreement(column, values, classes=False) == pytest.approx(
            abs(spearmanr(column, values).statistic)
        )


def test_of_classes_it_is_that_of_the_class_that_is_told_best() -> None:
    column = np.round(RNG.normal(size=300), 1)
    values = np.digitize(column + RNG.normal(size=300), [-0.5, 0.5]).astype(float)
    each = [abs(2 * roc_auc_score(values == label, column) - 1) for label in range(3)]
    assert agreement(column, values, classes=True) == pytest.approx(max(each))


def test_the_same_in_other_units_and_a_cut_at_a_threshold_agree_exactly() -> None:
    column = RNG.uniform(1, 9, 50)
    assert agreement(column, 10.0**-column, classes=False) == pytest.approx(1.0)
    assert agreement(column, (column > 6).astype(float), classes=True) == pytest.approx(1.0)
    assert agreement((column > 6).astype(float), (column > 6).astype(float), classes=True) >= AGREEMENT


def test_a_strong_effect_is_no_echo() -> None:
    column = RNG.normal(size=500)
    assert 0.5 < agreement(column, column + 0.5 * RNG.normal(size=500), classes=False) < AGREEMENT


@pytest.mark.parametrize("column", [np.arange(9.0), np.ones(50)])
def test_a_few_records_and_a_constant_column_say_nothing(column: np.ndarray) -> None:
    assert agreement(column, np.arange(float(len(column))), classes=False) == 0.0
