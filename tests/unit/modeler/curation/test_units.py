from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.modeler.curation.units import _EXACT, Unit, convert, unit_of


def unit(text: str) -> Unit:
    found = unit_of(text)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "same",
    [
        (
            "uM",
            "µM",
            "μM",
            "umol/L",
            "µmol/l",
            "umol L-1",
            "umol·L⁻¹",
            "micromolar",
            "nmol/mL",
            "um",
            "(uM)",
        ),
        ("M", "mol/L", "mol l^-1", "mol/dm3", "molar"),
        ("mg/L", "ug/mL", "µg/ml", "g/m3", "mg.L-1"),
        ("%", "percent", "per cent", "％"),
        ("h", "hr", "Hours"),
        ("°C", "degC", "ºC"),
    ],
)
def test_spellings_of_one_unit_are_the_same(same: tuple[str, ...]) -> None:
    assert all(unit(text).same(unit(same[0])) for text in same)


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        ("3", "nM", "uM", "0.003"),
        ("1.2", "mM", "uM", "1200"),
        ("50", "nM", "mol/L", "5e-8"),
        ("7", "fM", "pM", "0.007"),
        ("1", "mg/mL", "ug/mL", "1000"),
        ("5", "mg/dL", "mg/L", "50"),
        ("2", "ng/uL", "mg/L", "2"),
        ("1", "kcal/mol", "kJ/mol", "4.184"),
        ("25", "°C", "K", "298.15"),
        ("212", "°F", "°C", "100"),
        ("1", "atm", "kPa", "101.325"),
        ("760", "torr", "atm", "1"),
        ("90", "min", "h", "1.5"),
        ("12", "%", "‰", "120"),
        ("1", "mL/min/kg", "L/h/kg", "0.06"),
        ("250", "nm/s", "cm/s", "2.5e-5"),
        ("1", "mol/m3", "mM", "1"),
    ],
)
def test_conversions_are_exact(value: str, source: str, target: str, expected: str) -> None:
    assert unit(source).converts_to(unit(target))
    assert convert(Fraction(value), unit(source), unit(target)) == Fraction(expected)


@pytest.mark.parametrize(
    ("one", "other"),
    [("uM", "mg/L"), ("%", "uM"), ("mg/kg", "mg/L"), ("mAU", "RFU"), ("h", "uM"), ("mmol/kg", "mM")],
)
def test_units_of_different_kinds_are_neither_the_same_nor_convertible(one: str, other: str) -> None:
    assert not unit(one).same(unit(other))
    assert not unit(one).converts_to(unit(other))


def test_case_counts_where_it_makes_a_difference() -> None:
    assert not unit("mPa").same(unit("MPa"))
    assert not unit("mpa").converts_to(unit("Pa"))
    assert not unit("m").same(unit("M"))
    assert unit("NM").same(unit("nM"))


def test_an_unknown_unit_is_the_same_as_itself_only() -> None:
    assert unit("RFU").same(unit("rfu"))
    assert not unit("RFU").converts_to(unit("rfu"))


@pytest.mark.parametrize(
    "text", ["", " ", "in vitro", "e-5", "E", "x10", "(n=3)", "nM (n=3)", "a" * 30, "5"]
)
def test_phrases_and_exponents_are_no_units(text: str) -> None:
    assert unit_of(text) is None


KNOWN = st.sampled_from(sorted(_EXACT.values(), key=lambda unit: unit.key))


@given(KNOWN, KNOWN, st.fractions(-(10**6), 10**6))
def test_a_conversion_can_be_taken_back_without_loss(one: Unit, other: Unit, value: Fraction) -> None:
    assert convert(convert(value, one, other), other, one) == value
