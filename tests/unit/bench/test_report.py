"""What a benchmark says: medians, ratios, percentiles, and the JSON that other programs read."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from bench.report import Report, alternating, options, percentile


def test_a_figure_is_the_median_of_its_rounds_and_so_is_its_rival() -> None:
    figure = Report("t").add("rate", [10, 90, 30], "1/s", rival="r", rival_values=[1, 60, 50], goal=0.6)
    assert (figure.value, figure.rival_value, figure.ratio, figure.met) == (30, 50, 0.6, True)


def test_where_less_is_better_a_ratio_above_one_is_still_the_better() -> None:
    figure = Report("t").add(
        "p99", [50.0], "ms", rival="old", rival_values=[200.0], goal=1.0, less_is_better=True
    )
    assert (figure.ratio, figure.met) == (4.0, True)


def test_a_goal_that_is_not_reached_is_said_to_be_missed() -> None:
    report = Report("t")
    report.add("rate", [5.0], "1/s", rival="r", rival_values=[10.0], goal=0.8)
    shown = io.StringIO()
    report.show(Console(file=shown, width=120))
    assert "0.8 missed" in shown.getvalue()


def test_a_figure_without_a_rival_has_no_ratio_and_meets_nothing() -> None:
    figure = Report("t").add("cost", [3.0], "ms")
    assert figure.ratio is None
    assert figure.met is None


def test_the_json_file_has_the_agreed_fields_and_no_others(tmp_path: Path) -> None:
    report = Report("t")
    report.add("rate", [5.0], "1/s", rival="r", rival_values=[10.0], goal=0.8)
    report.write(tmp_path / "f.json")
    expected = {
        "name": "rate",
        "value": 5.0,
        "unit": "1/s",
        "rival": "r",
        "rival_value": 10.0,
        "ratio": 0.5,
        "goal": 0.8,
    }
    assert json.loads((tmp_path / "f.json").read_text("utf-8")) == {"figures": [expected]}


@pytest.mark.parametrize(("percent", "expected"), [(50, 50), (99, 99), (100, 100), (0.5, 1)])
def test_a_percentile_is_a_value_that_was_measured(percent: float, expected: int) -> None:
    assert percentile(list(range(100, 0, -1)), percent) == expected


def test_the_99th_percentile_of_few_values_is_the_largest() -> None:
    assert percentile([1.0, 5.0, 2.0], 99) == 5.0


def test_no_values_have_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)


def test_rounds_alternate_and_nobody_is_always_first() -> None:
    assert list(alternating(2, ["ours", "rival"])) == ["ours", "rival", "rival", "ours"]


def test_a_quick_look_has_one_round() -> None:
    assert options("", ["--quick"]).rounds(5) == 1
    assert options("", []).rounds(5) == 5
