from __future__ import annotations

import gzip
import pickle
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rdkit import Chem

from molfleet.chemistry.records import Parsed, RawRecord, Reject, open_records, parse
from molfleet.errors import Code, RecordCode, Rejected
from tests.unit.chemistry.samples import ASPIRIN, NCI_SDF, NCI_SMILES, sdf_of


def write(directory: Path, name: str, content: str | bytes) -> Path:
    path = directory / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def seen(raw: RawRecord) -> tuple[int, int, str, str | bytes, dict[str, str]]:
    return raw.record, raw.line, raw.title, raw.block, dict(raw.properties)


def smiles_of(path: Path, **options: str) -> list[str | RecordCode]:
    found: list[str | RecordCode] = []
    for raw in open_records(path, **options):
        parsed = parse(raw)
        found.append(Chem.MolToSmiles(parsed.mol) if isinstance(parsed, Parsed) else parsed.code)
    return found


# SD files


def test_records_of_an_sd_file_keep_their_number_line_title_and_fields(tmp_path: Path) -> None:
    path = write(tmp_path, "a.sdf", sdf_of("CCO", "CCN", fields={"logS": "-1.5", "Note": "two\nlines"}))
    first, second = open_records(path)
    assert (first.record, first.line, first.title) == (0, 1, "molecule 0")
    assert (second.record, second.title) == (1, "molecule 1")
    assert path.read_text().splitlines()[second.line - 1] == "molecule 1"
    assert second.properties == {"logS": "-1.5", "Note": "two\nlines"}


def test_blank_lines_after_the_last_record_are_not_a_record(tmp_path: Path) -> None:
    path = write(tmp_path, "a.sdf", sdf_of("CCO") + "\n \r\n\n")
    assert smiles_of(path) == ["CCO"]


def test_an_unterminated_last_record_counts_even_if_it_is_impossible(tmp_path: Path) -> None:
    bad = Chem.MolToMolBlock(Chem.MolFromSmiles("C(F)(F)(F)(F)F", sanitize=False), kekulize=False)
    path = write(tmp_path, "a.sdf", sdf_of("CCO") + bad)
    assert smiles_of(path) == ["CCO", RecordCode.SANITIZATION_FAILED]
    assert smiles_of(write(tmp_path, "b.mol", bad)) == [RecordCode.SANITIZATION_FAILED]


def test_a_broken_record_does_not_swallow_the_next(tmp_path: Path) -> None:
    good = sdf_of("CCO", "CCN")
    broken = "title\n\n\n  9  9  0  0\n    0.0 garbage\n$$$$\n"
    assert smiles_of(write(tmp_path, "a.sdf", broken + good)) == [RecordCode.UNPARSABLE, "CCO", "CCN"]


def test_a_blank_record_between_two_is_a_record(tmp_path: Path) -> None:
    path = write(tmp_path, "a.sdf", sdf_of("CCO") + "\n$$$$\n$$$$\n" + sdf_of("CCN"))
    assert smiles_of(path) == ["CCO", RecordCode.UNPARSABLE, RecordCode.UNPARSABLE, "CCN"]


def test_windows_line_ends_change_nothing(tmp_path: Path) -> None:
    text = sdf_of("CCO", ASPIRIN, fields={"Note": "two\nlines"})
    unix = [seen(raw) for raw in open_records(write(tmp_path, "a.sdf", text))]
    windows = [seen(raw) for raw in open_records(write(tmp_path, "b.sdf", text.replace("\n", "\r\n")))]
    assert [row[:3] + row[4:] for row in unix] == [row[:3] + row[4:] for row in windows]
    assert smiles_of(tmp_path / "a.sdf") == smiles_of(tmp_path / "b.sdf")


def test_latin_1_text_never_costs_a_record(tmp_path: Path) -> None:
    text = sdf_of("CCO", fields={"Größe": "5 µm"}).replace("molecule 0", "Säure")
    (raw,) = open_records(write(tmp_path, "a.sdf", text.encode("latin-1")))
    assert raw.title == "Säure"
    assert raw.properties == {"Größe": "5 µm"}
    assert isinstance(parse(raw), Parsed)


def test_a_byte_order_mark_is_not_part_of_the_first_title(tmp_path: Path) -> None:
    (raw,) = open_records(write(tmp_path, "a.sdf", b"\xef\xbb\xbf" + sdf_of("CCO").encode()))
    assert raw.title == "molecule 0"


