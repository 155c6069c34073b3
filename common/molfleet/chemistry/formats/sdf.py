"""SD files and mol files: records end at a line that begins with `$$$$`.

RDKit's own suppliers invent a record after trailing blank lines, lose an unterminated last one, and
let an error swallow the next record's terminator; so the cutting is ours and RDKit sees one block.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from molfleet.chemistry.formats.text import BOM, decode
from molfleet.chemistry.records import Chunk, RawRecord, Records
from molfleet.chemistry.structures import MAX_STRUCTURE_BYTES

_END = b"\n$$$$"
_DOLLAR, _NEWLINE = ord("$"), ord("\n")
_WINDOW = 2**20  # not below 4: the beginning of a line must not be cut
#: A chunk above this size (it holds a giant record) is mapped instead of read.
_READ_BYTES = 64 * 2**20
#: A longer record is not handed on as a reject's original.
MAX_ORIGINAL_BYTES = 4 * MAX_STRUCTURE_BYTES

_TAG = re.compile(r"^>[^<\n]*<(.*)>[^>\n]*$")
_ANY_TAG = re.compile(rb"^>[^<\n]*<([^\n]*)>[^>\n]*$", re.MULTILINE)
#: Where RDKit, too, stops reading the structure; the properties follow.
_MOL_END = b"\nM  END"


class SdfRecords(Records):
    """Records between `$$$$` lines; blank lines after the last one are not a record."""

    def __init__(
        self, path: Path, file_type: str = "sdf", first_record: int = 0, first_line: int = 1
    ) -> None:
        self.path = path
        self.file_type = file_type
        self.first_record = first_record
        self.first_line = first_line
        self._size = path.stat().st_size

    @property
    def size(self) -> int:
        return self._size

    def layout(self) -> dict[str, Any]:
        return {"file_type": self.file_type}

    def property_names(self) -> tuple[str, ...]:
        found: dict[bytes, None] = {}
        with self.path.open("rb") as file:
            while window := file.read(_WINDOW) + file.readline(_WINDOW):
                found.update(dict.fromkeys(match[1] for match in _ANY_TAG.finditer(window)))
        return tuple(decode(name) for name in found)

    def chunks(self, records_per_chunk: int) -> Iterator[Chunk]:
        record, line, count = self.first_record, self.first_line, 0
        with self.path.open("rb") as file:
            start = end = len(BOM) if not self.first_record and file.read(len(BOM)) == BOM else 0
            file.seek(start)
            rest = False
            for ends, lines, more in _record_ends(file, start, line):
                for at in range(records_per_chunk - count - 1, len(ends), records_per_chunk):
                    end = int(ends[at])
                    yield Chunk(self.path, start, end, record, line, records_per_chunk)
                    record, start, line = record + records_per_chunk, end, int(lines[at])
                count = (count + len(ends)) % records_per_chunk
                end = int(ends[-1]) if len(ends) else end
                rest = more
        if rest:
            count, end = count + 1, self._size
        if count:
            yield Chunk(self.path, start, end, record, line, count)

    def read_chunk(self, chunk: Chunk) -> Iterator[RawRecord]:
        data, start = _bytes_of(chunk)
        lines = _Lines(data, start, chunk.first_line)
        records = []
        for index in range(-chunk.skip, chunk.count):
            end = _next(data, start)
            if index >= 0:
                records.append(SdRecord(chunk.first_record + index, data, start, end, lines))
            start = end
        if isinstance(data, bytes):
            # Between two molecules all of this would be cold in the processor's caches: all at once
            # it costs a third. A giant record is cut out when it is asked for.
            for raw in records:
                raw.cut()
        yield from records


class SdRecord(RawRecord):
    """A record of an SD file, a range of its chunk's bytes; all else is looked up when asked for."""

    __slots__ = ("_data", "_end", "_lines", "_start")

    def __init__(self, record: int, data: bytes | mmap.mmap, start: int, end: int, lines: _Lines) -> None:
        self.record = record
        self.notation = "molblock"
        self._properties = None
        self._block = b""
        self._data = data
        self._start = start
        self._end = end
        self._lines = lines

    @property
    def line(self) -> int:
        return self._lines.at(self._start)

    @property
    def title(self) -> str:
        ending = self._data.find(b"\n", self._start, self._end)
        return decode(self._data[self._start : self._end if ending < 0 else ending]).strip()

    @property
    def block(self) -> bytes | str:
        return self._block or self.cut()

    def cut(self) -> bytes:
        """Cut the structure out of the data."""
        self._block = block = self._data[self._start : self._behind_structure() or self._end]
        return block

    @property
    def original(self) -> bytes | None:
        if self._end - self._start > MAX_ORIGINAL_BYTES:
            return None
        return self._data[self._start : self._end]

    @property
    def properties(self) -> dict[str, str]:
        if self._properties is None:
            self._properties = fields(self._data[self._behind_structure() or self._start : self._end])
        return self._properties

    def _behind_structure(self) -> int:
        """Where the line after `M  END` begins; 0 where the record has no such line."""
        data, end = self._data, self._end
        header = self._start
        for _ in range(3):  # the title and two lines of comment may hold anything
            header = data.find(b"\n", header, end) + 1
            if not header:
                return 0
        mark = data.find(_MOL_END, header - 1, end)
        if mark < 0:
            return 0
        return data.find(b"\n", mark + 1, end) + 1 or end


