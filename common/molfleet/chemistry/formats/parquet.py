"""Parquet files: a row to a record. Chunks are ranges of rows, whatever the row groups."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from molfleet.chemistry.formats.tables import title_column
from molfleet.chemistry.formats.text import decode
from molfleet.chemistry.formats.unpack import plain_name
from molfleet.chemistry.records import Chunk, RawRecord, Records
from molfleet.chemistry.structures import notation_of
from molfleet.errors import Code, Rejected

_BATCH_ROWS = 1024
#: Cells of a batch, so that wide tables do not make heavy batches.
_BATCH_CELLS = 2**17
#: Arrow reads this much of a column at a time; by default it holds the whole column of a row group.
_BUFFER_BYTES = 2**18


class ParquetRecords(Records):
    """Rows of a Parquet file. `line` is the 1-based row, as Parquet has no lines.

    Without a structure column every column is a property, and the records' block is `b""`. Columns of
    lists and structs are left out. Rows are read in batches, and a process holds no more than the
    batch that it read last, however large a row group is: reading in order is quick, going back means
    reading the row group anew.
    """

    file_type = "parquet"

    def __init__(
        self, path: Path, structure_column: str | None, first_record: int = 0, first_line: int = 1
    ) -> None:
        self.path = path
        self.structure_column = structure_column
        self.first_record = first_record
        self.first_line = first_line
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            self._rows = int(file.metadata.num_rows)
        self.header = tuple(str(name) for name in schema.names)
        self._kept = tuple(
            field.name
            for field in schema
            if field.name != structure_column and not pa.types.is_nested(field.type)
        )
        structure_at = None if structure_column is None else self.header.index(structure_column)
        named = tuple(name if name in self._kept else "" for name in self.header)
        at = title_column(named, structure_at)
        self._title = None if at is None else self.header[at]
        # What every record needs is read apart from what is read only when properties are asked for.
        self._needed = _Cursor(path, [name for name in (structure_column, self._title) if name is not None])
        self._others = _Cursor(path, self._kept)

    @property
    def size(self) -> int:
        return self._rows

    def property_names(self) -> tuple[str, ...]:
        return self._kept

    def layout(self) -> dict[str, Any]:
        return {"file_type": self.file_type, "structure_column": self.structure_column}

    def chunks(self, records_per_chunk: int) -> Iterator[Chunk]:
        record, line = self.first_record, self.first_line
        for start in range(0, self._rows, records_per_chunk):
            end = min(start + records_per_chunk, self._rows)
            yield Chunk(self.path, start, end, record + start, line + start, end - start)

    def read_chunk(self, chunk: Chunk) -> Iterator[RawRecord]:
        for index in range(chunk.skip, chunk.skip + chunk.count):
            row = chunk.start + index
            title = self._needed.text(self._title, row).strip() if self._title else ""
            read = partial(self._properties, row)
            structure: str | bytes = b""
            if self.structure_column is not None:
                structure = self._needed.text(self.structure_column, row)
                structure = structure if "\n" in structure else structure.strip()
            yield RawRecord(
                chunk.first_record + index - chunk.skip,
                chunk.first_line + index,
                title,
                structure,
                notation_of(structure) if isinstance(structure, str) else "smiles",
                read,
            )

    def write_slice(self, chunk: Chunk, path: Path) -> None:
        names = [name for name in self.header if name == self.structure_column or name in self._kept]
        cursor = _Cursor(chunk.path, names)
        with pq.ParquetWriter(path, cursor.schema()) as writer:
            for batch in cursor.slice(chunk.start, chunk.end):
                writer.write_batch(batch)

    def _properties(self, row: int) -> dict[str, str]:
        return {name: self._others.text(name, row) for name in self._kept}


def sample_of(path: Path, count: int) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """The columns' names and the first rows as text; raises Rejected(UNREADABLE_FILE)."""
    try:
        with _opened(path) as file:
            header = tuple(str(name) for name in file.schema_arrow.names)
            batch = next(file.iter_batches(batch_size=count, use_threads=False), None)
    except (pa.ArrowException, OSError) as error:
        raise Rejected(
            Code.UNREADABLE_FILE, f"{plain_name(path)} cannot be read as Parquet ({error})."
        ) from None
    if twice := [name for name in header if header.count(name) > 1]:
        raise Rejected(
            Code.UNREADABLE_FILE, f"{plain_name(path)} has more than one column called {twice[0]!r}."
        )
    return header, [] if batch is None else list(zip(*map(_texts, batch.columns), strict=True))