def test_a_v3000_record_is_read(tmp_path: Path) -> None:
    block = Chem.MolToV3KMolBlock(Chem.MolFromSmiles(ASPIRIN))
    assert smiles_of(write(tmp_path, "a.mol", block)) == [ASPIRIN]


def test_tags_without_blank_lines_between_them_are_all_found(tmp_path: Path) -> None:
    block = Chem.MolToMolBlock(Chem.MolFromSmiles("CCO"))
    text = f"{block}>  <A>\n1\n>  25  <B> (x)\n2\n> <C>\n\n$$$$\n"
    (raw,) = open_records(write(tmp_path, "a.sdf", text))
    assert raw.properties == {"A": "1", "B": "2", "C": ""}


def test_the_fields_are_those_that_rdkit_reads() -> None:
    records = open_records(NCI_SDF)
    supplier = Chem.SDMolSupplier(str(NCI_SDF))
    names: dict[str, None] = {}
    count = 0
    for raw, mol in zip(records, supplier, strict=True):
        expected = {name: mol.GetProp(name) for name in mol.GetPropNames()}
        assert raw.properties == expected
        assert raw.title == mol.GetProp("_Name")
        names.update(dict.fromkeys(expected))
        count += 1
    assert count == 200
    assert records.property_names() == tuple(names)


def test_a_record_without_atoms_is_an_empty_molecule(tmp_path: Path) -> None:
    path = write(tmp_path, "a.mol", Chem.MolToMolBlock(Chem.Mol()))
    assert smiles_of(path) == [RecordCode.EMPTY_MOLECULE]


def test_a_record_of_megabytes_of_structure_is_too_large_but_long_values_are_not(tmp_path: Path) -> None:
    block = Chem.MolToMolBlock(Chem.MolFromSmiles("CCO"))
    long_value = f"{block}>  <Spectrum>\n{'1 ' * 3_000_000}\n\n$$$$\n"
    no_end = "x\n\n\n  3  2\n" + "0 " * 3_000_000 + "\n$$$$\n"
    assert smiles_of(write(tmp_path, "a.sdf", long_value + no_end)) == ["CCO", RecordCode.TOO_LARGE]


def test_the_reason_of_a_reject_names_atom_or_line_and_reaches_no_stderr(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bad_valence = Chem.MolToMolBlock(Chem.MolFromSmiles("FC(F)(F)(F)F", sanitize=False), kekulize=False)
    bad_counts = "x\n\n\nfoo\n$$$$\n"
    path = write(tmp_path, "a.sdf", f"{bad_valence}$$$$\n{bad_counts}")
    valence, counts = (parse(raw) for raw in open_records(path))
    assert isinstance(valence, Reject)
    assert "atom # 1 C, 5" in valence.message
    assert isinstance(counts, Reject)
    assert "line 4 of the record" in counts.message
    assert capfd.readouterr() == ("", "")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    records=st.lists(st.sampled_from(["good", "blank", "broken", "fields"]), min_size=1, max_size=8),
    per_chunk=st.integers(1, 9),
    ending=st.sampled_from(["\n", "\r\n"]),
    tail=st.sampled_from(["", "\n", "\n\n  \n"]),
)
def test_records_do_not_depend_on_how_the_file_is_cut(
    tmp_path: Path, records: list[str], per_chunk: int, ending: str, tail: str
) -> None:
    block = Chem.MolToMolBlock(Chem.MolFromSmiles("CCO"))
    texts = {
        "good": f"{block}$$$$\n",
        "blank": "\n$$$$\n",
        "broken": "x\n\n\n 99 99\n$$$$\n",
        "fields": f"{block}> <A>\n$$ not an end\n\n$$$$ trailing words\n",
    }
    text = ("".join(texts[kind] for kind in records) + tail).replace("\n", ending)
    opened = open_records(write(tmp_path, "a.sdf", text), "sdf") if "M  END" in text else None
    if opened is None:
        return
    whole = [seen(raw) for raw in opened]
    assert [row[0] for row in whole] == list(range(len(records)))
    chunks = list(opened.chunks(per_chunk))
    assert [seen(raw) for chunk in chunks for raw in opened.read_chunk(chunk)] == whole
    singles = [chunk.part(at, 1) for chunk in chunks for at in range(chunk.count)]
    assert [seen(raw) for chunk in singles for raw in opened.read_chunk(chunk)] == whole
    lines = text.splitlines()
    for _, line, title, *_ in whole:
        assert lines[line - 1].strip() == title


