"""Feature files in CSV: a column per element, read by Arrow; only the wanted ones become values."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc

from molfleet.features.file import FeatureFile, Part, Wanted, pack
from molfleet.features.table import Array, ColumnInfo, Kind

_BLOCK_BYTES = 2**21
_COLUMN = re.compile(r"[A-Z][A-Z0-9]*")
_TYPES = {"bits": pa.uint8(), "counts": pa.uint16(), "descriptors": pa.float32()}


class CsvFeatures(FeatureFile):
    """The header says which columns are features; of what kind they are, the catalogue knows."""

    rows = None

    def __init__(self, path: Path) -> None:
        self.path = path
        self.metadata = {}
        with path.open(encoding="utf-8", newline="") as file:
            self._header = next(csv.reader(file))
        if self._header[0] != "record":
            raise ValueError(f"{path.name} is not a feature file: its first column is not record")
        spans = _spans(self._header)
        self._places = {name: range(low, high) for name, low, high in spans}
        self.columns = {name: _info(name, self._header[low:high]) for name, low, high in spans}
        first = min((low for _, low, _ in spans), default=len(self._header))
        self.texts = tuple(self._header[1:first])

    def close(self) -> None:
        """Nothing is held open between reads."""

    def _parts(self, wanted: Wanted) -> Iterator[Part]:
        left = None if wanted.stop is None else wanted.stop - wanted.start
        if left is not None and left <= 0:
            return
        types: dict[str, Any] = {"0": pa.int64()}
        types.update({str(self._header.index(name)): pa.string() for name in wanted.texts})
        for column in wanted.columns:
            types.update(dict.fromkeys(map(str, self._places[column.name]), _TYPES[column.kind]))
        for batch in self._batches(types, wanted.start):
            if left is not None:
                batch = batch.slice(0, left)
                left -= batch.num_rows
            yield self._part(batch, wanted)
            if left == 0:
                return

    def _batches(self, types: dict[str, Any], start: int) -> Iterator[Any]:
        """Arrow's batches of the columns in `types`, which are called by their position."""
        header_bytes = sum(len(name.encode()) + 1 for name in self._header)
        try:
            with pc.open_csv(
                self.path,
                pc.ReadOptions(
                    use_threads=False,
                    block_size=max(_BLOCK_BYTES, 4 * header_bytes),
                    column_names=[str(place) for place in range(len(self._header))],
                    skip_rows=0,
                    skip_rows_after_names=1 + start,
                ),
                pc.ParseOptions(newlines_in_values=True),
                pc.ConvertOptions(
                    column_types=types,
                    include_columns=list(types),
                    null_values=[""],
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=True,
                ),
            ) as reader:
                yield from reader
        except pa.ArrowInvalid as error:
            if "Empty CSV" not in str(error):  # what Arrow says where no row is left
                raise ValueError(f"{self.path.name} is no feature file, or damaged: {error}") from None

    def _part(self, batch: Any, wanted: Wanted) -> Part:
        return Part(
            batch.column("0").to_numpy(),
            [batch.column(str(self._header.index(name))).to_pylist() for name in wanted.texts],
            [self._packed(batch, column) for column in wanted.columns],
        )

    def _packed(self, batch: Any, column: ColumnInfo) -> Array:
        values = np.empty((batch.num_rows, column.size), column.dtype)
        for at, place in enumerate(self._places[column.name]):
            values[:, at] = batch.column(str(place)).to_numpy(zero_copy_only=False)
        return pack(values, column)


def _spans(header: Sequence[str]) -> list[tuple[str, int, int]]:
    """Feature columns and where they lie: the runs `NAME:element` at the end of the header."""
    spans: list[tuple[str, int, int]] = []
    high = len(header)
    while high > 1:
        name, colon, _ = header[high - 1].partition(":")
        if not colon or not _COLUMN.match(name):
            break
        low = high - 1
        while low > 1 and header[low - 1].startswith(f"{name}:"):
            low -= 1
        spans.insert(0, (name, low, high))
        high = low
    return spans


def _info(name: str, header: Sequence[str]) -> ColumnInfo:
    labels = tuple(label[len(name) + 1 :] for label in header)
    numbered = labels == tuple(map(str, range(len(labels))))
    return ColumnInfo(name, _kind(name, numbered), len(labels), None if numbered else labels)


def _kind(name: str, numbered: bool) -> Kind:
    """What the catalogue says; without RDKit, what holds any value."""
    try:
        from molfleet.chemistry.featurizers import FEATURIZERS
    except ImportError:
        return "descriptors"
    rows = [row for row in FEATURIZERS if name == row.code or name.startswith(f"{row.code}_")]
    if not rows:
        return "descriptors"
    return max(rows, key=lambda row: len(row.code)).kind
