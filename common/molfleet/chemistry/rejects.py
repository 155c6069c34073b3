"""The rejects file: the records of an input that gave no result, a CSV row each."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from molfleet.chemistry.records import Reject

COLUMNS = ("record", "line", "title", "code", "message")


class RejectsFile:
    """A rejects file being written, header first; `first` of its rows and the `count` of them so far."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self.first: Reject | None = None
        self._file = path.open("w", encoding="utf-8", newline="")
        self._csv = csv.writer(self._file, lineterminator="\n")
        self._csv.writerow(COLUMNS)

    def __enter__(self) -> RejectsFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def append(self, rejects: Iterable[Reject]) -> None:
        for one in rejects:
            self.first = self.first or one
            self.count += 1
            self._csv.writerow((one.record, one.line, one.title, one.code.value, one.message))
