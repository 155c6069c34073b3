from __future__ import annotations

import gzip
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from molfleet.chemistry.featurizers import FEATURIZERS, SpecValue, columns, parse_spec, text_of
from molfleet.chemistry.featurizers.base import Matrix
from molfleet.chemistry.featurizers.columns import Columns, number_of
from molfleet.chemistry.records import Records, open_records
from molfleet.cli import fields
from molfleet.errors import Code, Rejected
from tests.unit.chemistry.samples import sdf_of, shared, write

TABLE = (
    "smiles,id,mw,color,soluble,note\n"
    "C,1,16.04,red,TRUE,a\n"
    "CC,2,30.07,blue,FALSE,\n"
    "CCC,3,,red ,yes,c\n"
    "CCCC,4,1e2,Red,no,d\n"
)


@pytest.fixture
def table(tmp_path: Path) -> Records:
    return open_records(write(tmp_path, "a.csv", TABLE))


def fitted(text: str, records: Records) -> SpecValue:
    (spec,) = FEATURIZERS.fit_all([parse_spec(text)], records)
    return spec


def matrix(text: str, records: Records) -> tuple[Columns, Matrix]:
    featurizer = FEATURIZERS.build(fitted(text, records))
    assert isinstance(featurizer, Columns)
    rows = [featurizer.calculate_record(raw.properties) for raw in records]
    return featurizer, featurizer.unpack(featurizer.pack(rows))


def refused(text: str, records: Records) -> Rejected:
    with pytest.raises(Rejected) as refusal:
        FEATURIZERS.build(fitted(text, records))
    return refusal.value


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", 12),
        (" -1.5e3\t", -1500),
        (".5", 0.5),
        ("5.", 5),
        ("+1E-2", 0.01),
        ("TRUE", 1),
        ("yes", 1),
        ("False", 0),
        ("no", 0),
    ],
)
def test_a_cell_that_is_a_number_or_a_yes_or_no_has_its_value(text: str, number: float) -> None:
    assert number_of(text) == number


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "<1.2", ">= 5", "1.2 uM", "1,234.5", "1,5", "nan", "NaN", "inf", "-Infinity"),
        *("1_000", "0x10", "~5", "5±1", "1-2", "1e", "N/A", "\u0661", "--1", "1 2"),
    ],
)
def test_anything_else_is_missing(text: str) -> None:
    assert math.isnan(number_of(text))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_whatever_number_python_writes_is_read_back(value: float) -> None:
    assert number_of(repr(value)) == value


@given(st.text())
def test_no_text_whatever_breaks_a_record(text: str) -> None:
    featurizer = FEATURIZERS.build(parse_spec("COLUMNS:numeric=x:categorical=y:categories=y=a"))
    row = featurizer.calculate_record({"x": text, "y": text})
    assert row.shape == (2,)
    assert not np.isinf(row).any()


def test_columns_are_read_in_the_order_named_and_categories_are_sorted(table: Records) -> None:
    featurizer, found = matrix("COLUMNS:numeric=soluble,mw:categorical=color", table)
    assert featurizer.names == ("soluble", "mw", "color=Red", "color=blue", "color=red")
    expected = [
        [1, 16.04, 0, 0, 1],
        [0, 30.07, 0, 1, 0],
        [1, np.nan, 0, 0, 1],
        [0, 100, 1, 0, 0],
    ]
    np.testing.assert_array_equal(found, np.array(expected, np.float32))


def test_the_order_of_records_changes_nothing_but_the_order_of_rows(tmp_path: Path, table: Records) -> None:
    head, *rows = TABLE.splitlines(keepends=True)
    backwards = open_records(write(tmp_path, "b.csv", head + "".join(reversed(rows))))
    for text in ("COLUMNS", "COLUMNS:numeric=mw:categorical=color,note"):
        assert fitted(text, table) == fitted(text, backwards)
        np.testing.assert_array_equal(matrix(text, table)[1], matrix(text, backwards)[1][::-1])


def test_with_nothing_named_the_numeric_columns_are_taken_but_not_what_names_a_record(
    table: Records,
) -> None:
    spec = fitted("COLUMNS", table)
    assert spec.parameters == {"numeric": ("mw", "soluble")}


