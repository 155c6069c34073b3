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

from molfleet.chemistry.formats.text import BOM, decode
from molfleet.chemistry.records import Chunk, RawRecord, Records
from molfleet.chemistry.structures import MAX_STRUCTURE_BYTES

_END = b"\n$$$$"
_NEWLINE = ord("\n")
_WINDOW = 2**20  # not below 4: the beginning of a line must not be cut
#: A chunk above this size (it holds a giant record) is mapped instead of read.
_READ_BYTES = 64 * 2**20
#: A longer record is not handed on as a reject's original.
MAX_ORIGINAL_BYTES = 4 * MAX_STRUCTURE_BYTES

_TAG = re.compile(r"^>[^<\n]*<(.*)>[^>\n]*$")
_ANY_TAG = re.compile(rb"^>[^<\n]*<([^\n]*)>[^>\n]*$", re.MULTILINE)
#: Where RDKit, too, stops reading the structure; the properties follow.
_MOL_END = b"\nM  END"
#: Of each mark, the byte that mol blocks hardly have anywhere else.
_RARE = {_END: 1, _MOL_END: 4}


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
            position, here, rest = start, line, False
            for window, ends, more in _windows(file):
                seen = 0
                for at in range(records_per_chunk - count - 1, len(ends), records_per_chunk):
                    here += _lines_in(window, seen, ends[at])
                    seen, end = ends[at], position + ends[at]
                    yield Chunk(self.path, start, end, record, line, records_per_chunk)
                    record, start, line = record + records_per_chunk, end, here
                here += _lines_in(window, seen, len(window))
                count = (count + len(ends)) % records_per_chunk
                end = position + ends[-1] if ends else end
                position, rest = position + len(window), more
        if rest:
            count, end = count + 1, self._size
        if count:
            yield Chunk(self.path, start, end, record, line, count)

    def read_chunk(self, chunk: Chunk) -> Iterator[RawRecord]:
        places = _Places(chunk)
        first = chunk.first_record
        for index in range(chunk.count):
            yield SdRecord(first + index, places, index)


class SdRecord(RawRecord):
    """A record of an SD file, a range of its chunk's bytes; all else is looked up when asked for."""

    __slots__ = ("_index", "_places")
    notation = "molblock"

    def __init__(self, record: int, places: _Places, index: int) -> None:
        self.record = record
        self._places = places
        self._index = index

    @property
    def line(self) -> int:
        return self._places.lines.at(self._places.starts[self._index])

    @property
    def title(self) -> str:
        data, (start, end) = self._places.data, self._range
        ending = data.find(b"\n", start, end)
        return decode(data[start : end if ending < 0 else ending]).strip()

    @property
    def block(self) -> bytes:
        places, index = self._places, self._index
        return places.data[places.starts[index] : places.behind[index]]

    @property
    def original(self) -> bytes | None:
        start, end = self._range
        return None if end - start > MAX_ORIGINAL_BYTES else self._places.data[start:end]

    @property
    def properties(self) -> dict[str, str]:
        start, end = self._range
        behind = self._places.behind[self._index]
        return fields(self._places.data[start if behind == end else behind : end])

    @property
    def _range(self) -> tuple[int, int]:
        starts = self._places.starts
        return starts[self._index], starts[self._index + 1]


class _Places:
    """A chunk's bytes, where in them its records begin, and where the structure of each ends.

    Found all at once: between two molecules, code and data of ours are cold in the processor's caches.
    """

    __slots__ = ("behind", "data", "lines", "starts")

    def __init__(self, chunk: Chunk) -> None:
        self.data, start = _bytes_of(chunk)
        self.lines = _Lines(self.data, start, chunk.first_line)
        for _ in range(chunk.skip):
            start = _next(self.data, start)
        self.starts = [start]
        self.behind: list[int] = []
        for _ in range(chunk.count):
            end = _next(self.data, start)
            self.starts.append(end)
            self.behind.append(_behind_structure(self.data, start, end))
            start = end


def _behind_structure(data: bytes | mmap.mmap, start: int, end: int) -> int:
    """Where the line after `M  END` begins; the end of a record that has no such line."""
    header = start
    for _ in range(3):  # the title and two lines of comment may hold anything
        header = data.find(b"\n", header, end) + 1
        if not header:
            return end
    mark = _find(data, _MOL_END, header - 1, end)
    if mark < 0:
        return end
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


def _windows(file: BinaryIO) -> Iterator[tuple[bytes, list[int], bool]]:
    """A file in windows of whole lines, where in each of them records end, and whether anything but
    white space has followed the last of these ends so far.

    A line longer than a window goes through several.
    """
    whole = True  # whether the window begins with a line
    ending = rest = False  # whether the line that the window before cut through ends a record
    while window := file.read(_WINDOW) + file.readline(_WINDOW):
        ends: list[int] = []
        ending = window.startswith(b"$$$$") if whole else ending
        if ending and (end := window.find(b"\n") + 1):
            ends.append(end)
        start = ends[0] - 1 if ends else 0
        while (mark := _find(window, _END, start)) >= 0 and (end := window.find(b"\n", mark + 1) + 1):
            ends.append(end)
            start = end - 1
        rest = (rest and not ends) or bool(window[ends[-1] if ends else 0 :].strip())
        whole = window.endswith(b"\n")
        if (last := window.rfind(b"\n")) >= 0:
            ending = window.startswith(b"$$$$", last + 1)
        yield window, ends, rest


def _lines_in(data: bytes, start: int, end: int) -> int:
    """How many lines end there; several times quicker than `bytes.count`."""
    return int(np.count_nonzero(np.frombuffer(data, np.uint8, end - start, start) == _NEWLINE))


def _find(data: bytes | mmap.mmap, mark: bytes, start: int, end: int | None = None) -> int:
    """`data.find(mark, start, end)`, quicker: a byte of the mark that is rare elsewhere is sought first."""
    end, rare = len(data) if end is None else end, _RARE[mark]
    at = data.find(mark[rare : rare + 1], start + rare, end) - rare
    if at < start:
        return -1
    if data[at : min(at + len(mark), end)] == mark:
        return at
    return data.find(mark, at + 1, end)


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
    mark = start if data[start : start + 4] == b"$$$$" else _find(data, _END, start)
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
