"""Which kind of file it is, where name and content do not agree or say little."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rdkit import Chem

from molfleet.chemistry.formats import lines
from molfleet.chemistry.records import Reject, open_records, parse
from molfleet.errors import Code, RecordCode, Rejected
from tests.unit.chemistry.samples import ASPIRIN, sdf_of, smiles_of, write

SD = sdf_of("CCO", "CCN")
BLOCK = Chem.MolToMolBlock(Chem.MolFromSmiles("CCO"))
INCHI = "InChI=1S/C2H6O/c1-2-3/h3H,2H2,1H3"


@pytest.mark.parametrize(
    ("name", "content", "kind", "titles"),
    [
        ("tabs.csv", "id\tsmiles\n1\tCCO\n2\tCCN\n", "tsv", ["1", "2"]),
        ("commas.tsv", "id,smiles\n1,CCO\n2,CCN\n", "csv", ["1", "2"]),
        ("excel.csv", "id;smiles;logP\n1;CCO;0,5\n2;CCN;1,5\n", "csv", ["1", "2"]),
        ("bars.txt", "id|smiles\n1|CCO\n2|CCN\n", "csv", ["1", "2"]),
        ("unnamed.csv", "id;x;what\n1;0,5;CCO\n2;1,5;CCN\n", "csv", ["1", "2"]),
        ("decimals.txt", "id;x;what\n1;0,5;CCO\n2;1,5;CCN\n", "csv", ["1", "2"]),
        ("table.smi", "smiles,id\nCCO,1\nCCN,2\n", "csv", ["1", "2"]),
        ("wide.smi", "smiles\tid\tlogP\nCCO\t1\t0.5\nCCN\t2\t1\n", "tsv", ["1", "2"]),
        ("narrow.smi", "smiles\tid\nCCO\t1\nCCN\t2\n", "smi", ["1", "2"]),
        ("list.txt", "CCO 1\nCCN 2\n", "smi", ["1", "2"]),
        ("list.sdf", "CCO 1\nCCN 2\n", "smi", ["1", "2"]),
        ("table.sdf", "id,smiles\n1,CCO\n2,CCN\n", "csv", ["1", "2"]),
        ("records.csv", SD, "sdf", ["molecule 0", "molecule 1"]),
        ("records.smi", SD, "sdf", ["molecule 0", "molecule 1"]),
        ("records.txt", SD, "sdf", ["molecule 0", "molecule 1"]),
        ("RECORDS.SDF", SD, "sdf", ["molecule 0", "molecule 1"]),
    ],
)
def test_content_decides_where_it_leaves_no_doubt(
    tmp_path: Path, name: str, content: str, kind: str, titles: list[str]
) -> None:
    path = write(tmp_path, name, content)
    records = open_records(path)
    assert records.file_type == kind
    assert [raw.title for raw in records] == titles
    assert smiles_of(path) == ["CCO", "CCN"]


def test_a_comma_in_a_semicolon_tables_name_does_not_part_it(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "name, systematic;smiles;y\nethanol;CCO;1\n")
    assert smiles_of(path) == ["CCO"]
    path = write(tmp_path, "b.csv", "name, systematic;product\nethanol;CCO\n")
    assert smiles_of(path, structure_column="product") == ["CCO"]


def test_a_table_with_mol_blocks_is_no_sd_file(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", f'ctab,y\n"{BLOCK}",1\n"title{BLOCK}",2\n')
    assert smiles_of(path) == ["CCO", "CCO"]
    assert smiles_of(write(tmp_path, "b.csv", f'what,y\n"{BLOCK}",1\n')) == ["CCO"]


def test_the_first_row_of_a_table_without_a_header_is_a_record(tmp_path: Path) -> None:
    records = open_records(write(tmp_path, "a.csv", "CCO,1\nCCN,2\n"))
    assert [(raw.record, raw.line, raw.block) for raw in records] == [(0, 1, "CCO"), (1, 2, "CCN")]
    assert records.property_names() == ("column_2",)
    assert smiles_of(write(tmp_path, "b.csv", f"{ASPIRIN}\nCCN\n")) == [ASPIRIN, "CCN"]


def test_a_smiles_file_may_hold_inchis(tmp_path: Path) -> None:
    assert smiles_of(write(tmp_path, "a.txt", f"{INCHI} ethanol\n{INCHI}\n")) == ["CCO", "CCO"]


@pytest.mark.parametrize("name", ["a.sdf", "a.sdf.gz", "A.SDF.GZ", "upload"])
def test_gzip_is_known_by_content_whatever_the_name_and_may_have_many_members(
    tmp_path: Path, name: str
) -> None:
    half = SD.index("$$$$\n") + 2
    members = gzip.compress(SD[:half].encode()) + gzip.compress(b"") + gzip.compress(SD[half:].encode())
    assert smiles_of(write(tmp_path, name, members)) == ["CCO", "CCN"]


def test_a_file_that_is_gzipped_twice_is_unpacked_twice(tmp_path: Path) -> None:
    twice = gzip.compress(gzip.compress(SD.encode()))
    assert smiles_of(write(tmp_path, "a.sdf.gz", twice)) == ["CCO", "CCN"]


@pytest.mark.parametrize("cut", [5, 40, -3])
def test_a_truncated_gzip_is_refused_whole(tmp_path: Path, cut: int) -> None:
    with pytest.raises(Rejected, match="damaged gzip") as refused:
        open_records(write(tmp_path, "a.sdf.gz", gzip.compress(SD.encode())[:cut]))
    assert refused.value.code is Code.UNREADABLE_FILE


@pytest.mark.parametrize(
    ("name", "content"), [("a.sdf", SD), ("a.smi", "CCO 1\nCCN 2\n"), ("a.csv", "y,smiles\n1,CCO\n2,CCN\n")]
)
def test_lines_may_end_in_carriage_returns_alone(tmp_path: Path, name: str, content: str) -> None:
    unix = open_records(write(tmp_path, f"unix-{name}", content))
    old = open_records(write(tmp_path, name, content.replace("\n", "\r")), scratch=tmp_path)
    assert smiles_of(tmp_path / name) == ["CCO", "CCN"]
    assert [(raw.line, raw.title, raw.properties) for raw in old] == [
        (raw.line, raw.title, raw.properties) for raw in unix
    ]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.xlsx", b"PK\x03\x04\x14\0\x06\0", "Excel workbook"),
        ("a.csv", b"PK\x03\x04\x14\0\x06\0", "Excel workbook"),
        ("a.sdf", b"BZh91AY&SY", "packed by another program"),
        ("a.rdf", b"$RDFILE 1\n$DATM 11/21/26\n$MFMT\n" + BLOCK.encode(), "RD file"),
        ("a.sdf", b"$RDFILE 1\n$DATM 11/21/26\n$MFMT\n" + BLOCK.encode(), "RD file"),
        ("a.parquet", b"smiles,y\nCCO,1\n", "Parquet"),
        ("a.txt", b"Dear colleague, see below.\nRegards\n", "known here"),
    ],
)
def test_what_is_no_structure_file_is_said_by_its_kind(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    with pytest.raises(Rejected, match=said) as refused:
        open_records(write(tmp_path, name, content))
    assert refused.value.code is Code.UNREADABLE_FILE
    assert name in refused.value.message


@pytest.mark.parametrize("name", ["a.rxn", "a.sdf", "a.mol"])
def test_a_reaction_is_one_rejected_record_that_says_so(tmp_path: Path, name: str) -> None:
    text = f"$RXN\n\n  RDKit\n\n  1  1\n$MOL\n{BLOCK}$MOL\n{BLOCK}"
    (raw,) = open_records(write(tmp_path, name, text))
    reject = parse(raw)
    assert isinstance(reject, Reject)
    assert reject.code is RecordCode.UNPARSABLE
    assert "reaction (RXN)" in reject.message


def test_a_stray_zero_byte_costs_no_file(tmp_path: Path) -> None:
    text = sdf_of("CCO", "CCN", fields={"Note": "a\0b"})
    assert smiles_of(write(tmp_path, "a.sdf", text)) == ["CCO", "CCN"]
    assert smiles_of(write(tmp_path, "a.csv", "smiles,y\n" + "CCO,1\n" * 20 + "CCN,\0\n"))[-1] == "CCN"


def test_a_table_without_structures_will_do_where_none_are_wanted(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "id,activity\n1,2.5\n2,3.5\n")
    records = open_records(path, structures=False)
    assert records.property_names() == ("id", "activity")
    assert [(raw.title, raw.block, raw.properties["activity"]) for raw in records] == [
        ("1", b"", "2.5"),
        ("2", b"", "3.5"),
    ]
    pq.write_table(pa.table({"id": [1, 2], "activity": [2.5, 3.5]}), tmp_path / "a.parquet")
    table = open_records(tmp_path / "a.parquet", structures=False)
    assert [(raw.block, dict(raw.properties)) for raw in table] == [
        (b"", {"id": "1", "activity": "2.5"}),
        (b"", {"id": "2", "activity": "3.5"}),
    ]
    with pytest.raises(Rejected, match="no column with structures"):
        open_records(path)
    with pytest.raises(Rejected, match="no column called 'smiles'"):
        open_records(path, structure_column="smiles", structures=False)


def test_of_a_giant_line_only_its_beginning_is_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", 64)
    monkeypatch.setattr("molfleet.chemistry.structures.MAX_STRUCTURE_BYTES", 63)
    for name, giant in (("a.smi", "C" * 1000), ("a.csv", "C" * 1000 + ',"' + "x" * 500)):
        path = write(tmp_path, name, f"smiles,y\nCCO\n{giant}\nCCN\n"[9 * (name == "a.smi") :])
        assert smiles_of(path, file_type=name[2:]) == ["CCO", RecordCode.TOO_LARGE, "CCN"]
