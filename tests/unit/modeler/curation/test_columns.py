"""The numbers of a whole column: separators, bounds, units."""

from __future__ import annotations

import math

import pytest

from molfleet.errors import Code, RecordCode, Rejected
from tests.unit.modeler.curation.columns import VALUES, codes, curated

IN_UM = [f"{value} uM" for value in VALUES]


def test_what_is_no_number_is_rejected_with_its_text() -> None:
    result = curated([*VALUES, "n.d.", "1e400", "inf", "0x10"])
    assert codes(result) == dict.fromkeys(range(12, 16), RecordCode.NON_NUMERIC_TARGET)
    assert result.rejects[0].message == "y is not a number: 'n.d.'."
    assert "too large" in result.rejects[1].message


@pytest.mark.parametrize("text", ["<30", ">= 30", "~30", "29-31"])
def test_bounds_ranges_and_approximate_values_are_left_out_by_default(text: str) -> None:
    assert codes(curated([*VALUES, text])) == {12: RecordCode.CENSORED_TARGET}


@pytest.mark.parametrize("text", ["<30", ">= 30", "~30", "29-31"])
def test_they_count_as_their_bound_or_middle_where_that_is_wanted(text: str) -> None:
    result = curated([*VALUES, text], censored="bound")
    assert result.values[-1] == 30.0
    assert not result.rejects


def test_the_middle_of_a_range_is_taken_on_the_scale_that_is_modelled() -> None:
    result = curated([*VALUES, "1-100"], censored="bound", transform="log10")
    assert result.values[-1] == pytest.approx(1.0)


@pytest.mark.parametrize("text", ["10-6", "5-5", "<3-5"])
def test_a_range_that_does_not_ascend_or_has_a_bound_is_no_number(text: str) -> None:
    assert codes(curated([*VALUES, text], censored="bound")) == {12: RecordCode.NON_NUMERIC_TARGET}


def test_a_stated_error_is_passed_over_and_counted() -> None:
    result = curated([*VALUES, "5 ± 0.2"])
    assert result.values[-1] == 5.0
    assert result.reading.with_error == 1


def test_what_has_no_logarithm_is_rejected_not_crashed() -> None:
    result = curated([*VALUES, "0", "-1"], transform="log10")
    assert codes(result) == {12: RecordCode.NON_NUMERIC_TARGET, 13: RecordCode.NON_NUMERIC_TARGET}
    assert result.values[0] == pytest.approx(math.log10(0.5))


def test_decimal_commas_are_read_where_the_whole_column_has_them() -> None:
    result = curated([*(value.replace(".", ",") for value in VALUES), "1.234,5", "1,234", "2.500"])
    assert result.values.tolist() == [*map(float, VALUES), 1234.5, 1.234, 2500.0]
    assert result.reading.decimal == "comma, dots between thousands"


def test_a_separator_that_may_mean_either_is_rejected_with_that_reason() -> None:
    result = curated([*VALUES, "1,234"])
    assert "decimals or for thousands" in result.rejects[0].message


def test_bare_values_are_in_the_unit_that_the_command_names_and_others_are_converted_to_it() -> None:
    result = curated([*VALUES, "3 nM", "2 µM", "0.5 mmol/L"], units="uM")
    assert result.values[-3:].tolist() == [0.003, 2.0, 500.0]
    assert result.units == "uM"
    assert dict(result.reading.conversions) == {("nM", "uM"): 1, ("mmol/L", "uM"): 1}


@pytest.mark.parametrize("text", ["3 mg/L", "3 RFU", "3 %"])
def test_a_unit_that_does_not_convert_is_rejected_by_its_name(text: str) -> None:
    result = curated([*VALUES, text], units="uM")
    assert codes(result) == {12: RecordCode.NON_NUMERIC_TARGET}
    assert result.rejects[0].message == f"y is in {text[2:]}, which does not convert to uM: {text!r}."


def test_a_unit_that_is_not_known_is_read_where_the_command_names_it() -> None:
    result = curated([*VALUES, "3 rfu", "3 nM"], units="RFU")
    assert result.values[-1] == 3.0
    assert codes(result) == {13: RecordCode.NON_NUMERIC_TARGET}