# SMILES files and tables


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


def test_the_nci_smiles_give_what_rdkits_supplier_gives() -> None:
    ours = smiles_of(NCI_SMILES)
    supplier = Chem.SmilesMolSupplier(str(NCI_SMILES), delimiter="\t", titleLine=False)
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


# Finding out what a file is


def test_a_gzipped_file_is_unpacked_into_scratch(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    path = write(tmp_path, "a.sdf.gz", gzip.compress(sdf_of("CCO").encode()))
    records = open_records(path, scratch=scratch)
    assert [raw.title for raw in records] == ["molecule 0"]
    assert records.path.parent == scratch


def test_unpacking_stops_at_its_limit(tmp_path: Path) -> None:
    path = write(tmp_path, "a.sdf.gz", gzip.compress(b"\n" * 5_000_000))
    with pytest.raises(Rejected) as refused:
        open_records(path, max_bytes=1_000_000)
    assert refused.value.code is Code.BLOB_TOO_LARGE


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (sdf_of("CCO"), "sdf"),
        ("smiles,y\nCCO,1\n", "csv"),
        ("y\tsmiles\n1\tCCO\n", "tsv"),
        ("CCO ethanol\n", "smi"),
    ],
)
def test_a_file_without_a_telling_name_is_known_by_its_content(
    tmp_path: Path, content: str, expected: str
) -> None:
    records = open_records(write(tmp_path, "upload", content))
    assert records.file_type == expected
    assert smiles_of(tmp_path / "upload") == ["CCO"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.sdf", b"<!DOCTYPE html><html>502 Bad Gateway", "begins with '<!DOCTYPE html"),
        ("a.sdf", b"\x89PNG\r\n\x1a\n\0\0\0\r", "binary"),
        ("a.csv", "smiles,y\nCCO,1\n".encode("utf-16"), "UTF-16"),
        ("a.csv", b"id,activity\n1,2.5\n2,3.5\n", "columns: id, activity"),
        ("a.parquet", b"PAR1 is not enough", "Parquet"),
        ("a.sdf.gz", b"\x1f\x8b\x08 broken", "damaged gzip"),
        ("a.smi", b"<html>", "not a SMILES file"),
        ("upload", b"Dear colleague,\nplease find attached\n", "no structure file that is known"),
    ],
)
def test_an_unreadable_file_is_refused_with_a_sentence(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    with pytest.raises(Rejected) as refused:
        open_records(write(tmp_path, name, content))
    assert refused.value.code is Code.UNREADABLE_FILE
    assert said in refused.value.message
    assert name.removesuffix(".gz") in refused.value.message


@pytest.mark.parametrize("content", ["", "\n \r\n"])
@pytest.mark.parametrize("name", ["a.sdf", "a.csv", "a.smi", "a.parquet"])
def test_an_empty_file_has_no_valid_records(tmp_path: Path, name: str, content: str) -> None:
    with pytest.raises(Rejected) as refused:
        open_records(write(tmp_path, name, content))
    assert refused.value.code is Code.NO_VALID_RECORDS


def test_a_missing_column_and_an_unknown_type_name_what_there_is(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "smiles,y\nCCO,1\n")
    with pytest.raises(Rejected, match=r"no column called 'smile'. Did you mean smiles\? .*smiles, y"):
        open_records(path, structure_column="smile")
    with pytest.raises(Rejected, match="Known: sdf, mol, smi, csv, tsv, parquet") as refused:
        open_records(path, "cif")
    assert refused.value.code is Code.UNKNOWN_NAME


def test_a_chunk_and_a_reject_travel_between_processes(tmp_path: Path) -> None:
    records = open_records(write(tmp_path, "a.sdf", sdf_of("CCO") + "\n$$$$\n"))
    (chunk,) = records.chunks(10)
    raws = list(records.read_chunk(pickle.loads(pickle.dumps(chunk))))
    reject = parse(raws[1])
    assert isinstance(reject, Reject)
    assert pickle.loads(pickle.dumps(reject)) == reject
