"""A file that is shared out gives what it gives in one piece, byte for byte."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rdkit import Chem

from molfleet.chemistry.records import open_records
from molfleet.errors import Code
from molfleet.messages.generated import FeatureVectorsCalculationFailed, FeaturizerSpec
from tests.unit.feature_vectors.conftest import Calculate, Outcome
from workers.feature_vectors.giant import is_giant

pytestmark = pytest.mark.worker

SMILES = ["CCO", "c1ccccc1", "CC(=O)[O-].[Na+]", "C1CC", "OC(=O)c1ccccc1O", "N", "CN(C)C", "xyz", "CCl"]
SPECS = [
    FeaturizerSpec(type="ECFP", size=256),
    FeaturizerSpec(type="DESC", parameters={"names": ["MolWt", "TPSA"]}),
    FeaturizerSpec(type="COLUMNS", parameters={"numeric": ["dose"], "categorical": ["color"]}),
]
COLORS = ["red", "blue", "green"]


def rows() -> list[tuple[str, str, str]]:
    """The last color comes in the last rows only: no part but one sees it."""
    return [
        (smiles, str(number), "amber" if number > 40 else COLORS[number % 3])
        for number, smiles in enumerate(SMILES * 5)
    ]


def sdf() -> str:
    blocks = []
    for smiles, dose, color in rows():
        mol = Chem.MolFromSmiles(smiles)
        block = Chem.MolToMolBlock(mol) if mol else f"{smiles}\n\n\nno counts line\nM  END\n"
        blocks.append(f"{block}> <dose>\n{dose}\n\n> <color>\n{color}\n\n$$$$\n")
    return "".join(blocks)


def table(delimiter: str) -> str:
    lines = [("smiles", "dose", "color"), *rows()]
    return "\n".join(delimiter.join(line) for line in lines) + "\n"


@pytest.fixture(params=["sdf", "sdf.gz", "csv", "tsv", "csv.gz", "parquet"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / f"input.{request.param}"
    match request.param:
        case "sdf":
            path.write_text(sdf())
        case "sdf.gz":
            path.write_bytes(gzip.compress(sdf().encode()))
        case "csv":
            path.write_text(table(","))
        case "tsv":
            path.write_text(table("\t"))
        case "csv.gz":
            path.write_bytes(gzip.compress(table(",").encode()))
        case _:
            smiles, dose, color = map(list, zip(*rows(), strict=True))
            pq.write_table(
                pa.table({"smiles": smiles, "dose": dose, "color": color}), path, row_group_size=16
            )
    return path


def files(outcome: Outcome) -> dict[str, Any]:
    names = (path.name for path in outcome.directory.iterdir() if path.name != "summary.json")
    return {name: (outcome.directory / name).read_bytes() for name in names}


def settled(outcome: Outcome) -> dict[str, Any]:
    """The summary without what the clock says, and without names of blobs."""
    loose = {"elapsed_s", "records_per_s", "seconds", "rejects_sdf"}
    return {name: value for name, value in outcome.summary.items() if name not in loose}


def test_parts_give_the_bytes_of_the_whole(calculate: Calculate, source: Path) -> None:
    fields = {
        "featurizers": SPECS,
        "standardize": "parent",
        "identifiers": ["smiles", "inchikey"],
        "carry_properties": ["*"],
    }
    whole = calculate(source, **fields)
    parts = calculate(source, part_records=7, **fields)
    assert whole.event.failed == 10
    assert files(parts) == files(whole)
    assert settled(parts) == settled(whole)
    assert any(stage == "join" for stage, _ in parts.progress)
    assert not any(stage == "join" for stage, _ in whole.progress)


@pytest.mark.parametrize("form", ["parquet", "csv", "npz"])
def test_parts_give_the_bytes_of_the_whole_in_every_output_format(
    calculate: Calculate, tmp_path: Path, form: str
) -> None:
    path = tmp_path / "input.smi"
    path.write_text("\n".join(smiles for smiles, *_ in rows()))
    specs = [FeaturizerSpec(type="ECFC", size=64), FeaturizerSpec(type="MACCS")]
    whole = calculate(path, output_format=form, featurizers=specs)
    assert files(calculate(path, part_records=1, output_format=form, featurizers=specs)) == files(whole)
    assert files(calculate(path, part_records=44, output_format=form, featurizers=specs)) == files(whole)


def test_a_giant_file_without_a_single_molecule_fails_as_a_small_one_does(
    calculate: Calculate, tmp_path: Path
) -> None:
    path = tmp_path / "input.smi"
    path.write_text("xyz first\n" * 20)
    whole, parts = calculate(path).event, calculate(path, part_records=7).event
    assert isinstance(parts, FeatureVectorsCalculationFailed)
    assert (parts.code, parts.message, parts.details) == (whole.code, whole.message, whole.details)
    assert parts.code == Code.NO_VALID_RECORDS


@pytest.mark.parametrize("records", [1, 999, 1000, 1001, 5000])
def test_a_file_is_giant_when_it_has_more_records_than_the_limit(tmp_path: Path, records: int) -> None:
    path = tmp_path / "input.smi"
    path.write_text("CCO\n" * records)
    opened = open_records(path)
    assert [is_giant(opened, limit) for limit in (records - 1, records, records + 1, None)] == [
        True,
        False,
        False,
        False,
    ]


def test_uneven_records_are_counted_where_the_first_ones_mislead(tmp_path: Path) -> None:
    path = tmp_path / "input.smi"
    path.write_text("C" * 200 + "\n" + "CCO\n" * 2999)
    assert is_giant(open_records(path), 2500)
    assert not is_giant(open_records(path), 3000)
