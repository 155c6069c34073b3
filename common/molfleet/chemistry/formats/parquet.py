"""Parquet files: a row to a record. Chunks are ranges of rows within one row group."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from molfleet.chemistry.formats.lines import title_column
from molfleet.chemistry.records import Chunk, RawRecord, Records
from molfleet.chemistry.structures import notation_of


class ParquetRecords(Records):
    """Rows of a Parquet file. `line` is the 1-based row, as Parquet has no lines.

    A process keeps the row group that it read last: memory is bounded by the file's row groups.
    """

    file_type = "parquet"

    def __init__(self, path: Path, structure_column: str) -> None:
        self.path = path
        self.structure_column = structure_column
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            self._rows = int(file.metadata.num_rows)
            groups = range(file.metadata.num_row_groups)
            self._group_rows = [int(file.metadata.row_group(group).num_rows) for group in groups]
        self.header = tuple(str(name) for name in schema.names)
        self._properties_kept = tuple(
            field.name
            for field in schema
            if field.name != structure_column and not pa.types.is_nested(field.type)
        )
        at = title_column(self.header, self.header.index(structure_column))
        self._title = None if at is None else self.header[at]
        self._cached: tuple[tuple[str, ...], int, dict[str, list[Any]]] | None = None

    @property
    def size(self) -> int:
        return self._rows

    def property_names(self) -> tuple[str, ...]:
        return self._properties_kept

    def chunks(self, records_per_chunk: int) -> Iterator[Chunk]:
        first = 0
        for rows in self._group_rows:
            for start in range(first, first + rows, records_per_chunk):
                end = min(start + records_per_chunk, first + rows)
                yield Chunk(self.path, start, end, start, start + 1, end - start)
            first += rows

    def read_chunk(self, chunk: Chunk) -> Iterator[RawRecord]:
        first, group = 0, 0
        while first + self._group_rows[group] <= chunk.start:
            first, group = first + self._group_rows[group], group + 1
        columns = self._columns(group)
        for offset in range(chunk.count):
            record = chunk.start + chunk.skip + offset
            at = record - first
            structure = _text(columns[self.structure_column][at])
            title = _text(columns[self._title][at]) if self._title else ""
            read = partial(self._properties, columns, at)
            yield RawRecord(record, record + 1, title, structure.strip(" "), notation_of(structure), read)

    def _columns(self, group: int) -> dict[str, list[Any]]:
        names = (self.structure_column, *self._properties_kept)
        if self._cached is None or self._cached[:2] != (names, group):
            with pq.ParquetFile(self.path) as file:
                # One thread: this runs in forked processes, one to a core.
                table = file.read_row_group(group, columns=list(names), use_threads=False)
            self._cached = (names, group, {name: table[name].to_pylist() for name in names})
        return self._cached[2]

    def _properties(self, columns: dict[str, list[Any]], at: int) -> dict[str, str]:
        return {name: _text(columns[name][at]) for name in self._properties_kept}


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "" if value is None else str(value)
