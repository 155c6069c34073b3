"""One model of all records against the folds' models: which way the ratio goes."""

from __future__ import annotations

import pytest

from bench.report import Report
from bench.training_refit import add_figures


def test_a_smaller_error_and_a_larger_area_of_the_one_model_are_ratios_above_1() -> None:
    report = Report("refit")
    found = {
        ("esol", "random"): [{"all": 0.4, "folds": 0.5}, {"all": 0.6, "folds": 0.7}],
        ("bace", "random"): [{"all": 0.90, "folds": 0.88}],
        ("bace", "scaffold"): [{"all": 0.80, "folds": 0.84}],
    }
    add_figures(report, "lightgbm:ECFP", found)
    assert [figure.ratio for figure in report.figures] == pytest.approx([1.2, 0.90 / 0.88, 0.80 / 0.84])
    assert report.notes[-1].endswith("on 2 of 3 sets and splits")