class _Lines:
    """Line numbers in a chunk; quick where they are asked for in order."""

    __slots__ = ("_data", "_first", "_line", "_position")

    def __init__(self, data: bytes | mmap.mmap, position: int, line: int) -> None:
        self._data = data
        self._first = self._position, self._line = position, line

    def at(self, position: int) -> int:
        if position < self._position:
            self._position, self._line = self._first
        for start in range(self._position, position, _WINDOW):
            self._line += self._data[start : min(start + _WINDOW, position)].count(b"\n")
        self._position = position
        return self._line


def _record_ends(
    file: BinaryIO, position: int, line: int
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], bool]]:
    """Where the records of a file end and the next begin, a window at a time, from `position` on.

    Yields byte positions, the numbers of the lines that begin there (`line` begins at the first
    `position`), and whether anything but white space has followed the last of them so far.
    """
    ending = rest = False  # whether a line that the window before cut through ends a record
    whole = True  # whether the window begins with a line
    while window := file.read(_WINDOW) + file.readline(_WINDOW):
        data = np.frombuffer(window + b"\0", np.uint8)
        newlines = np.flatnonzero(data == _NEWLINE)
        starts = np.concatenate([np.zeros(1, np.int64), newlines + 1])
        ends_record = data[starts] == _DOLLAR
        for at in np.flatnonzero(ends_record):
            ends_record[at] = window.startswith(b"$$$$", starts[at])
        if not whole:
            ends_record[0] = ending
        whole = not len(window) - starts[-1]
        ending = not whole and bool(ends_record[-1])
        at_line = np.flatnonzero(ends_record[:-1])
        ends = newlines[at_line] + 1
        rest = (rest and not len(ends)) or bool(window[ends[-1] if len(ends) else 0 :].strip())
        yield ends + position, at_line + (line + 1), rest
        position += len(window)
        line += len(newlines)


def _bytes_of(chunk: Chunk) -> tuple[bytes | mmap.mmap, int]:
    """A chunk's bytes, and where in them it begins."""
    with chunk.path.open("rb") as file:
        size = chunk.end - chunk.start
        if size <= _READ_BYTES:
            file.seek(chunk.start)
            return file.read(size), 0
        before = chunk.start % mmap.ALLOCATIONGRANULARITY
        mapped = mmap.mmap(
            file.fileno(), before + size, access=mmap.ACCESS_READ, offset=chunk.start - before
        )
        return mapped, before


def _next(data: bytes | mmap.mmap, start: int) -> int:
    """Where the record that begins at `start` ends: behind its `$$$$` line, or at the data's end."""
    mark = start if data[start : start + 4] == b"$$$$" else data.find(_END, start)
    if mark < 0:
        return len(data)
    return (data.find(b"\n", mark + 1) + 1) or len(data)


def fields(data: bytes) -> dict[str, str]:
    """The SD fields in what follows a structure, as text: UTF-8, or Latin-1 where it is not that.

    A value ends at a blank line, or at the next tag (files without blank lines exist). Of two fields
    of one name the last counts, as in RDKit.
    """
    lines = decode(data).replace("\r\n", "\n").split("\n")
    found: dict[str, str] = {}
    name: str | None = None
    value: list[str] = []
    for line in [*lines, ""]:
        tag = _TAG.match(line) if line.startswith(">") else None
        if name is not None and (tag or not line.strip() or line.startswith("$$$$")):
            found[name] = "\n".join(value)
            name = None
        if tag:
            name, value = tag[1], []
        elif name is not None:
            value.append(line)
    return found
