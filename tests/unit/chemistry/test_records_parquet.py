from __future__ import annotations

import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rdkit import Chem

from molfleet.chemistry.pool import Report, run_chunks
from molfleet.chemistry.records import Chunk, open_records
from molfleet.errors import Code, Rejected
from tests.unit.chemistry.samples import smiles_of


def written(directory: Path, columns: dict[str, object], **options: object) -> Path:
    path = directory / "a.parquet"
    pq.write_table(pa.table(columns), path, **options)
    return path


def test_chunks_have_the_size_asked_for_whatever_the_row_groups(tmp_path: Path) -> None:
    records = open_records(written(tmp_path, {"smiles": ["CCO"] * 10}, row_group_size=4))
    assert [chunk.count for chunk in records.chunks(3)] == [3, 3, 3, 1]
    assert [chunk.first_record for chunk in records.chunks(3)] == [0, 3, 6, 9]


def test_rows_are_found_in_any_order(tmp_path: Path) -> None:
    numbers = list(range(5000))
    table = {"smiles": ["C" * (n % 9 + 1) for n in numbers], "n": numbers}
    records = open_records(written(tmp_path, table, row_group_size=1700))
    chunks = list(records.chunks(100))
    for chunk in [chunks[40], chunks[3], chunks[3].part(7, 2), chunks[17], chunks[-1], chunks[0]]:
        for raw in records.read_chunk(chunk):
            assert raw.block == "C" * (raw.record % 9 + 1)
            assert raw.properties == {"n": str(raw.record)}
            assert raw.line == raw.record + 1


def test_a_huge_row_group_is_not_held(tmp_path: Path) -> None:
    text = "x" * 200
    rows = 100_000
    table = {"smiles": ["CCO"] * rows, "note": [f"{n}{text}" for n in range(rows)]}
    records = open_records(written(tmp_path, table, row_group_size=rows, use_dictionary=False))
    before, peak = pa.total_allocated_bytes(), 0
    for at, raw in enumerate(records):
        assert raw.properties["note"].endswith(text)
        if not at % 5000:
            peak = max(peak, pa.total_allocated_bytes() - before)
    assert peak < rows * len(text) / 4


def test_values_that_python_cannot_hold_cost_nothing(tmp_path: Path) -> None:
    bad_text = pa.Array.from_buffers(pa.string(), 2, pa.array([b"S\xe4ure", b"ok"]).buffers())
    columns = {
        "smiles": ["CCO", "CCN"],
        "name": bad_text,
        "when": pa.array([10**15, 0], pa.timestamp("s")),
        "exact": pa.array([1, 2], pa.timestamp("ns")),
        "day": [datetime.date(2026, 11, 21), None],
        "raw": [b"\xe4", None],
        "list": [[1], [2]],
    }
    records = open_records(written(tmp_path, columns))
    first, second = records
    assert (first.title, first.properties["raw"]) == ("Säure", "ä")
    assert "1000000000000000" in first.properties["when"]
    assert second.properties["when"].startswith("1970-01-01")
    assert second.properties["day"] == ""
    assert "list" not in records.property_names()
    assert smiles_of(tmp_path / "a.parquet") == ["CCO", "CCN"]


@pytest.mark.parametrize("notation", ["smiles", "inchi", "molblock", "bytes"])
def test_a_structure_column_without_a_telling_name_is_found(tmp_path: Path, notation: str) -> None:
    mol = Chem.MolFromSmiles("CCO")
    cells = {
        "smiles": "CCO",
        "inchi": Chem.MolToInchi(mol),
        "molblock": Chem.MolToMolBlock(mol),
        "bytes": Chem.MolToMolBlock(mol).encode(),
    }
    path = written(tmp_path, {"a": [1.5, 2.5], "what": [cells[notation]] * 2, "label": ["C", "N"]})
    assert smiles_of(path) == ["CCO", "CCO"]


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array(["CCO"]), pa.array([1]), pa.array([2])], ["smiles", "x", "x"])
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(Rejected, match="more than one column called 'x'") as refused:
        open_records(tmp_path / "a.parquet")
    assert refused.value.code is Code.UNREADABLE_FILE


def test_a_table_without_rows_has_no_valid_records(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="no rows") as refused:
        open_records(written(tmp_path, {"smiles": pa.array([], pa.string())}))
    assert refused.value.code is Code.NO_VALID_RECORDS


def test_damage_that_a_process_of_the_pool_finds_is_the_files_verdict(tmp_path: Path) -> None:
    columns = {"smiles": ["C" * (n % 30 + 1) for n in range(5000)]}
    path = written(tmp_path, columns, row_group_size=1000, write_page_checksum=True)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 50] = bytes(50)
    path.write_bytes(data)
    records = open_records(path)

    def work(chunk: Chunk, report: Report) -> int:
        return sum(1 for _ in records.read_chunk(chunk))

    with pytest.raises(Rejected, match="is damaged: row") as refused:
        list(run_chunks(records.chunks(100), work, 2, 5))
    assert refused.value.code is Code.UNREADABLE_FILE