def test_a_column_counts_as_numeric_where_almost_all_of_its_filled_cells_are_numbers(
    tmp_path: Path,
) -> None:
    rows = [
        f"C,{'<5' if at < 5 else at},{'<5' if at < 6 else at},{at if at < 1 else ''}" for at in range(100)
    ]
    path = write(tmp_path, "a.csv", "smiles,clean,dirty,thin\n" + "\n".join(rows))
    assert fitted("COLUMNS", open_records(path)).parameters == {"numeric": ("clean", "thin")}


def test_fields_of_an_sd_file_are_columns_too(tmp_path: Path) -> None:
    text = sdf_of("CCO", fields={"mw": "46", "kind": "x"}) + sdf_of("CC", fields={"kind": "y"})
    featurizer, found = matrix(
        "COLUMNS:numeric=mw:categorical=kind", open_records(write(tmp_path, "a.sdf", text))
    )
    assert featurizer.names == ("mw", "kind=x", "kind=y")
    np.testing.assert_array_equal(found, [[46, 1, 0], [np.nan, 0, 1]])


def test_a_public_table_gives_what_pandas_gives() -> None:
    path = shared("esol.csv")
    featurizer, found = matrix("COLUMNS", open_records(path))
    known = pd.read_csv(path).select_dtypes("number")
    assert sorted(known.columns) == list(featurizer.names or ())
    np.testing.assert_array_equal(found, known[sorted(known.columns)].to_numpy(np.float32))


def test_what_overflows_float32_is_missing_and_counted() -> None:
    featurizer = FEATURIZERS.build(parse_spec("COLUMNS:numeric=x,y,z"))
    row = featurizer.calculate_record({"x": "1e39", "y": "-1e400", "z": "3.4e38"})
    assert np.isnan(row[:2]).all()
    assert np.isfinite(row[2])
    assert featurizer.losses["overflows"] == 2


def test_an_unseen_category_is_all_zeros_and_counted_and_a_blank_one_is_not() -> None:
    featurizer = FEATURIZERS.build(parse_spec("COLUMNS:categorical=c:categories=c=a,c=b"))
    assert isinstance(featurizer, Columns)
    rows = [featurizer.calculate_record(cell) for cell in ({"c": "z"}, {"c": " "}, {}, {"c": " b"})]
    assert np.vstack(rows).tolist() == [[0, 0], [0, 0], [0, 0], [0, 1]]
    assert featurizer.losses["unseen"] == 1


def test_explicit_categories_are_kept_and_only_the_other_columns_are_looked_up(table: Records) -> None:
    spec = fitted("COLUMNS:categorical=color,note:categories=color=red,color=pink", table)
    assert spec.parameters["categories"] == (
        *("color=pink", "color=red"),
        *("note=a", "note=c", "note=d"),
    )


def test_a_fitted_spec_survives_its_text_form_whatever_the_names(tmp_path: Path) -> None:
    header = '"a,b","c:d",7,100%\n'
    path = write(tmp_path, "a.csv", f'smiles,{header}C,1,"x:y, z",2,50%2C\nCC,2,=,3,%\n')
    spec = fitted("COLUMNS:numeric=a%2Cb,7:categorical=c%3Ad,100%25", open_records(path))
    assert spec.parameters["categories"] == ("c:d==", "c:d=x:y, z", "100%=%", "100%=50%2C")
    again = parse_spec(text_of(spec))
    assert FEATURIZERS.build(again).names == FEATURIZERS.build(spec).names
    typed = fields.featurizer(text_of(spec))
    assert typed["parameters"] == again.parameters


@given(st.lists(st.text(min_size=1), min_size=1, unique=True))
def test_a_list_of_any_texts_survives_the_text_form(names: list[str]) -> None:
    spec = SpecValue("COLUMNS", parameters={"numeric": names})
    text = text_of(spec)
    if text.strip() == text:
        assert parse_spec(text).parameters["numeric"] in (names, names[0] if len(names) == 1 else names)


