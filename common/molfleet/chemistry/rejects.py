"""The rejects file: the records of an input that gave no result, a CSV row each.

Beside it, for an SD or mol file, `rejects.sdf`: the same records as they stood in the input, so that
they can be repaired and sent again.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from molfleet.chemistry.records import Reject

COLUMNS = ("record", "line", "title", "code", "message")


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
        self._csv = csv.writer(self._file, lineterminator="\n")
        self._csv.writerow(COLUMNS)

    def __enter__(self) -> RejectsFile:
        return self

    def __exit__(self, *_: object) -> None:
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

    def _write(self, block: bytes) -> None:
        if self._blocks is None:
            self.blocks_path = self.path.with_suffix(".sdf")
            self._blocks = self.blocks_path.open("wb")
        self._blocks.write(block)
        line_end = b"\r\n" if b"\r\n" in block else b"\n"
        if not block.endswith(b"\n"):
            self._blocks.write(line_end)
        if not block.startswith(b"$$$$") and b"\n$$$$" not in block:
            self._blocks.write(b"$$$$" + line_end)