def _opened(path: Path) -> pq.ParquetFile:
    # Pages are checked that have a checksum.
    return pq.ParquetFile(
        path, buffer_size=_BUFFER_BYTES, pre_buffer=False, page_checksum_verification=True
    )


class _Cursor:
    """Some columns of a Parquet file, read forward in batches; one batch is held."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self._path = path
        self._columns = list(columns)
        self._batch_rows = max(1, min(_BATCH_ROWS, _BATCH_CELLS // max(1, len(columns))))
        self._process = 0
        self._file: pq.ParquetFile | None = None
        self._group_ends: list[int] = []
        self._batches: Iterator[pa.RecordBatch] = iter(())
        self._batch: pa.RecordBatch | None = None
        self._first = self._end = 0
        self._texts: dict[str, list[str]] = {}

    def schema(self) -> pa.Schema:
        schema = pq.read_schema(self._path)
        return pa.schema([schema.field(name) for name in self._columns])

    def text(self, column: str, row: int) -> str:
        """A cell as text; empty where there is no value."""
        self._go_to(row)
        texts = self._texts.get(column)
        if texts is None:
            assert self._batch is not None
            texts = self._texts[column] = _texts(self._batch.column(column))
        return texts[row - self._first]

    def slice(self, start: int, end: int) -> Iterator[pa.RecordBatch]:
        """The rows from `start` to `end`, in batches."""
        while start < end:
            self._go_to(start)
            assert self._batch is not None
            stop = min(end, self._end)
            yield self._batch.slice(start - self._first, stop - start)
            start = stop

    def _go_to(self, row: int) -> None:
        """Make the batch that holds this row the current one.

        Raises Rejected(UNREADABLE_FILE) where the file is damaged.
        """
        # A forked process must not share the reader of the process before.
        if self._first <= row < self._end and self._process == os.getpid():
            return
        group = 0
        try:
            group = self._open(row)
            while row >= self._end:
                self._batch = next(self._batches)
                self._first, self._end = self._end, self._end + self._batch.num_rows
                self._texts = {}
        except (pa.ArrowException, OSError, StopIteration) as error:
            reason = str(error) or "it ends early"
            raise Rejected(
                Code.UNREADABLE_FILE,
                f"{plain_name(self._path)} is damaged: row {row + 1:,}, in row group {group + 1}, "
                f"cannot be read ({reason}).",
            ) from None

    def _open(self, row: int) -> int:
        """Begin at the row's group, unless going on from where we are is as near; the group's index."""
        if self._file is None or self._process != os.getpid():
            self._process = os.getpid()
            self._file = _opened(self._path)
            metadata = self._file.metadata
            rows = [metadata.row_group(at).num_rows for at in range(metadata.num_row_groups)]
            self._group_ends = list(accumulate(rows))
            self._first = self._end = self._group_ends[-1]
        group = bisect_right(self._group_ends, row)
        begins = self._group_ends[group - 1] if group else 0
        if row < self._first or begins > self._end:
            self._first = self._end = begins
            # One thread: this runs in forked processes, one to a core.
            self._batches = self._file.iter_batches(
                batch_size=self._batch_rows,
                row_groups=list(range(group, len(self._group_ends))),
                columns=self._columns,
                use_threads=False,
            )
        return group


def _texts(column: pa.Array) -> list[str]:
    """The cells as text; whatever a single one holds, none costs the others."""
    try:
        return [_text(value) for value in column.to_pylist()]
    except UnicodeDecodeError:  # text that is not UTF-8, which Arrow does not check
        return [_text(value) for value in column.cast(pa.large_binary()).to_pylist()]
    except (ValueError, OverflowError):  # times that Python's datetime cannot hold
        return [_text(value) for value in column.cast(pa.string()).to_pylist()]


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return decode(value)
    return "" if value is None else str(value)
