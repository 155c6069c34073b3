"""The files of PredictProperties: their formats, and that nothing but the records decides them."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from rdkit import Chem

from molfleet.chemistry.records import open_records
from molfleet.errors import Rejected
from tests.builders import measured_molecules, sdf
from tests.paths import SHARED_DATA
from tests.unit.predictor.runs import MIXED, Run

pytestmark = pytest.mark.worker


@pytest.mark.parametrize(
    ("output_format", "names"),
    [("csv", ("forest", "descriptors")), ("parquet", ("forest",)), ("sdf", ("forest",))],
)
def test_the_bytes_do_not_depend_on_the_number_of_processes(
    models: Path, tmp_path: Path, output_format: str, names: tuple[str, ...]
) -> None:
    source = tmp_path / "input.sdf"
    source.write_bytes(sdf(count=140))
    outputs = []
    for processes in (1, 3):
        run = Run(tmp_path, models, processes)
        event = run(source, *names, output_format=output_format)
        outputs.append(run.files.path(event.output).read_bytes())
    assert outputs[0] == outputs[1]


def test_parquet_has_types_and_the_same_rows_as_csv(run: Run) -> None:
    expected = run.rows(run(MIXED, "forest", "classes"))
    event = run(MIXED, "forest", "classes", output_format="parquet")
    table = pq.read_table(run.files.path(event.output))
    assert table.column_names == list(expected[0])
    assert [str(table.schema.field(name).type) for name in ("record", "solubility", "title")] == [
        *("int64", "double", "string")
    ]
    assert str(table.schema.field("activity:inside_domain").type) == "bool"
    for row, texts in zip(table.to_pylist(), expected, strict=True):
        assert (row["smiles"] or "", row["code"] or "") == (texts["smiles"], texts["code"])
        if row["solubility"] is not None:
            assert row["solubility"] == pytest.approx(float(texts["solubility"]), rel=1e-6)


def test_sdf_keeps_the_input_records_and_adds_fields(run: Run, tmp_path: Path) -> None:
    source = tmp_path / "input.sdf"
    source.write_bytes(sdf(count=20))
    event = run(source, "forest", output_format="sdf")
    found = list(Chem.SDMolSupplier(str(run.files.path(event.output))))
    assert len(found) == 20
    for mol, known in zip(found, measured_molecules()[:20], strict=True):
        assert mol.GetProp("_Name") == known.name
        assert float(mol.GetProp("activity")) == known.activity
        assert Chem.MolToSmiles(mol) == mol.GetProp("smiles")
        assert mol.GetDoubleProp("solubility:lower") < mol.GetDoubleProp("solubility")
        assert not mol.HasProp("code")


def test_sdf_of_a_smiles_file_holds_drawn_structures_and_empty_ones_for_failed_records(run: Run) -> None:
    event = run(MIXED, "forest", output_format="sdf")
    found = list(Chem.SDMolSupplier(str(run.files.path(event.output))))
    assert [mol.GetNumAtoms() for mol in found] == [3, 0, 3, 0, 5]
    assert [mol.GetProp("_Name") for mol in found][1] == "broken"
    assert found[1].GetProp("code") == "UNPARSABLE"
    assert any(found[4].GetConformer().GetPositions().ravel())


def test_a_field_of_the_input_that_is_named_like_ours_is_kept_beside_it(run: Run, tmp_path: Path) -> None:
    source = tmp_path / "input.sdf"
    block = Chem.MolToMolBlock(Chem.MolFromSmiles("CCO"))
    source.write_text(f"{block}>  <smiles>\ntheirs\n\n>  <note>\ntwo\nlines\n\n$$$$\n", encoding="utf-8")
    event = run(source, "forest", output_format="sdf")
    (mol,) = Chem.SDMolSupplier(str(run.files.path(event.output)))
    assert (mol.GetProp("smiles"), mol.GetProp("input:smiles")) == ("CCO", "theirs")
    assert mol.GetProp("note") == "two\nlines"


def test_legacy_columns_are_named_as_the_old_services_named_them(run: Run) -> None:
    row = run.rows(run(MIXED, "modi", "classes", legacy_columns=True))[0]
    assert list(row) == [
        *("Id", "Compound SMILES", "activity", "Applicability domain distance"),
        *("Applicability domain density", "MODI", "Probability of activity"),
        *("Applicability domain distance#2", "Applicability domain density#2", "MODI#2"),
        *("code", "message"),
    ]
    assert (row["Id"], row["Compound SMILES"], row["MODI"], row["MODI#2"]) == ("0", "CCO", "0.81", "")


@pytest.mark.skipif(not SHARED_DATA.exists(), reason="the public data sets are not beside the repository")
def test_malformed_files_have_as_many_rows_as_records(models: Path, tmp_path: Path) -> None:
    seen = 0
    for path in sorted((SHARED_DATA / "malformed").rglob("*.*")):
        if path.suffix not in (".sdf", ".mol") or path.stat().st_size > 1 << 16:
            continue
        try:
            expected = sum(1 for _ in open_records(path, scratch=tmp_path))
        except Rejected:
            continue
        run = Run(tmp_path, models)
        event = run(path, "forest")
        rows = run.rows(event)
        assert len(rows) == expected == event.records, path
        assert [int(row["record"]) for row in rows] == list(range(expected)), path
        assert sum(not row["solubility"] for row in rows) == event.failed == len(run.rejects(event)), path
        seen += 1
    assert seen >= 30
