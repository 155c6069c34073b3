"""A file cut into slices, each written and read alone, gives the same records as the whole file."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rdkit import Chem

from molfleet.chemistry.records import Records, open_records, open_slice
from tests.unit.chemistry.samples import NCI_SDF, sdf_of, seen, write

BOM = b"\xef\xbb\xbf"
SMILES = ("CCO", "CCN", "not a structure", "c1ccccc1", "CC(=O)O")
BLOCK = Chem.MolToMolBlock(Chem.MolFromSmiles("CCO"))

SD = sdf_of("CCO", "CCN", "c1ccccc1", fields={"logS": "-1.5", "Säure": "two\nlines"}).encode("latin-1")
FILES = {
    "plain.sdf": SD,
    "windows.sdf": SD.replace(b"\n", b"\r\n"),
    "joined.sdf": BOM + SD + BOM + SD + b"\n\n",
    "odd.sdf": SD + b"\n$$$$\n$$$$ words\n x\n\n\n 99 99\n" + BLOCK.encode(),
    "a.mol": BLOCK.encode(),
    "a.smi": b"smiles name\n# comment\nCCO x y\n\nCC |$R;$| z\r\nInChI=1S/CH4/h1H4 methane\nnonsense",
    "a.csv": BOM + b'id,smiles,note\n1,CCO,"a, b\nc"\n\n2,CCN,"open\n3,C\xe4,x\n4\n5,,"',
    "a.tsv": b'\r\nsmiles\tnote\r\nCCO\t5" pipe\r\nCCN\t"1\t2"\r\nCC',
    "semicolon.csv": b"name;smiles;x\na;CCO;0,5\nb;CCN;1,5\n",
    "headless.csv": b"CCO,1\nCCN,2\nCCCC,3\n",
}


def by_slices(records: Records, per_slice: int, directory: Path) -> list[object]:
    found: list[object] = []
    layout = json.loads(json.dumps(records.layout()))
    for chunk in records.chunks(per_slice):
        path = directory / f"slice-{chunk.first_record}"
        records.write_slice(chunk, path)
        part = open_slice(path, layout, chunk.first_record, chunk.first_line)
        assert part.file_type == records.file_type
        assert part.first_record == chunk.first_record
        found += [seen(raw) for cut in part.chunks(2) for raw in part.read_chunk(cut)]
    return found


@pytest.mark.parametrize("per_slice", [1, 2, 3, 100])
@pytest.mark.parametrize("name", FILES)
def test_slices_of_a_text_file_give_its_records(tmp_path: Path, name: str, per_slice: int) -> None:
    records = open_records(write(tmp_path, name, FILES[name]))
    whole = [seen(raw) for raw in records]
    assert whole
    assert by_slices(records, per_slice, tmp_path) == whole


@pytest.mark.parametrize("per_slice", [1, 3, 4, 7, 100])
@pytest.mark.parametrize("structures", [True, False])
def test_slices_of_a_parquet_file_give_its_records(
    tmp_path: Path, per_slice: int, structures: bool
) -> None:
    columns = {"id": list(range(11)), "x": [None, 0.5] * 5 + [1.5]}
    if structures:
        columns["smiles"] = ["C" * n for n in range(1, 12)]
    pq.write_table(pa.table(columns), tmp_path / "a.parquet", row_group_size=4)
    records = open_records(tmp_path / "a.parquet", structures=structures)
    whole = [seen(raw) for raw in records]
    assert [row[0] for row in whole] == list(range(11))
    assert by_slices(records, per_slice, tmp_path) == whole


def test_slices_of_real_records_give_them(tmp_path: Path) -> None:
    records = open_records(NCI_SDF)
    assert by_slices(records, 77, tmp_path) == [seen(raw) for raw in records]


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(["sdf", "csv", "smi"]),
    text=st.text(st.sampled_from('$>< "\r\nC,1é#M'), max_size=60),
    per_slice=st.integers(1, 5),
)
def test_slices_of_any_text_give_its_records(tmp_path: Path, kind: str, text: str, per_slice: int) -> None:
    text = {"sdf": f"{BLOCK}$$$$\n{text}", "csv": f"smiles,y\nC,1\n{text}", "smi": f"CCO\n{text}"}[kind]
    records = open_records(write(tmp_path, f"a.{kind}", text))
    assert by_slices(records, per_slice, tmp_path) == [seen(raw) for raw in records]
