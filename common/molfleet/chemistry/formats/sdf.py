"""SD files and mol files: records end at a line that begins with `$$$$`.

RDKit's own suppliers invent a record after trailing blank lines, lose an unterminated last one, and
let an error swallow the next record's terminator; so the cutting is ours and RDKit sees one block.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from molfleet.chemistry.formats.text import BOM, decode
from molfleet.chemistry.records import Chunk, RawRecord, Records
from molfleet.chemistry.structures import MAX_STRUCTURE_BYTES

_END = b"\n$$$$"
_TAG = re.compile(r"^>[^<\n]*<(.*)>[^>\n]*$")
_ANY_TAG = re.compile(rb"^>[^<\n]*<([^\n]*)>[^>\n]*$", re.MULTILINE)
#: Where RDKit, too, stops reading the structure; the properties follow.
_MOL_END = re.compile(rb"^M  END[^\n]*\n?", re.MULTILINE)


class SdfRecords(Records):
    """Records between `$$$$` lines; blank lines after the last one are not a record."""

    def __init__(self, path: Path, file_type: str = "sdf") -> None:
        self.path = path
        self.file_type = file_type
        self._size = path.stat().st_size

    @property
    def size(self) -> int:
        return self._size

    def property_names(self) -> tuple[str, ...]:
        with self.path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            found = dict.fromkeys(match[1] for match in _ANY_TAG.finditer(data))
        return tuple(decode(name) for name in found)

    def chunks(self, records_per_chunk: int) -> Iterator[Chunk]:
        record, line = 0, 1
        with self.path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            start = len(BOM) if data[:3] == BOM else 0
            end, count = start, 0
            while end < len(data):
                following = _next(data, end)
                if following == len(data) and not data[end:following].strip():
                    break
                end, count = following, count + 1
                if count == records_per_chunk:
                    yield Chunk(self.path, start, end, record, line, count)
                    line += data[start:end].count(b"\n")
                    record, start, count = record + count, end, 0
            if count:
                yield Chunk(self.path, start, end, record, line, count)

    def read_chunk(self, chunk: Chunk) -> Iterator[RawRecord]:
        with chunk.path.open("rb") as file:
            file.seek(chunk.start)
            data = file.read(chunk.end - chunk.start)
        position, line = 0, chunk.first_line
        for index in range(-chunk.skip, chunk.count):
            end = _next(data, position)
            block = data[position:end]
            if index >= 0:
                yield _record(chunk.first_record + index, line, block)
            line += block.count(b"\n")
            position = end


def _next(data: bytes | mmap.mmap, start: int) -> int:
    """Where the record that begins at `start` ends: behind its `$$$$` line, or at the data's end."""
    mark = start if data[start : start + 4] == b"$$$$" else data.find(_END, start)
    if mark < 0:
        return len(data)
    return (data.find(b"\n", mark + 1) + 1) or len(data)


def _record(record: int, line: int, data: bytes) -> RawRecord:
    title = data[: data.find(b"\n")] if b"\n" in data else data
    block: bytes = data
    if len(data) > MAX_STRUCTURE_BYTES:
        # Long property values cost nothing; a long structure is refused by its size.
        ending = _MOL_END.search(data)
        block = data[: ending.end()] if ending else data
    return RawRecord(record, line, decode(title).strip(), block, "molblock", partial(properties, data))


def properties(data: bytes) -> dict[str, str]:
    """The SD fields of a record: UTF-8, or Latin-1 where it is not that; the lines of a value joined.

    A value ends at a blank line, or at the next tag (files without blank lines exist). Of two fields
    of one name the last counts, as in RDKit.
    """
    ending = _MOL_END.search(data)
    lines = decode(data[ending.end() :] if ending else data).replace("\r\n", "\n").split("\n")
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