def test_one_unit_throughout_is_read_and_told() -> None:
    result = curated(IN_UM)
    assert result.values.tolist() == list(map(float, VALUES))
    assert result.units == "uM"
    assert "the file says uM" in result.reading.notes[0]


def test_mixed_units_become_the_most_frequent_one_by_meaning_not_by_spelling() -> None:
    texts = [*(f"{value} µM" for value in VALUES[:7]), *(f"{value} umol/L" for value in VALUES[7:])]
    result = curated([*texts, *["1500 nM"] * 8], [f"C{number}" for number in range(20)])
    assert result.units == "µM"
    assert result.values.tolist() == [*map(float, VALUES), *[1.5] * 8]
    assert dict(result.reading.conversions) == {("nM", "µM"): 8}


def test_a_rare_unit_among_bare_numbers_is_never_read_as_a_bare_number() -> None:
    result = curated([*VALUES, "3 nM"])
    assert codes(result) == {12: RecordCode.NON_NUMERIC_TARGET}
    assert "in nM" in result.rejects[0].message
    assert result.units is None
    assert "nM" in result.reading.notes[0]


def test_a_rare_bare_number_among_units_is_left_out_too() -> None:
    result = curated([*IN_UM, "3"])
    assert codes(result) == {12: RecordCode.NON_NUMERIC_TARGET}
    assert "no unit" in result.rejects[0].message


def test_as_many_bare_as_decorated_values_leave_the_decorated_ones() -> None:
    result = curated([*IN_UM, *VALUES])
    assert result.rows.tolist() == list(range(12))


@pytest.mark.parametrize(
    ("texts", "units"),
    [
        (VALUES, "nM"),
        ([f"{value} nM" for value in VALUES], None),
        ([f"{value} nM" for value in VALUES], "uM"),
    ],
)
def test_p_is_taken_of_values_converted_to_moles_per_litre(texts: list[str], units: str | None) -> None:
    result = curated(texts, transform="p", units=units)
    assert result.values.tolist() == pytest.approx([9 - math.log10(float(value)) for value in VALUES])
    assert result.units == "mol/L"


def test_p_takes_bare_values_for_moles_per_litre_and_converts_the_others() -> None:
    result = curated([*VALUES, "10 nM"], transform="p")
    assert result.values[0] == pytest.approx(-math.log10(0.5))
    assert result.values[-1] == pytest.approx(8)
    assert result.units == "mol/L"


@pytest.mark.parametrize(
    ("texts", "units", "code"),
    [
        (VALUES, "mg/L", Code.INVALID_COMMAND),
        (VALUES, "log10(mol/L)", Code.INVALID_COMMAND),
        ([f"{value} mg/L" for value in VALUES], None, Code.UNSUITABLE_TARGET),
    ],
)
def test_p_of_what_is_no_concentration_is_refused(texts: list[str], units: str | None, code: Code) -> None:
    with pytest.raises(Rejected) as caught:
        curated(texts, transform="p", units=units)
    assert caught.value.code == code
    assert units or "mg/L" in caught.value.message


def test_a_unit_in_the_words_of_the_command_takes_bare_values_only() -> None:
    result = curated([*VALUES, "3 nM"], units="log10(mol/L)")
    assert len(result.rows) == 12
    assert result.units == "log10(mol/L)"


def test_a_conversion_beyond_what_a_float_holds_is_a_reject() -> None:
    result = curated([*VALUES, "1e308 M", "1e-322 nM"], units="uM", transform="log10")
    assert codes(result) == dict.fromkeys((12, 13), RecordCode.NON_NUMERIC_TARGET)
    assert all("too large or too small" in reject.message for reject in result.rejects)


def test_a_number_too_large_to_be_learnt_is_a_reject_unless_its_logarithm_is_taken() -> None:
    assert "too large to be modelled" in curated([*VALUES, "1e200"]).rejects[0].message
    assert curated([*VALUES, "1e200"], transform="log10").values[-1] == pytest.approx(200)
