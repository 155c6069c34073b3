"""The rejects file: the records of an input that gave no result, a CSV row each.

Beside it, for an SD or mol file, `rejects.sdf`: the same records as they stood in the input, so that
they can be repaired and sent again.
"""

from __future__ import annotations

import csv
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO

from molfleet.chemistry.records import Reject
from molfleet.errors import RecordCode

COLUMNS = ("record", "line", "title", "code", "message")
_CSV_END = "\r\n"


class RejectsFile:
    """A rejects file being written, header first; `first` of its rows and the `count` of them so far.

    With `blocks` the originals go to a file of the same name that ends in `.sdf`: byte for byte and in
    order, nothing added but a `$$$$` line where the input's last record has none. Left out is an
    original of more than 16 MiB (molfleet.chemistry.formats.sdf.MAX_ORIGINAL_BYTES). `blocks_path` is
    that file once it has a record: None without, as with input that is no SD or mol file.
    """

    def __init__(self, path: Path, *, blocks: bool = False) -> None:
        self.path = path
        self.count = 0
        self.first: Reject | None = None
        self.blocks_path: Path | None = None
        self._wants_blocks = blocks
        self._blocks: BinaryIO | None = None
        self._file = path.open("w", encoding="utf-8", newline="")
        self._csv = csv.writer(_LineFeeds(self._file), lineterminator=_CSV_END)
        self._csv.writerow(COLUMNS)

    def __enter__(self) -> RejectsFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()
        if self._blocks is not None:
            self._blocks.close()

    def append(self, rejects: Iterable[Reject]) -> None:
        for one in rejects:
            self.first = self.first or one
            self.count += 1
            self._csv.writerow((one.record, one.line, one.title, one.code.value, one.message))
            if self._wants_blocks and one.block is not None:
                self._write(one.block)

    def append_file(self, path: Path, blocks: Path | None) -> None:
        """Take in another rejects file, of records behind these, and its originals."""
        with path.open(encoding="utf-8", newline="") as file, _cells_of_any_size():
            self.append(map(_reject_of, csv.DictReader(file)))
        if blocks is not None:
            with blocks.open("rb") as originals:
                shutil.copyfileobj(originals, self._open_blocks())

    def _open_blocks(self) -> BinaryIO:
        if self._blocks is None:
            self.blocks_path = self.path.with_suffix(".sdf")
            self._blocks = self.blocks_path.open("wb")
        return self._blocks

    def _write(self, block: bytes) -> None:
        file = self._open_blocks()
        file.write(block)
        line_end = b"\r\n" if b"\r\n" in block else b"\n"
        if not block.endswith(b"\n"):
            file.write(line_end)
        if not block.startswith(b"$$$$") and b"\n$$$$" not in block:
            file.write(b"$$$$" + line_end)


class _LineFeeds:
    """Rows end in line feeds alone.

    csv quotes a carriage return within a cell only where its own rows end in one (before Python 3.13);
    unquoted, readers would take it for the end of the row.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, row: str) -> int:
        return self._file.write(f"{row.removesuffix(_CSV_END)}\n")


@contextmanager
def _cells_of_any_size() -> Iterator[None]:
    """Lifts csv's limit of 128 KiB, which some titles exceed; the limit is the whole process's."""
    limit = csv.field_size_limit(sys.maxsize)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def _reject_of(row: dict[str, str]) -> Reject:
    code = RecordCode(row["code"])
    return Reject(int(row["record"]), int(row["line"]), row["title"], code, row["message"])
