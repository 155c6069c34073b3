"""What a spec may say, row by row: every parameter's bounds, text form, columns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from molfleet.chemistry.featurizers import FEATURIZERS, FeaturizerRow, SpecValue, parse_spec, text_of
from molfleet.chemistry.featurizers.spec import Parameter, Value, resolve
from molfleet.errors import Code, Rejected

EVERY = [(row, parameter) for row in FEATURIZERS for parameter in row.parameters]
NUMBERS = [(row, parameter) for row, parameter in EVERY if parameter.type in ("integer", "number")]
#: Where one parameter's bound needs another's.
COMPANIONS = {"min_path": "max_path", "min_distance": "max_distance"}


def spec_with(row: FeaturizerRow, parameter: Parameter, value: Value) -> SpecValue:
    parameters = {parameter.name: value}
    if parameter.name in COMPANIONS:
        parameters[COMPANIONS[parameter.name]] = int(parameter.maximum)
    return SpecValue(row.code, parameters=parameters)


def ids(pairs: list[tuple[FeaturizerRow, Parameter]]) -> list[str]:
    return [f"{row.code}-{parameter.name}" for row, parameter in pairs]


@pytest.mark.parametrize(("row", "parameter"), NUMBERS, ids=ids(NUMBERS))
def test_a_number_is_taken_up_to_its_bounds_and_refused_beyond_them(
    row: FeaturizerRow, parameter: Parameter
) -> None:
    low, high = parameter.minimum, parameter.maximum
    assert low <= float(str(parameter.default)) <= high
    for value in (low, high):
        assert FEATURIZERS.build(spec_with(row, parameter, value)).size > 0
    for value in (low - 1, high + 1, f"{low}", True):
        with pytest.raises(Rejected) as refused:
            FEATURIZERS.build(spec_with(row, parameter, value))
        assert refused.value.code is Code.INVALID_COMMAND
        assert refused.value.message.startswith(f"{row.code}: {parameter.name} must be ")
        assert parameter.allowed in refused.value.message
        assert refused.value.details == {"featurizer": row.code, "parameter": parameter.name}


@pytest.mark.parametrize(("row", "parameter"), EVERY, ids=ids(EVERY))
def test_null_is_the_default_and_a_value_of_another_type_is_refused_by_name(
    row: FeaturizerRow, parameter: Parameter
) -> None:
    assert parameter.check(None, row.code) == parameter.default
    for value in ([1.5], "no such value") if parameter.type != "names" else ([1.5], 7, True):
        with pytest.raises(Rejected, match=f"{row.code}: {parameter.name} must be"):
            parameter.check(value, row.code)


@pytest.mark.parametrize("row", list(FEATURIZERS), ids=lambda row: row.code)
def test_a_parameter_that_a_row_does_not_take_is_refused_with_those_that_it_does(
    row: FeaturizerRow,
) -> None:
    with pytest.raises(Rejected) as refused:
        FEATURIZERS.build(SpecValue(row.code, parameters={"colour": "red"}))
    assert refused.value.code is Code.UNKNOWN_NAME
    assert all(f"{p.name} ({p.allowed})" in refused.value.message for p in row.parameters)
    for name in ("size", "radius"):
        if name not in {p.name for p in row.parameters}:
            with pytest.raises(Rejected, match=f"{row.code} has no parameter called '{name}'"):
                FEATURIZERS.build(SpecValue(row.code, **{name: 128}))


@pytest.mark.parametrize("row", list(FEATURIZERS), ids=lambda row: row.code)
def test_a_row_answers_to_its_code_and_aliases_in_any_case(row: FeaturizerRow) -> None:
    assert all(FEATURIZERS.get(name.lower()) is row for name in (row.code, *row.aliases))


def test_the_codes_of_the_predecessor_are_known() -> None:
    circular = [f"{name}{end}" for name in ("ECFC", "FCFC") for end in ("", "_CHIRALITY")]
    others = ["ATOM_PAIRS", "PATTERN", "AVALON", "RDK", "LAYERED", "MACCS", "EGR", "PHARMA", "DESC"]
    kinds = {code: FEATURIZERS.get(code).kind for code in ("ECFP", "FCFP", *circular, *others)}
    assert [code for code, kind in kinds.items() if kind == "counts"] == [*circular, "ATOM_PAIRS", "AVALON"]


def test_a_radius_of_zero_is_a_parameter_and_as_a_field_the_default() -> None:
    assert parse_spec("ECFP:2048:radius=0") == SpecValue("ECFP", 2048, None, {"radius": 0})
    assert FEATURIZERS.build(parse_spec("ECFP:2048:radius=0")).column == "ECFP_2048_0"
    assert FEATURIZERS.build(SpecValue("ECFP", 0, 0)).column == "ECFP_2048_2"
    assert FEATURIZERS.build(SpecValue("ECFP", 2048, 3, {"radius": 3})).column == "ECFP_2048_3"
    with pytest.raises(Rejected, match="radius is given twice, as 2 and among the parameters as 0"):
        FEATURIZERS.build(SpecValue("ECFP", 2048, 2, {"radius": 0}))


def test_a_featurizers_own_spec_builds_it_again() -> None:
    for text in ("ECFP:2048:radius=0", "ERG:fuzz=0.1", "DESC:names=MolWt,TPSA", "MACCS"):
        built = FEATURIZERS.build(parse_spec(text))
        again = FEATURIZERS.build(parse_spec(built.spec))
        assert (again.column, again.spec) == (built.column, built.spec)


@pytest.mark.parametrize(
    "text", ["RDK:min_path=7:max_path=3", "LAYERED:min_path=8", "ATOM_PAIRS:min_distance=9:max_distance=8"]
)
def test_a_smallest_length_above_the_largest_is_refused(text: str) -> None:
    with pytest.raises(Rejected, match="must be at most max_"):
        FEATURIZERS.build(parse_spec(text))


def test_avalons_sizes_are_whole_bytes() -> None:
    with pytest.raises(Rejected, match="AVALON: size must be a multiple of 8 from 64 to 16384, and is 100"):
        FEATURIZERS.build(parse_spec("AVALON:100"))


def values_of(parameter: Parameter) -> st.SearchStrategy[Value]:
    if parameter.type == "integer":
        low, high = int(parameter.minimum), int(parameter.maximum)
        return st.integers(low, high).map(lambda value: max(low, value - value % parameter.step))
    if parameter.type == "number":
        return st.floats(parameter.minimum, parameter.maximum)
    if parameter.type == "boolean":
        return st.booleans()
    if parameter.type == "choice":
        return st.sampled_from(parameter.choices)
    return st.lists(st.text(min_size=1), min_size=1, max_size=4)


@st.composite
def specs(draw: st.DrawFn) -> SpecValue:
    row = draw(st.sampled_from(list(FEATURIZERS)))
    chosen = {p.name: draw(values_of(p)) for p in row.parameters if draw(st.booleans())}
    fields = {
        name: chosen.pop(name) for name in ("size", "radius") if chosen.get(name) and draw(st.booleans())
    }
    return SpecValue(row.code, parameters=chosen, **fields)  # type: ignore[arg-type]


@given(specs())
@example(SpecValue("COLUMNS", parameters={"categories": ("\r",)}))
def test_the_text_of_a_spec_is_read_as_the_same_spec(spec: SpecValue) -> None:
    read = parse_spec(text_of(spec))
    assert (read.type, read.size, read.radius) == (spec.type, spec.size, spec.radius)
    row = FEATURIZERS.get(spec.type)
    assert resolve(read, row.code, row.parameters) == resolve(spec, row.code, row.parameters)


@given(st.text())
def test_any_text_is_a_spec_or_is_refused(text: str) -> None:
    with suppress(Rejected):
        spec = parse_spec(text)
        assert spec.type
        assert parse_spec(text_of(spec)) == spec


def columns_of(row: FeaturizerRow) -> Iterator[str]:
    """The columns under two values of each parameter."""
    for parameter in row.parameters:
        values: dict[str, tuple[Value, ...]] = {
            "integer": (parameter.minimum, parameter.maximum),
            "boolean": (True, False),
        }
        if parameter.name not in COMPANIONS:
            for value in values.get(parameter.type, ()):
                yield FEATURIZERS.build(spec_with(row, parameter, value)).column


@pytest.mark.parametrize("row", list(FEATURIZERS), ids=lambda row: row.code)
def test_each_value_of_a_parameter_has_a_column_of_its_own(row: FeaturizerRow) -> None:
    default = FEATURIZERS.build(SpecValue(row.code)).column
    changed = [column for column in columns_of(row) if column != default]
    assert len(set(changed)) == len(changed)
