from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from molfleet import features
from tests.unit.features.files import BITS, COUNTS, GROUP, NAMES, ROWS, SPEC, VALUES, Truth

TRUTH = Truth()


@pytest.fixture(scope="module", params=["parquet", "csv", "npz"])
def path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return TRUTH.write(tmp_path_factory.mktemp("features"), request.param)


def test_every_format_gives_the_arrays_that_were_written(path: Path) -> None:
    table = features.read(path)
    np.testing.assert_array_equal(table.records, TRUTH.records)
    assert table.texts == {"smiles": TRUTH.smiles}
    np.testing.assert_array_equal(table.arrays[BITS], TRUTH.bits)
    np.testing.assert_array_equal(table.arrays[COUNTS], TRUTH.counts)
    np.testing.assert_array_equal(table.arrays[VALUES], TRUTH.values)
    assert [array.dtype for array in table.arrays.values()] == [np.uint8, np.uint16, np.float32]
    assert table.columns[VALUES].names == NAMES
    np.testing.assert_array_equal(table.matrix(), TRUTH.matrix)
    assert table.labels() == TRUTH.labels


def test_packed_bits_are_numpys_little_endian_packbits(path: Path) -> None:
    packed = features.read(path, [BITS]).columns[BITS].packed
    assert packed.shape == (ROWS, 3)
    np.testing.assert_array_equal(np.unpackbits(packed, axis=1, count=21, bitorder="little"), TRUTH.bits)


@pytest.mark.parametrize(
    "rows",
    [(0, None), (0, 1), (15, 17), (16, 32), (33, 999), (49, 50), (50, None), (70, 80), (9, 9), (9, 3)],
)
def test_a_range_of_rows_is_that_slice_of_the_whole(path: Path, rows: tuple[int, int | None]) -> None:
    table = features.read(path, rows=rows)
    np.testing.assert_array_equal(table.records, TRUTH.records[slice(*rows)])
    np.testing.assert_array_equal(table.matrix(), TRUTH.matrix[slice(*rows)])
    assert table.texts["smiles"] == TRUTH.smiles[slice(*rows)]


def test_only_the_columns_that_are_named_come_in_the_files_order(path: Path) -> None:
    table = features.read(path, [VALUES, BITS])
    assert list(table.columns) == [BITS, VALUES]
    assert table.texts == {}
    assert features.read(path, ["smiles"]).matrix().shape == (ROWS, 0)
    assert len(features.read(path, []).records) == ROWS


@pytest.mark.parametrize("rows", [1, 7, GROUP, 49, 50, 1000])
def test_batches_are_the_table_cut_into_equal_parts(path: Path, rows: int) -> None:
    parts = list(features.batches(path, rows=rows))
    assert [len(part) for part in parts[:-1]] == [rows] * (len(parts) - 1)
    assert 0 < len(parts[-1]) <= rows
    np.testing.assert_array_equal(np.vstack([part.matrix() for part in parts]), TRUTH.matrix)
    assert [text for part in parts for text in part.texts["smiles"]] == TRUTH.smiles


def test_batches_of_some_columns_within_a_range(path: Path) -> None:
    parts = list(features.batches(path, rows=5, columns=[COUNTS], within=(3, 21)))
    assert [len(part) for part in parts] == [5, 5, 5, 3]
    np.testing.assert_array_equal(np.vstack([part.matrix() for part in parts]), TRUTH.counts[3:21])
    assert list(features.batches(path, within=(50, None))) == []


def test_what_a_file_holds_is_known_before_a_row_is_read(path: Path) -> None:
    with features.open_file(path) as file:
        assert file.rows == (None if path.suffix == ".csv" else ROWS)
        assert file.texts == ("smiles",)
        assert [(one.kind, one.size) for one in file.columns.values()] == [
            ("bits", 21),
            ("counts", 64),
            ("descriptors", 2),
        ]
        assert len(file.read(rows=(0, 2))) == 2
        assert len(file.read(rows=(2, 4))) == 2


def test_parquet_tells_versions_standardization_and_the_spec_of_a_column(tmp_path: Path) -> None:
    table = features.read(TRUTH.write(tmp_path, "parquet"))
    assert table.metadata == {"molfleet": "1", "rdkit": "2026.03", "standardize": "none"}
    assert table.columns[VALUES].info.spec == SPEC