def test_the_name_of_the_column_is_short_and_has_no_colon(table: Records) -> None:
    few = FEATURIZERS.build(parse_spec("COLUMNS:numeric=mw:categorical=c:categories=c=a%3Ab"))
    assert few.column == "COLUMNS_numeric=mw_categorical=c_categories=c=a;b"
    many = SpecValue("COLUMNS", parameters={"numeric": [f"column {at}" for at in range(500)]})
    assert len(FEATURIZERS.build(many).column) < 60


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        (
            "COLUMNS:numeric=MW",
            Code.UNKNOWN_NAME,
            "no column called 'MW'. Did you mean mw?",
        ),
        ("COLUMNS:categorical=colour", Code.UNKNOWN_NAME, "Did you mean color?"),
        ("COLUMNS:numeric=mw,mw", Code.INVALID_COMMAND, "'mw' is named twice"),
        ("COLUMNS:numeric=mw:categorical=mw", Code.INVALID_COMMAND, "'mw' is named twice"),
        ("COLUMNS:categorical=color:categories=red", Code.INVALID_COMMAND, "write column=level"),
        ("COLUMNS:categories=color=red", Code.INVALID_COMMAND, "categorical names no column"),
        ("COLUMNS:categorical=color:categories=color=", Code.INVALID_COMMAND, "without a level"),
        ("COLUMNS:categorical=color:categories=color=a,color=a ", Code.INVALID_COMMAND, "twice"),
        ("COLUMNS:2048", Code.UNKNOWN_NAME, "no parameter called 'size'"),
        ("COLUMNS:number=mw", Code.UNKNOWN_NAME, "numeric (a list of names)"),
    ],
)
def test_a_wrong_spec_is_refused_by_name_with_what_there_is(
    table: Records, text: str, code: Code, said: str
) -> None:
    refusal = refused(text, table)
    assert refusal.code is code
    assert said in refusal.message


def test_free_text_is_no_category(tmp_path: Path) -> None:
    rows = "".join(f"C,text {at % 101}\n" for at in range(300))
    refusal = refused("COLUMNS:categorical=c", open_records(write(tmp_path, "a.csv", f"smiles,c\n{rows}")))
    assert refusal.code is Code.INVALID_COMMAND
    assert "'c' of a.csv has more than 100 different values, such as text 0" in refusal.message
    hundred = "".join(f"C,text {at % 100}\n" for at in range(300))
    fine = fitted("COLUMNS:categorical=c", open_records(write(tmp_path, "b.csv", f"smiles,c\n{hundred}")))
    assert FEATURIZERS.build(fine).size == 100


def test_a_column_that_is_blank_throughout_has_no_categories(tmp_path: Path) -> None:
    records = open_records(write(tmp_path, "a.csv", "smiles,c\nC,\nCC, \n"))
    assert "'c' is blank in every record of a.csv" in refused("COLUMNS:categorical=c", records).message


def test_a_file_that_was_unpacked_is_named_as_its_user_knows_it(tmp_path: Path) -> None:
    packed = tmp_path / "a.csv.gz"
    packed.write_bytes(gzip.compress(gzip.compress(TABLE.encode())))
    assert "COLUMNS: a.csv has no column" in str(refused("COLUMNS:numeric=no", open_records(packed)))


def test_a_table_without_any_numeric_column_says_what_it_has(tmp_path: Path) -> None:
    records = open_records(write(tmp_path, "a.csv", "smiles,id,note\nC,1,x\n"))
    message = refused("COLUMNS", records).message
    assert message.startswith("COLUMNS: a.csv has no numeric column")
    assert message.endswith("Its columns: id, note.")


def test_what_has_not_been_fitted_gives_no_vector() -> None:
    with pytest.raises(RuntimeError, match="fit the spec first"):
        FEATURIZERS.build(parse_spec("COLUMNS:categorical=c")).calculate_record({"c": "a"})


def test_fitting_changes_nothing_that_is_explicit(table: Records) -> None:
    spec = fitted("COLUMNS:numeric=mw:categorical=color", table)
    assert columns.fit(spec, table) == spec
