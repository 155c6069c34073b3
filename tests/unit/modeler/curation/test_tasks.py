from __future__ import annotations

import pytest

from workers.modeler.curation import find_task

MANY = [str(number / 4) for number in range(40)]


@pytest.mark.parametrize(
    ("texts", "task"),
    [
        (["1", "0", "1.0", "0"], "classification"),
        (["TRUE", "FALSE"], "classification"),
        (["low", "mid", "high"], "classification"),
        (["5.5", "7.25", "5.5"], "classification"),
        (["1.5", "2.5", "3.5"], "regression"),
        (["1.5", "2.5", "3.5", "<1", "not measured"], "regression"),
        (["a", "b", "c", "1", "2"], "classification"),
        (["1,5", "2,5", "3,5"], "regression"),
        (["1.2 uM", "3 nM", "5 uM"], "regression"),
        (["12 abc", "13 abc", "14 abc"], "regression"),
        (["1a", "1b", "2a", "2b"] * 9, "classification"),
        ([">10", "<10"] * 9, "classification"),
    ],
)
def test_the_values_tell_the_task(texts: list[str], task: str) -> None:
    assert find_task(texts).task == task


@pytest.mark.parametrize(
    "levels", [["0", "1", "2"], ["1", "2", "3", "4", "5"], ["-1", "0", "1"], ["0.0", "1", "2"]]
)
def test_a_few_integer_codes_that_recur_are_classes(levels: list[str]) -> None:
    found = find_task(levels * 5)
    assert found.task == "classification"
    assert "send the task regression" in found.reason


@pytest.mark.parametrize(
    "texts",
    [
        ["1", "2", "3"],
        ["0", "1", "3"] * 9,
        ["2", "3", "4"] * 9,
        ["0", "0.5", "1"] * 9,
        ["0", "1", "2", "3", "4", "5"] * 9,
        ["1 h", "2 h", "3 h"] * 9,
        ["0", "1", "<2"] * 9,
        ["10", "20", "30"] * 9,
    ],
)
def test_integers_that_do_not_recur_or_have_gaps_decimals_units_or_bounds_are_amounts(
    texts: list[str],
) -> None:
    assert find_task(texts).task == "regression"


def test_the_reason_counts_numbers_and_how_many_differ() -> None:
    assert find_task([*MANY, *MANY, "n.d.", "n.d."]).reason == (
        "regression: 80 of 82 values are numbers, 40 of them different"
    )
    assert find_task(["yes", "no", "no", "5"]).reason == (
        "classification: only 1 of 4 values are numbers; 3 different texts"
    )
