from __future__ import annotations

import gzip
import pickle
from pathlib import Path

import pytest

from molfleet.chemistry.records import Reject, open_records, parse
from molfleet.errors import Code, Rejected
from tests.unit.chemistry.samples import sdf_of, smiles_of, write


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
