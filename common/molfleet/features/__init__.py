"""Reads the files that CalculateFeatureVectors writes, whichever format they are in.

table = molfleet.features.read("features.parquet")
table.matrix("ECFP_2048_2")    # float32, [rows, 2048]
table.csr()                    # scipy.sparse, for scikit-learn
table.frame()                  # pandas, one column per bit

for part in molfleet.features.batches("features.parquet", rows=8192):
    model.partial_fit(part.csr())
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from molfleet.features.file import FeatureFile
from molfleet.features.table import ColumnInfo, FeatureColumn, FeatureTable, Kind


def open_file(path: str | Path) -> FeatureFile:
    """What a feature file holds (rows, columns, metadata), before any row is read.

    The format follows from the content. Raises ValueError for a file that is no feature file.
    """
    path = Path(path)
    with path.open("rb") as file:
        magic = file.read(6)
    if magic.startswith(b"PAR1"):
        from molfleet.features.parquet import ParquetFeatures

        return ParquetFeatures(path)
    if magic.startswith(b"PK\x03\x04"):
        from molfleet.features.npz import NpzFeatures

        return NpzFeatures(path)
    if magic == b"record":
        from molfleet.features.text import CsvFeatures

        return CsvFeatures(path)
    raise _no_feature_file(path)


def read(
    path: str | Path,
    columns: Collection[str] | None = None,
    rows: tuple[int, int | None] | None = None,
) -> FeatureTable:
    """Read a feature file, or some of its columns, or its rows from `rows[0]` up to `rows[1]`.

    `columns` names feature and text columns; `record` always comes along. Only what is asked for is
    read: of Parquet the columns and row groups, of NPZ the arrays up to the last row, of CSV the lines
    up to there. Raises KeyError for a column that is not there (naming those that are), ValueError for
    a file that is no feature file.
    """
    with open_file(path) as file:
        return file.read(columns, rows)


def batches(
    path: str | Path,
    rows: int = 8192,
    columns: Collection[str] | None = None,
    within: tuple[int, int | None] | None = None,
) -> Iterator[FeatureTable]:
    """The same in tables of `rows` rows each, for files larger than memory; `within` is a range of rows."""
    with open_file(path) as file:
        yield from file.batches(rows, columns, within)


def _no_feature_file(path: Path) -> ValueError:
    return ValueError(f"{path.name} is not a feature file (Parquet, CSV or NPZ with a column record)")


__all__ = [
    "ColumnInfo",
    "FeatureColumn",
    "FeatureFile",
    "FeatureTable",
    "Kind",
    "batches",
    "open_file",
    "read",
]
