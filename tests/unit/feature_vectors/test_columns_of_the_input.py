"""COLUMNS through the handler: what is looked up in the input stays with the output."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from molfleet import features
from molfleet.chemistry.featurizers import parse_spec
from molfleet.messages.generated import FeatureVectorsCalculationFailed, FeaturizerSpec
from tests.unit.chemistry.samples import sdf_of, write
from tests.unit.feature_vectors.conftest import Calculate

COLUMNS = FeaturizerSpec(type="COLUMNS", parameters={"numeric": ["mw"], "categorical": ["color"]})
MACCS = FeaturizerSpec(type="MACCS")
ROWS = "CCO,46,red\nfoo,1,green\nCC,,blue\nC,1e39,\n"


def respelt(text: str) -> FeaturizerSpec:
    spec = parse_spec(text)
    return FeaturizerSpec(type=spec.type, size=spec.size, radius=spec.radius, parameters=spec.parameters)


@pytest.mark.parametrize("output_format", ["parquet", "csv", "npz"])
def test_columns_stand_beside_fingerprints_in_every_format(
    calculate: Calculate, tmp_path: Path, output_format: str
) -> None:
    path = write(tmp_path, "a.csv", f"smiles,mw,color\n{ROWS}")
    outcome = calculate(path, featurizers=[MACCS, COLUMNS], output_format=output_format)
    name, column = list(outcome.table.columns.items())[1]
    assert name.startswith("COLUMNS_numeric=mw_categorical=color")
    assert column.names == ("mw", "color=blue", "color=green", "color=red")
    expected = [[46, 0, 0, 1], [np.nan, 1, 0, 0], [np.nan, 0, 0, 0]]
    np.testing.assert_array_equal(column.array, expected)
    assert outcome.event.columns == 167 + 4


def test_a_table_without_structures_is_enough_for_columns_alone(
    calculate: Calculate, tmp_path: Path
) -> None:
    path = write(tmp_path, "a.csv", "id,mw,color\n1,46,red\n2,30,blue\n")
    outcome = calculate(path, processes=2, featurizers=[FeaturizerSpec(type="COLUMNS")])
    assert outcome.table.matrix().tolist() == [[46], [30]]
    event = calculate(path, featurizers=[MACCS]).event
    assert isinstance(event, FeatureVectorsCalculationFailed)
    assert event.code == "UNREADABLE_FILE"


def test_the_spec_that_a_column_keeps_gives_the_same_columns_from_another_file(
    calculate: Calculate, tmp_path: Path
) -> None:
    first = calculate(write(tmp_path, "a.csv", f"smiles,mw,color\n{ROWS}"), featurizers=[COLUMNS])
    kept = next(iter(first.table.columns.values())).info
    assert kept.spec is not None
    other = write(tmp_path, "b.sdf", sdf_of("CC", fields={"mw": "7", "color": "pink"}))
    second = calculate(other, featurizers=[respelt(kept.spec)])
    (again,) = second.table.columns.values()
    assert again.info == kept
    assert again.array.tolist() == [[7, 0, 0, 0]]
    assert second.summary["columns"][0]["unseen"] == 1


def test_the_summary_counts_what_is_missing_and_what_overflows(
    calculate: Calculate, tmp_path: Path
) -> None:
    path = write(tmp_path, "a.csv", f"smiles,mw,color\n{ROWS}")
    (column,) = calculate(path, featurizers=[COLUMNS]).summary["columns"]
    assert column["descriptors"]["mw"]["count"] == 2
    assert column["descriptors"]["mw"]["missing"] == 2
    assert (column["overflows"], column["unseen"]) == (1, 0)


def test_a_column_that_is_not_there_fails_with_those_that_are(calculate: Calculate, tmp_path: Path) -> None:
    event = calculate(write(tmp_path, "a.csv", "smiles,MW\nC,1\n"), featurizers=[COLUMNS]).event
    assert isinstance(event, FeatureVectorsCalculationFailed)
    assert event.code == "UNKNOWN_NAME"
    assert "a.csv has no column called 'mw'. Did you mean MW? Its columns: MW." in event.message


def test_every_featurizers_column_says_its_spec(calculate: Calculate, tmp_path: Path) -> None:
    specs = [MACCS, FeaturizerSpec(type="DESC", parameters={"names": ["MolWt", "TPSA"]})]
    outcome = calculate(write(tmp_path, "a.smi", "CCO\n"), featurizers=specs)
    assert [column.info.spec for column in features.read(outcome.output).columns.values()] == [
        "MACCS",
        "DESC:names=MolWt,TPSA",
    ]
