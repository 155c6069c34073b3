from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rdkit import Chem

from molfleet.chemistry.formats import sdf
from molfleet.chemistry.records import Parsed, Reject, open_records, parse
from molfleet.errors import RecordCode
from tests.unit.chemistry.samples import ASPIRIN, NCI_SDF, sdf_of, seen, smiles_of, write


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


def test_records_do_not_depend_on_where_windows_of_the_file_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = sdf_of("CCO", "CCN", fields={"A": "$$ no end"}) + "\n$$$$\n$$$$\n" + sdf_of("CCC") + "\n \n"
    for name, content in (("a.sdf", text), ("b.sdf", text.rstrip()), ("c.sdf", "\ufeff" + text + "tail")):
        records = open_records(write(tmp_path, name, content))
        whole = [seen(raw) for raw in records]
        assert len(whole) == 5 + (name == "c.sdf")
        for window in (4, 5, 7, 64, 1000):
            monkeypatch.setattr(sdf, "_WINDOW", window)
            for per_chunk in (1, 2, 5):
                chunks = list(records.chunks(per_chunk))
                assert [chunk.count for chunk in chunks[:-1]] == [per_chunk] * (len(chunks) - 1)
                assert [seen(raw) for chunk in chunks for raw in records.read_chunk(chunk)] == whole
        monkeypatch.undo()


def test_a_giant_chunk_is_mapped_and_reads_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = open_records(write(tmp_path, "a.sdf", sdf_of("CCO", "CCN", "CCC", fields={"A": "1"})))
    read = [seen(raw) for chunk in records.chunks(2) for raw in records.read_chunk(chunk)]
    monkeypatch.setattr(sdf, "_READ_BYTES", 10)
    assert [seen(raw) for chunk in records.chunks(2) for raw in records.read_chunk(chunk)] == read


def test_header_lines_that_look_like_an_ending_are_no_ending(tmp_path: Path) -> None:
    block = Chem.MolToMolBlock(Chem.MolFromSmiles("CCO")).split("\n", 3)[3]
    path = write(tmp_path, "a.sdf", f"M  END\nM  END\nM  END\n{block}> <A>\n1\n\n$$$$\n")
    (raw,) = open_records(path)
    assert smiles_of(path) == ["CCO"]
    assert raw.properties == {"A": "1"}


def test_a_rejected_record_keeps_its_original_bytes(tmp_path: Path) -> None:
    broken = "title\n\n\nfoo\n> <A>\n1\n\n$$$$\n"
    first, second = (parse(raw) for raw in open_records(write(tmp_path, "a.sdf", sdf_of("C") + broken)))
    assert isinstance(first, Parsed)
    assert isinstance(second, Reject)
    assert second.block == broken.encode()
