"""Text files with a row to a record: SMILES files, CSV, TSV."""

from __future__ import annotations

import csv
import re
from abc import abstractmethod
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from molfleet.chemistry.formats.text import BOM, decode
from molfleet.chemistry.records import Chunk, RawRecord, Records
from molfleet.chemistry.structures import notation_of

#: Longest row that may continue over several lines within quotes; beyond, the quote is a stray one.
MAX_QUOTED_ROW = 2**20

_QUOTED = re.compile(rb'"(?:[^"]|"")*+"')


class LineRecords(Records):
    """Rows of a text file after `first`, the byte where the first record or blank line begins."""

    def __init__(self, path: Path, file_type: str, first: int, first_line: int) -> None:
        self.path = path
        self.file_type = file_type
        self._first = first
        self._first_line = first_line
        self._size = path.stat().st_size

    @property
    def size(self) -> int:
        return self._size

    @abstractmethod
    def _rows(self, path: Path, start: int, end: int) -> Iterator[tuple[bytes, int]]:
        """Rows with their ending and their number of lines, blank ones and comments included."""

    @abstractmethod
    def _record(self, record: int, line: int, row: bytes) -> RawRecord: ...

    def _is_record(self, row: bytes) -> bool:
        return bool(row.strip())

    def chunks(self, records_per_chunk: int) -> Iterator[Chunk]:
        record, line, start, count = 0, self._first_line, self._first, 0
        position, line_here = start, line
        for row, lines in self._rows(self.path, start, self._size):
            position += len(row)
            line_here += lines
            count += self._is_record(row)
            if count == records_per_chunk:
                yield Chunk(self.path, start, position, record, line, count)
                record, start, line, count = record + count, position, line_here, 0
        if count:
            yield Chunk(self.path, start, position, record, line, count)

    def read_chunk(self, chunk: Chunk) -> Iterator[RawRecord]:
        index, line = -chunk.skip, chunk.first_line
        for row, lines in self._rows(chunk.path, chunk.start, chunk.end):
            if self._is_record(row):
                if index == chunk.count:
                    return
                if index >= 0:
                    yield self._record(chunk.first_record + index, line, row)
                index += 1
            line += lines


class SmilesRecords(LineRecords):
    """`SMILES title` rows; a CXSMILES extension in bars belongs to the SMILES; `#` begins a comment."""

    def property_names(self) -> tuple[str, ...]:
        return ()

    def _rows(self, path: Path, start: int, end: int) -> Iterator[tuple[bytes, int]]:
        with path.open("rb") as file:
            file.seek(start)
            left = end - start
            for row in file:
                if left <= 0:
                    return
                left -= len(row)
                yield row, 1

    def _is_record(self, row: bytes) -> bool:
        return bool(row.strip()) and not row.startswith(b"#")

    def _record(self, record: int, line: int, row: bytes) -> RawRecord:
        smiles, _, rest = decode(row).strip().replace("\t", " ").partition(" ")
        rest = rest.strip()
        if rest.startswith("|") and (bar := rest.find("|", 1)) > 0:
            smiles, rest = f"{smiles} {rest[: bar + 1]}", rest[bar + 1 :].strip()
        return RawRecord(record, line, rest, smiles, "smiles", dict)


class TableRecords(LineRecords):
    """Rows of a table with a header; a quoted cell may hold delimiters and line breaks (RFC 4180)."""

    def __init__(
        self,
        path: Path,
        file_type: str,
        header: tuple[str, ...],
        structure_column: int,
        first: int,
        first_line: int,
    ) -> None:
        super().__init__(path, file_type, first, first_line)
        self.delimiter = delimiter_of(file_type)
        self.header = header
        self.structure_column = structure_column
        self._title_column = title_column(header, structure_column)

    def property_names(self) -> tuple[str, ...]:
        structure = self.header[self.structure_column]
        return tuple(name for name in self.header if name != structure)

    def _rows(self, path: Path, start: int, end: int) -> Iterator[tuple[bytes, int]]:
        return table_rows(path, start, end, self.delimiter.encode())

    def _record(self, record: int, line: int, row: bytes) -> RawRecord:
        cells = cells_of(decode(row), self.delimiter)
        at = self.structure_column
        structure = cells[at].strip() if at < len(cells) else ""
        if "\n" in structure:
            structure = cells[at]  # a mol block begins with its title, maybe a blank line
        title = ""
        if self._title_column is not None and self._title_column < len(cells):
            title = cells[self._title_column]
        read = partial(self._properties, cells)
        return RawRecord(record, line, title, structure, notation_of(structure), read)

    def _properties(self, cells: list[str]) -> dict[str, str]:
        found = dict(zip(self.header, cells, strict=False))
        found.pop(self.header[self.structure_column], None)
        return found


def delimiter_of(file_type: str) -> str:
    return "\t" if file_type == "tsv" else ","


def title_column(header: tuple[str, ...], structure_column: int) -> int | None:
    """The column that names a record, if one is called so."""
    for index, name in enumerate(header):
        if index != structure_column and name.strip().lower() in _TITLES:
            return index
    return None


_TITLES = frozenset({"id", "name", "title", "compound", "compound_id", "mol_id", "molecule_id", "cid"})


def cells_of(row: str, delimiter: str) -> list[str]:
    """A row's cells, without its line ending."""
    row = row.rstrip("\r\n")
    if '"' not in row:
        return row.split(delimiter)
    try:
        return next(csv.reader([row], delimiter=delimiter))
    except csv.Error:  # a bare carriage return, a cell beyond csv's limit
        return row.replace('"', "").split(delimiter)


def header_of(path: Path, delimiter: str) -> tuple[tuple[str, ...], int, int]:
    """The header's names, made unique; the byte and the line where the rows begin."""
    with path.open("rb") as file:
        skipped = len(BOM) if file.read(3) == BOM else 0
    line, position = 1, skipped
    for row, lines in table_rows(path, skipped, path.stat().st_size, delimiter.encode()):
        position += len(row)
        line += lines
        if row.strip():
            return _unique(cells_of(decode(row), delimiter)), position, line
    return (), position, line


def table_rows(path: Path, start: int, end: int, delimiter: bytes) -> Iterator[tuple[bytes, int]]:
    """Rows of a table with their number of lines; a row goes on while a quoted cell is open."""
    with path.open("rb") as file:
        file.seek(start)
        position = start
        while position < end:
            row = file.readline()
            if not row:
                return
            lines = 1
            if b'"' in row and _is_open(row, delimiter):
                whole = bytearray(row)
                while len(whole) < MAX_QUOTED_ROW and (more := file.readline()):
                    whole += more
                    lines += 1
                    if b'"' in more and not _is_open(bytes(whole), delimiter):
                        row = bytes(whole)
                        break
                else:
                    lines = 1
                    file.seek(position + len(row))
            position += len(row)
            yield row, lines


def _is_open(row: bytes, delimiter: bytes) -> bool:
    """Whether the row ends within a quoted cell. A quote opens a cell only at the cell's beginning."""
    position = 0
    while True:
        if row[position : position + 1] == b'"':
            quoted = _QUOTED.match(row, position)
            if not quoted:
                return True
            position = quoted.end()
        position = row.find(delimiter, position) + 1
        if not position:
            return False


def _unique(names: list[str]) -> tuple[str, ...]:
    seen: dict[str, int] = {}
    unique = []
    for name in (raw.strip() for raw in names):
        seen[name] = seen.get(name, 0) + 1
        unique.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return tuple(unique)
