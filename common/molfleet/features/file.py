"""A feature file that is open for reading: what it holds, and its rows a part at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt

from molfleet.features.table import Array, ColumnInfo, FeatureColumn, FeatureTable


@dataclass
class Part:
    """Consecutive rows: record numbers, and one entry a column that was asked for, packed."""

    records: npt.NDArray[np.int64]
    texts: list[list[str | None]]
    packed: list[Array]

    def cut(self, start: int, stop: int) -> Part:
        return Part(
            self.records[start:stop],
            [text[start:stop] for text in self.texts],
            [packed[start:stop] for packed in self.packed],
        )


@dataclass(frozen=True)
class Wanted:
    """Which columns to read, and which rows: from `start` up to `stop`, at most `step` at once."""

    texts: Sequence[str]
    columns: Sequence[ColumnInfo]
    start: int
    stop: int | None
    step: int


class FeatureFile(ABC):
    """A feature file of any format. Use it in a `with` statement, or close it."""

    path: Path
    #: How many rows there are; None where only reading would tell (CSV).
    rows: int | None
    #: Identifiers and carried properties, in order.
    texts: tuple[str, ...]
    #: The feature columns by name, in order.
    columns: Mapping[str, ColumnInfo]
    #: What the file says of itself: versions, standardization. Parquet only.
    metadata: Mapping[str, str]

    @abstractmethod
    def _parts(self, wanted: Wanted) -> Iterator[Part]:
        """The wanted rows in parts of any size, in order."""

    @abstractmethod
    def close(self) -> None: ...

    def __enter__(self) -> FeatureFile:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def read(
        self, columns: Collection[str] | None = None, rows: tuple[int, int | None] | None = None
    ) -> FeatureTable:
        """Some columns (default: all) of some rows (default: all) as one table. Raises KeyError."""
        start, stop = _range(rows)
        wanted = self._wanted(columns, start, stop, 2**14)
        if self.rows is None:
            return self._table(wanted, _joined(list(self._parts(wanted)), wanted))
        total = max(0, (self.rows if stop is None else min(stop, self.rows)) - start)
        whole = Part(
            np.empty(total, np.int64),
            [[] for _ in wanted.texts],
            [np.empty((total, column.width), column.dtype) for column in wanted.columns],
        )
        at = 0
        for part in self._parts(wanted):
            end = at + len(part.records)
            whole.records[at:end] = part.records
            for text, more in zip(whole.texts, part.texts, strict=True):
                text += more
            for packed, rows_of in zip(whole.packed, part.packed, strict=True):
                packed[at:end] = rows_of
            at = end
        return self._table(wanted, whole)

    def batches(
        self,
        rows: int = 8192,
        columns: Collection[str] | None = None,
        within: tuple[int, int | None] | None = None,
    ) -> Iterator[FeatureTable]:
        """Tables of `rows` rows, the last maybe of fewer, so that a file may be larger than memory."""
        if rows < 1:
            raise ValueError(f"rows must be at least 1, and is {rows}")
        wanted = self._wanted(columns, *_range(within), rows)
        waiting: list[Part] = []
        for part in self._parts(wanted):
            waiting.append(part)
            if sum(len(one.records) for one in waiting) >= rows:
                joined = _joined(waiting, wanted)
                whole = len(joined.records) - len(joined.records) % rows
                for start in range(0, whole, rows):
                    yield self._table(wanted, joined.cut(start, start + rows))
                waiting = [joined.cut(whole, len(joined.records))]
        rest = _joined(waiting, wanted)
        if len(rest.records):
            yield self._table(wanted, rest)

    def _wanted(self, columns: Collection[str] | None, start: int, stop: int | None, step: int) -> Wanted:
        names = (*self.texts, *self.columns) if columns is None else columns
        for name in names:
            if name not in self.columns and name not in self.texts:
                there = ", ".join((*self.columns, *self.texts)) or "none"
                raise KeyError(f"{self.path.name} has no column {name!r}; it has {there}")
        return Wanted(
            [name for name in self.texts if name in names],
            [column for name, column in self.columns.items() if name in names],
            start,
            stop,
            step,
        )

    def _table(self, wanted: Wanted, part: Part) -> FeatureTable:
        columns = zip(wanted.columns, part.packed, strict=True)
        return FeatureTable(
            part.records,
            dict(zip(wanted.texts, part.texts, strict=True)),
            {column.name: FeatureColumn(column, packed) for column, packed in columns},
            dict(self.metadata),
        )


def pack(values: Array, column: ColumnInfo) -> Array:
    """Unpacked rows [n, size] as they are packed."""
    if column.kind == "bits":
        return np.packbits(values, axis=1, bitorder="little")
    return np.ascontiguousarray(values, column.dtype)


def _range(rows: tuple[int, int | None] | None) -> tuple[int, int | None]:
    start, stop = rows or (0, None)
    if start < 0 or (stop is not None and stop < 0):
        raise ValueError(f"rows must be counted from 0, and are {start} to {stop}")
    return start, stop


def _joined(parts: list[Part], wanted: Wanted) -> Part:
    if len(parts) == 1:
        return parts[0]
    empty = Part(
        np.empty(0, np.int64),
        [[] for _ in wanted.texts],
        [np.empty((0, column.width), column.dtype) for column in wanted.columns],
    )
    parts = [empty, *parts]
    return Part(
        np.concatenate([part.records for part in parts]),
        [list(chain.from_iterable(texts)) for texts in zip(*(part.texts for part in parts), strict=True)],
        [np.concatenate(packed) for packed in zip(*(part.packed for part in parts), strict=True)],
    )
