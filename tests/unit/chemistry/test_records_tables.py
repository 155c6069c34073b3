from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rdkit import Chem

from molfleet.chemistry.records import open_records
from molfleet.errors import RecordCode
from tests.unit.chemistry.samples import NCI_SMILES, smiles_of, write


def test_a_smiles_file_has_titles_comments_and_extensions(tmp_path: Path) -> None:
    text = "# a comment\nCCO ethanol of 1\n\nCC |$R;$| methyls\n  CCN\tamine\r\nnonsense x\nC"
    path = write(tmp_path, "a.smi", text)
    raws = list(open_records(path))
    assert [raw.title for raw in raws] == ["ethanol of 1", "methyls", "amine", "x", ""]
    assert [raw.line for raw in raws] == [2, 4, 5, 6, 7]
    assert smiles_of(path) == ["CCO", "CC", "CCN", RecordCode.UNPARSABLE, "C"]


def test_a_smiles_file_may_have_a_header(tmp_path: Path) -> None:
    (raw,) = open_records(write(tmp_path, "a.smi", "SMILES Name\nCCO ethanol\n"))
    assert (raw.block, raw.record, raw.line) == ("CCO", 0, 2)


def test_the_nci_smiles_give_what_rdkits_supplier_gives(tmp_path: Path) -> None:
    lines = NCI_SMILES.read_text().splitlines(keepends=True)[:1500]
    path = write(tmp_path, "nci.smi", "".join(lines))
    ours = smiles_of(path)
    assert len(ours) == len(lines)
    supplier = Chem.SmilesMolSupplier(str(path), delimiter="\t", titleLine=False)
    assert [None if isinstance(found, RecordCode) else found for found in ours] == [
        Chem.MolToSmiles(mol) if mol else None for mol in supplier
    ]


def test_a_table_with_quotes_and_line_breaks_is_read_row_by_row(tmp_path: Path) -> None:
    text = 'id,note,smiles\r\n1,"a, b\r\nc ""d""",CCO\r\n\r\n2,5" pipe,CCN\r\n3,,\r\n4\r\n'
    raws = list(open_records(write(tmp_path, "a.csv", text)))
    assert [raw.line for raw in raws] == [2, 5, 6, 7]
    assert [raw.title for raw in raws] == ["1", "2", "3", "4"]
    assert raws[0].properties == {"id": "1", "note": 'a, b\r\nc "d"'}
    assert raws[1].properties["note"] == '5" pipe'
    assert smiles_of(tmp_path / "a.csv") == ["CCO", "CCN", *[RecordCode.EMPTY_MOLECULE] * 2]


def test_a_quote_that_never_closes_costs_its_own_row_only(tmp_path: Path) -> None:
    rows = "".join(f"CCO,{index}\n" for index in range(3))
    path = write(tmp_path, "a.csv", f'smiles,n\nCCN,"open\n{rows}')
    assert smiles_of(path) == ["CCN", "CCO", "CCO", "CCO"]


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("name,SMILES", "x,CCO"),
        ("name,Canonical SMILES", "x,CCO"),
        ("a,b", "17,CCO"),
        ("Class,what", "C,CCO"),
        ("name,InChI", 'x,"InChI=1S/C2H6O/c1-2-3/h3H,2H2,1H3"'),
    ],
)
def test_the_structure_column_is_found(tmp_path: Path, header: str, row: str) -> None:
    assert smiles_of(write(tmp_path, "a.csv", f"{header}\n{row}\n")) == ["CCO"]


def test_a_named_structure_column_wins(tmp_path: Path) -> None:
    path = write(tmp_path, "a.tsv", "smiles\tproduct\nCCO\tCC=O\n")
    assert smiles_of(path, structure_column="product") == ["CC=O"]


def test_columns_of_one_name_are_told_apart(tmp_path: Path) -> None:
    (raw,) = open_records(write(tmp_path, "a.csv", "smiles,x,x\nCCO,1,2\n"))
    assert raw.properties == {"x": "1", "x#2": "2"}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    notes=st.lists(st.text(st.sampled_from('ab,"\n\r é')), min_size=1, max_size=6),
    per_chunk=st.integers(1, 7),
)
def test_any_quoted_text_survives_any_cut(tmp_path: Path, notes: list[str], per_chunk: int) -> None:
    quoted = ['"' + note.replace('"', '""') + '"' for note in notes]
    path = write(tmp_path, "a.csv", "smiles,note\n" + "".join(f"CCO,{note}\n" for note in quoted))
    records = open_records(path)
    found = [raw for chunk in records.chunks(per_chunk) for raw in records.read_chunk(chunk)]
    assert [raw.properties["note"] for raw in found] == notes
    assert [raw.record for raw in found] == list(range(len(notes)))


def test_a_parquet_table_is_read_across_row_groups(tmp_path: Path) -> None:
    table = pa.table({"id": range(10), "smiles": ["C" * n for n in range(1, 11)], "y": [0.5] * 10})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=4)
    records = open_records(tmp_path / "a.parquet")
    chunks = list(records.chunks(3))
    raws = [raw for chunk in chunks for raw in records.read_chunk(chunk)]
    assert [raw.record for raw in raws] == list(range(10))
    assert [raw.block for raw in raws] == ["C" * n for n in range(1, 11)]
    assert raws[7].properties == {"id": "7", "y": "0.5"}
    (one,) = records.read_chunk(chunks[1].part(0, 1))
    assert one.record == chunks[1].first_record