def test_csr_is_the_matrix_without_zeros_and_keeps_what_is_missing(path: Path) -> None:
    table = features.read(path)
    csr = table.csr()
    np.testing.assert_array_equal(csr.toarray(), TRUTH.matrix)
    assert csr.dtype == np.float32
    assert csr.has_sorted_indices
    assert csr.nnz == np.count_nonzero(TRUTH.matrix)
    assert np.isnan(csr[3].data).sum() == 1
    np.testing.assert_array_equal(table.csr(BITS).toarray(), TRUTH.bits)


def test_csr_made_in_many_parts_is_the_same(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("molfleet.features.table._ELEMENTS", 300)
    np.testing.assert_array_equal(features.read(path).csr().toarray(), TRUTH.matrix)
    np.testing.assert_array_equal(features.read(path).matrix(), TRUTH.matrix)


def test_a_frame_of_any_format_is_what_pandas_reads_from_the_csv(path: Path, tmp_path: Path) -> None:
    frame = features.read(path).frame()
    known = pd.read_csv(TRUTH.write(tmp_path, "csv"), index_col="record")
    assert frame.index.tolist() == known.index.tolist()
    assert frame.columns.tolist() == known.columns.tolist()
    np.testing.assert_array_equal(
        frame.iloc[:, 1:].to_numpy(np.float32), known.iloc[:, 1:].to_numpy(np.float32)
    )
    np.testing.assert_array_equal(frame["smiles"].isna(), known["smiles"].isna())


def test_a_sparse_frame_holds_the_same_values(path: Path) -> None:
    table = features.read(path)
    dense, thin = table.frame(), table.frame(sparse=True)
    assert isinstance(thin.dtypes[f"{BITS}:0"], pd.SparseDtype)
    np.testing.assert_array_equal(thin.iloc[:, 1:].to_numpy(float), dense.iloc[:, 1:].to_numpy(float))


def test_only_the_row_groups_and_columns_asked_for_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = TRUTH.write(tmp_path, "parquet")
    asked: list[tuple[int, list[str]]] = []
    real = pq.ParquetFile.read_row_group

    def read_row_group(self: pq.ParquetFile, group: int, columns: list[str], **more: object) -> object:
        asked.append((group, columns))
        return real(self, group, columns=columns, **more)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", read_row_group)
    features.read(path, [BITS], (17, 33))
    assert asked == [(1, ["record", BITS]), (2, ["record", BITS])]


def test_an_unknown_column_is_named_with_those_that_are_there(path: Path) -> None:
    with pytest.raises(KeyError, match=f"no column 'ECFP_1024_2'; it has {BITS}, {COUNTS}, .*smiles"):
        features.read(path, ["ECFP_1024_2"])


def test_rows_below_zero_are_refused(path: Path) -> None:
    with pytest.raises(ValueError, match="counted from 0"):
        features.read(path, rows=(-3, None))
    with pytest.raises(ValueError, match="at least 1"):
        next(features.batches(path, rows=0))


@pytest.mark.parametrize("content", [b"", b"smiles\nCCO\n", b"\x89PNG", b"recording,x\n"])
def test_another_file_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "other").write_bytes(content)
    with pytest.raises(ValueError, match="other is not a feature file"):
        features.read(tmp_path / "other")


def test_a_parquet_file_of_something_else_is_refused(tmp_path: Path) -> None:
    pd.DataFrame({"smiles": ["C"]}).to_parquet(tmp_path / "other.parquet")
    with pytest.raises(ValueError, match=r"other\.parquet is not a feature file"):
        features.read(tmp_path / "other.parquet")


def test_an_array_of_objects_is_never_unpickled(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", record=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="rows of plain values"):
        features.read(tmp_path / "a.npz")


def test_text_columns_with_colons_and_category_names_with_colons_are_told_from_features(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.csv").write_text(
        "record,note:0,MACCS_like,COLUMNS_categorical=c:c=a:b,COLUMNS_categorical=c:c=d\n5,x,y,1.0,0.0\n"
    )
    table = features.read(tmp_path / "a.csv")
    assert table.texts == {"note:0": ["x"], "MACCS_like": ["y"]}
    assert table.columns["COLUMNS_categorical=c"].names == ("c=a:b", "c=d")
