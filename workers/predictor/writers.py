"""Files of predictions being written, row by row, in little memory."""

from __future__ import annotations

import csv
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from molfleet.catalogue import Catalogue
from workers.predictor.columns import Cell, Column, Kind
from workers.predictor.rows import ChunkRows
from workers.predictor.sd_fields import cell_text

#: Rows of a Parquet row group: fixed, so that bytes do not depend on how the work was cut.
GROUP_ROWS = 8192


class Writer(ABC):
    """A file of predictions. `append` chunk after chunk, then `close`."""

    path: Path

    @abstractmethod
    def append(self, chunk: ChunkRows) -> None: ...

    @abstractmethod
    def close(self) -> None: ...


class CsvWriter(Writer):
    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        self.path = path
        self._file = path.open("w", encoding="utf-8", newline="")
        self._csv = csv.writer(self._file, lineterminator="\n")
        self._csv.writerow([column.name for column in columns])

    def append(self, chunk: ChunkRows) -> None:
        self._csv.writerows([cell_text(cell) for cell in row] for row in chunk.rows)

    def close(self) -> None:
        self._file.close()


class SdfWriter(Writer):
    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        self.path = path
        self._file = path.open("wb")

    def append(self, chunk: ChunkRows) -> None:
        self._file.writelines(chunk.sdf)

    def close(self) -> None:
        self._file.close()


_ARROW: dict[Kind, pa.DataType] = {
    "integer": pa.int64(),
    "number": pa.float64(),
    "text": pa.string(),
    "truth": pa.bool_(),
}


class ParquetWriter(Writer):
    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        self.path = path
        self._schema = pa.schema([pa.field(column.name, _ARROW[column.kind]) for column in columns])
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")
        self._waiting: list[list[Cell]] = []

    def append(self, chunk: ChunkRows) -> None:
        self._waiting += chunk.rows
        while len(self._waiting) >= GROUP_ROWS:
            self._write(self._waiting[:GROUP_ROWS])
            del self._waiting[:GROUP_ROWS]

    def close(self) -> None:
        if self._waiting:
            self._write(self._waiting)
        self._writer.close()

    def _write(self, rows: list[list[Cell]]) -> None:
        columns = zip(*rows, strict=True)
        arrays = [pa.array(cells, field.type) for cells, field in zip(columns, self._schema, strict=True)]
        table = pa.Table.from_arrays(arrays, schema=self._schema)
        self._writer.write_table(table, row_group_size=GROUP_ROWS)


@dataclass(frozen=True)
class FormatRow:
    """One output format."""

    code: str
    content_type: str
    open: Callable[[Path, Sequence[Column]], Writer]
    aliases: tuple[str, ...] = ()


FORMATS = Catalogue(
    "output format",
    (
        FormatRow("csv", "text/csv", CsvWriter),
        FormatRow("parquet", "application/vnd.apache.parquet", ParquetWriter),
        FormatRow("sdf", "chemical/x-mdl-sdfile", SdfWriter),
    ),
)
