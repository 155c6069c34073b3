"""Tables in text: CSV, TSV and their likes, a row to a record."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from molfleet.chemistry.formats.lines import LineRecords, read_line
from molfleet.chemistry.formats.text import BOM, decode
from molfleet.chemistry.records import RawRecord
from molfleet.chemistry.structures import notation_of

#: Longest row that may continue over several lines within quotes; beyond, the quote is a stray one.
MAX_QUOTED_ROW = 2**20

_OPENED = re.compile(rb'"(?:[^"]|"")*+"')
_CLOSED = re.compile(rb'(?:[^"]|"")*+"')
_QUOTED = re.compile(r'"((?:[^"]|"")*+)"')
#: Columns that name the record.
TITLES = frozenset({"id", "name", "title", "compound", "compound_id", "mol_id", "molecule_id", "cid"})


class TableRecords(LineRecords):
    """Rows of a table with a header; a quoted cell may hold delimiters and line breaks (RFC 4180).

    Without a structure column every column is a property, and the records' block is `b""`.
    """

    def __init__(
        self,
        path: Path,
        delimiter: str,
        header: tuple[str, ...],
        structure_column: int | None,
        first: int,
        first_line: int,
        first_record: int = 0,
    ) -> None:
        super().__init__(path, "tsv" if delimiter == "\t" else "csv", first, first_line, first_record)
        self.delimiter = delimiter
        self.header = header
        self.structure_column = structure_column
        self._title_column = title_column(header, structure_column)
        self._property_columns = [
            (index, name) for index, name in enumerate(header) if index != structure_column
        ]

    def layout(self) -> dict[str, Any]:
        return {
            "file_type": self.file_type,
            "delimiter": self.delimiter,
            "header": list(self.header),
            "structure_column": self.structure_column,
        }

    def property_names(self) -> tuple[str, ...]:
        return tuple(name for _, name in self._property_columns)

    def _rows(self, path: Path, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
        return table_rows(path, start, end, self.delimiter.encode())

    def _record(self, record: int, line: int, row: bytes) -> RawRecord:
        cells = cells_of(decode(row), self.delimiter)
        at, title = self._title_column, ""
        if at is not None and at < len(cells):
            title = cells[at].strip()
        read = partial(self._properties, cells)
        at = self.structure_column
        if at is None:
            return RawRecord(record, line, title, b"", "smiles", read)
        structure = cells[at].strip() if at < len(cells) else ""
        if "\n" in structure:
            structure = cells[at]  # a mol block begins with its title, maybe a blank line
        return RawRecord(record, line, title, structure, notation_of(structure), read)

    def _properties(self, cells: list[str]) -> dict[str, str]:
        return {name: cells[index] for index, name in self._property_columns if index < len(cells)}


def title_column(header: tuple[str, ...], structure_column: int | None) -> int | None:
    """The column that names a record, if one is called so."""
    for index, name in enumerate(header):
        if index != structure_column and name.strip().lower() in TITLES:
            return index
    return None


def cells_of(row: str, delimiter: str) -> list[str]:
    """A row's cells, without its line ending. A quote opens a cell only at the cell's beginning."""
    row = row.rstrip("\r\n")
    if '"' not in row:
        return row.split(delimiter)
    try:
        return next(csv.reader([row], delimiter=delimiter, strict=True))
    except csv.Error:  # an open quote, text behind a closing one, a cell beyond csv's limit
        return _cells(row, delimiter)


def _cells(row: str, delimiter: str) -> list[str]:
    cells: list[str] = []
    position = 0
    while True:
        text, quoted = "", _QUOTED.match(row, position)
        if quoted:
            text, position = quoted[1].replace('""', '"'), quoted.end()
        end = row.find(delimiter, position)
        cells.append(text + row[position : end if end >= 0 else len(row)])
        if end < 0:
            return cells
        position = end + 1


def header_of(path: Path, delimiter: str) -> tuple[tuple[str, ...], int, int]:
    """The header's names, made unique; the byte and the line where the rows begin."""
    position, line = begin_of(path), 1
    for row, size, lines in table_rows(path, position, path.stat().st_size, delimiter.encode()):
        position += size
        line += lines
        if row.strip():
            return _unique(cells_of(decode(row), delimiter)), position, line
    return (), position, line


def begin_of(path: Path) -> int:
    """The byte where a text begins: behind its byte order mark."""
    with path.open("rb") as file:
        return len(BOM) if file.read(len(BOM)) == BOM else 0


def table_rows(path: Path, start: int, end: int, delimiter: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Rows of a table with their size and number of lines; a row goes on while a quoted cell is open."""
    with path.open("rb") as file:
        file.seek(start)
        position = start
        while position < end:
            row, size = read_line(file)
            if not size:
                return
            lines = 1
            if b'"' in row and size < MAX_QUOTED_ROW and _is_open(row, delimiter):
                whole = bytearray(row)
                while len(whole) < MAX_QUOTED_ROW and (more := file.readline(MAX_QUOTED_ROW)):
                    whole += more
                    lines += 1
                    if b'"' in more and not _is_open(more, delimiter, within=True):
                        row, size = bytes(whole), len(whole)
                        break
                else:
                    lines = 1
                    file.seek(position + size)
            position += size
            yield row, size, lines


def _is_open(text: bytes, delimiter: bytes, *, within: bool = False) -> bool:
    """Whether the text ends in a quoted cell, when it begins with a cell or `within` a quoted one."""
    position = 0
    while True:
        if within or text[position : position + 1] == b'"':
            quoted = (_CLOSED if within else _OPENED).match(text, position)
            if not quoted:
                return True
            position, within = quoted.end(), False
        position = text.find(delimiter, position) + 1
        if not position:
            return False


def _unique(names: list[str]) -> tuple[str, ...]:
    unique: dict[str, None] = {}
    for name in (raw.strip() for raw in names):
        free, number = name, 1
        while free in unique:
            number += 1
            free = f"{name}#{number}"
        unique[free] = None
    return tuple(unique)
