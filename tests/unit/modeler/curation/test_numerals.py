from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.modeler.curation.numerals import Style, find_style, finite, is_missing, read


def number(text: str, style: Style = Style.DOT) -> float | None:
    written = read(text)
    digits = None if written is None else written.number.text(style)
    return None if digits is None else finite(digits)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.2", 1.2),
        (" -3e-2 ", -0.03),
        ("+.5", 0.5),
        ("7.", 7.0),
        ("=3", 3.0),
        ("1,234.5", 1234.5),
        ("1,234,567", 1234567.0),
        ("1 234.5", 1234.5),
        ("7\u202f000", 7000.0),
        ("1'234'567", 1234567.0),
        ("\u22123.2", -3.2),
        ("\u20133.2", -3.2),
        ("１２．５", 12.5),
        ("\ufeff4.2\u200b", 4.2),
        ("1.2 x 10^-6", 1.2e-6),
        ("1.2x10-6", 1.2e-6),
        ("1.2×10⁻⁶", 1.2e-6),
        ("2*10**3", 2000.0),
    ],
)
def test_numbers_are_read_as_people_and_typesetters_write_them(text: str, expected: float) -> None:
    assert number(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1,5",
        "1,234",
        "12,34.5",
        "1.2.3",
        "1..5",
        "nan",
        "inf",
        "1e999",
        "1e400",
        "1e-400",
        "5 6",
        "0x10",
        "1_000",
        "1d5",
        "١",
        "5²",
        "1.2x106",
        "5 (n=3)",
        "2020-01-01",
        "12:30",
        "1/2",
        "--5",
        "5 in vitro",
        "TRUE",
        "9" * 200,
    ],
)
def test_what_is_none_or_may_mean_something_else_is_no_number(text: str) -> None:
    assert number(text) is None


@pytest.mark.parametrize(
    ("text", "relation"),
    [("<1.2", "<"), (">= 100", ">"), ("≤5", "<"), (">>7", ">"), ("~3", "~"), ("ca. 3", "~"), ("= 3", "")],
)
def test_a_relation_before_the_number_is_told(text: str, relation: str) -> None:
    written = read(text)
    assert written is not None
    assert written.relation == relation
    assert written.exact is (relation == "")


@pytest.mark.parametrize("text", ["3-5", "3 – 5", "3 to 5", "-3--1", "1e-5-1e-4 M"])
def test_a_range_has_two_ends_and_is_not_exact(text: str) -> None:
    written = read(text)
    assert written is not None
    assert written.high is not None
    assert not written.exact


@pytest.mark.parametrize("text", ["5 ± 0.2", "5+/-0.2", "5 +- 0.2"])
def test_a_stated_error_leaves_the_value_exact(text: str) -> None:
    written = read(text)
    assert written is not None
    assert written.error
    assert written.exact
    assert number(text) == 5.0


@pytest.mark.parametrize(
    ("text", "unit"),
    [("1.2uM", "uM"), ("3 nM", "nM"), ("12 %", "%"), ("5.1 mg/L", "mg/L"), ("7 [nM]", "[nM]"), ("5", None)],
)
def test_what_stands_after_the_number_is_its_unit(text: str, unit: str | None) -> None:
    written = read(text)
    assert written is not None
    assert (None if written.unit is None else written.unit.name) == unit


@pytest.mark.parametrize("text", [None, "", "  ", "NA", "n/a", "NaN", "NULL", "-", "?", "–", "<NA>", "."])
def test_the_usual_signs_for_nothing_measured_are_missing(text: str | None) -> None:
    assert is_missing(text)


@pytest.mark.parametrize("text", ["0", "none", "FALSE", "-1", "inactive", "n.d.", "<1"])
def test_zero_negative_classes_and_what_may_mean_not_detected_are_not_missing(text: str) -> None:
    assert not is_missing(text)


@pytest.mark.parametrize(
    ("texts", "style"),
    [
        (["1.5", "2"], Style.DOT),
        (["1,5", "2,25", "3"], Style.COMMA),
        (["1,5", "1,234"], Style.COMMA),
        (["1.234,5", "2"], Style.COMMA_THOUSANDS),
        (["1.234,5", "2.500", "3.500", "7,5"], Style.COMMA_THOUSANDS),
        (["1.234,5", "2.5"], Style.DOT),
        (["1.234.567", *["2.345"] * 11], Style.DOT),
        (["1.234.567", *["2.345"] * 10], Style.COMMA_THOUSANDS),
        (["1.234,5", "1,234.5"], Style.DOT),
        (["0,123", "1,234"], Style.COMMA),
        (["1,5", "2.5"], Style.DOT),
        (["1,5", "2,555.1"], Style.DOT),
        (["1,5", "1.234", "5.678"], Style.DOT),
        (["1,234", "5,678"], Style.DOT),
        (["1,234", "5,678.9"], Style.THOUSANDS),
        (["1,234", "1,234,567"], Style.THOUSANDS),
        (["1,5-2,5"], Style.COMMA),
        (["yes", "no"], Style.DOT),
    ],
)
def test_only_what_the_whole_column_shows_decides_what_a_comma_is(
    texts: Sequence[str], style: Style
) -> None:
    assert find_style([read(text) for text in texts]) is style


@pytest.mark.parametrize(
    ("text", "style", "expected"),
    [
        ("1,234", Style.COMMA, 1.234),
        ("1,234", Style.THOUSANDS, 1234.0),
        ("1,234", Style.DOT, None),
        ("1.234", Style.COMMA, None),
        ("1.234", Style.COMMA_THOUSANDS, 1234.0),
        ("1.5", Style.COMMA_THOUSANDS, None),
        ("1.234,5", Style.COMMA, 1234.5),
        ("1 234,5", Style.COMMA, 1234.5),
        ("1,5", Style.THOUSANDS, None),
    ],
)
def test_one_text_is_read_by_the_style_of_its_column(
    text: str, style: Style, expected: float | None
) -> None:
    assert number(text, style) == expected


@given(st.text(max_size=40))
def test_any_text_has_a_definite_outcome(text: str) -> None:
    for style in Style:
        value = number(text, style)
        assert value is None or math.isfinite(value)


@given(st.text("0123456789.,+-eE<>~=±x^ '%nuM/L", max_size=16))
def test_any_text_made_of_the_signs_of_numbers_has_a_definite_outcome(text: str) -> None:
    for style in Style:
        value = number(text, style)
        assert value is None or math.isfinite(value)


FLOATS = st.floats(allow_nan=False, allow_infinity=False)


@given(FLOATS)
def test_what_python_writes_is_read_back_to_the_last_digit(value: float) -> None:
    assert number(repr(value)) == value
    assert number(f"{value!r} uM") == value


@given(st.floats(-1e15, 1e15))
def test_thousands_separators_change_nothing(value: float) -> None:
    text = f"{value:,.4f}"
    assert number(text, Style.THOUSANDS) == float(text.replace(",", ""))


@given(st.floats(-1e15, 1e15))
def test_the_same_number_with_continental_separators_is_the_same_in_their_style(value: float) -> None:
    text = f"{value:,.4f}"
    swapped = text.translate(str.maketrans(",.", ".,"))
    assert number(swapped, Style.COMMA_THOUSANDS) == float(text.replace(",", ""))
