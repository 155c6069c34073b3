"""Text files with a row to a record; SMILES files among them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from molfleet.chemistry.formats.text import decode
from molfleet.chemistry.records import Chunk, RawRecord, Records
from molfleet.chemistry.structures import MAX_STRUCTURE_BYTES, notation_of

#: Of a longer line no more is held, and its record is refused by its size.
MAX_LINE_BYTES = 4 * MAX_STRUCTURE_BYTES


class LineRecords(Records):
    """Rows of a text file after `first`, the byte where the first record or blank line begins."""

    def __init__(
        self, path: Path, file_type: str, first: int, first_line: int, first_record: int = 0
    ) -> None:
        self.path = path
        self.file_type = file_type
        self.first_record = first_record
        self.first_line = first_line
        self._first = first
        self._size = path.stat().st_size

    @property
    def size(self) -> int:
        return self._size

    @abstractmethod
    def _rows(self, path: Path, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
        """Rows with their ending, their size in the file and their number of lines; all that there are.

        Of a row above MAX_LINE_BYTES only the beginning is given.
        """

    @abstractmethod
    def _record(self, record: int, line: int, row: bytes) -> RawRecord: ...

    def _is_record(self, row: bytes) -> bool:
        return bool(row.strip())

    def chunks(self, records_per_chunk: int) -> Iterator[Chunk]:
        record, line, start, count = self.first_record, self.first_line, self._first, 0
        position, line_here = start, line
        for row, size, lines in self._rows(self.path, start, self._size):
            position += size
            line_here += lines
            count += self._is_record(row)
            if count == records_per_chunk:
                yield Chunk(self.path, start, position, record, line, count)
                record, start, line, count = record + count, position, line_here, 0
        if count:
            yield Chunk(self.path, start, position, record, line, count)

    def read_chunk(self, chunk: Chunk) -> Iterator[RawRecord]:
        index, line = -chunk.skip, chunk.first_line
        for row, size, lines in self._rows(chunk.path, chunk.start, chunk.end):
            if self._is_record(row):
                if index == chunk.count:
                    return
                record = chunk.first_record + index
                if index >= 0 and size > len(row):
                    yield RawRecord(record, line, "", row[: MAX_STRUCTURE_BYTES + 1], "smiles", dict)
                elif index >= 0:
                    yield self._record(record, line, row)
                index += 1
            line += lines


class SmilesRecords(LineRecords):
    """`SMILES title` rows; a CXSMILES extension in bars belongs to the SMILES; `#` begins a comment.

    An InChI may stand in the place of the SMILES.
    """

    def layout(self) -> dict[str, Any]:
        return {"file_type": self.file_type}

    def property_names(self) -> tuple[str, ...]:
        return ()

    def _rows(self, path: Path, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
        with path.open("rb") as file:
            file.seek(start)
            position = start
            while position < end:
                row, size = read_line(file)
                if not size:
                    return
                position += size
                yield row, size, 1

    def _is_record(self, row: bytes) -> bool:
        return bool(row.strip()) and not row.startswith(b"#")

    def _record(self, record: int, line: int, row: bytes) -> RawRecord:
        smiles, _, rest = decode(row).strip().replace("\t", " ").partition(" ")
        rest = rest.strip()
        if rest.startswith("|") and (bar := rest.find("|", 1)) > 0:
            smiles, rest = f"{smiles} {rest[: bar + 1]}", rest[bar + 1 :].strip()
        return RawRecord(record, line, rest, smiles, notation_of(smiles), dict)


def read_line(file: BinaryIO) -> tuple[bytes, int]:
    """The next line, at most MAX_LINE_BYTES of it, and its whole size."""
    line = file.readline(MAX_LINE_BYTES)
    size = len(line)
    if size == MAX_LINE_BYTES:
        last = line
        while last and not last.endswith(b"\n"):
            last = file.readline(2**20)
            size += len(last)
    return line, size
