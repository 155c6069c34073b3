"""Feature files: Parquet, CSV and NPZ, as docs/CONTRACT.md has them under "Files".

Rows come chunk by chunk and leave in groups of a fixed number of rows, so the bytes of a file depend
on what is in it, not on how the work was cut or on how many processes did it.
"""

from __future__ import annotations

import csv
import io
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from molfleet.catalogue import Catalogue
from molfleet.chemistry.featurizers import Featurizer, Packed
from workers.feature_vectors.npz import NpzArrays

_GROUP_ROWS = 8192
_GROUP_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Layout:
    """The columns of a feature file after `record`: names of text columns, then the featurizers."""

    texts: tuple[str, ...]
    featurizers: tuple[Featurizer, ...]
    metadata: dict[str, str]

    @property
    def group_rows(self) -> int:
        """Rows of a row group: a fixed number for these featurizers."""
        rows = _GROUP_BYTES // sum(featurizer.row_bytes for featurizer in self.featurizers)
        return max(64, min(_GROUP_ROWS, rows))


@dataclass
class Rows:
    """Some rows: their record numbers, text columns, and packed vectors, one array a featurizer."""

    records: npt.NDArray[np.int64]
    texts: list[list[str | None]]
    vectors: list[Packed]


class Table(ABC):
    """A feature file being written. `append` any number of rows, then `close`."""

    def __init__(self, path: Path, layout: Layout) -> None:
        self.path = path
        self.layout = layout
        self._waiting: list[Rows] = []
        self._rows_waiting = 0

    @abstractmethod
    def _write(self, rows: Rows) -> None:
        """Write one group."""

    @abstractmethod
    def _finish(self) -> None:
        """Complete the file."""

    def append(self, rows: Rows) -> None:
        self._waiting.append(rows)
        self._rows_waiting += len(rows.records)
        if self._rows_waiting >= self.layout.group_rows:
            self._flush(self.layout.group_rows)

    def close(self) -> None:
        if self._rows_waiting:
            self._flush(self._rows_waiting)
        self._finish()

    def _flush(self, size: int) -> None:
        joined = _joined(self._waiting)
        total = len(joined.records)
        whole = total - total % size
        for start in range(0, whole, size):
            self._write(_cut(joined, start, start + size))
        self._waiting = [_cut(joined, whole, total)]
        self._rows_waiting = total - whole


class ParquetTable(Table):
    """Packed bits as fixed-size binary, counts and descriptors as fixed-size lists."""

    def __init__(self, path: Path, layout: Layout) -> None:
        super().__init__(path, layout)
        fields = [pa.field("record", pa.int64(), nullable=False)]
        fields += [pa.field(name, pa.string()) for name in layout.texts]
        fields += [_field(featurizer) for featurizer in layout.featurizers]
        self._schema = pa.schema(fields, metadata=layout.metadata)
        self._writer = pq.ParquetWriter(
            path, self._schema, compression="zstd", use_dictionary=list(layout.texts)
        )

    def _write(self, rows: Rows) -> None:
        arrays = [pa.array(rows.records), *(pa.array(text, pa.string()) for text in rows.texts)]
        arrays += [
            _arrow(featurizer, np.ascontiguousarray(vectors))
            for featurizer, vectors in zip(self.layout.featurizers, rows.vectors, strict=True)
        ]
        table = pa.Table.from_arrays(arrays, schema=self._schema)
        self._writer.write_table(table, row_group_size=self.layout.group_rows)

    def _finish(self) -> None:
        self._writer.close()


class CsvTable(Table):
    """One column per bit, count or descriptor: `ECFP_2048_2:0`, `DESC:MolWt`; missing is empty."""

    def __init__(self, path: Path, layout: Layout) -> None:
        super().__init__(path, layout)
        self._file = path.open("wb")
        header = ["record", *layout.texts]
        for featurizer in layout.featurizers:
            names = featurizer.names or range(featurizer.size)
            header += [f"{featurizer.column}:{name}" for name in names]
        self._file.write(_csv_row(header) + b"\n")

    def _write(self, rows: Rows) -> None:
        parts = [
            _csv_cells(featurizer, vectors)
            for featurizer, vectors in zip(self.layout.featurizers, rows.vectors, strict=True)
        ]
        texts = zip(*rows.texts, strict=True) if rows.texts else [()] * len(rows.records)
        for record, text, *cells in zip(rows.records.tolist(), texts, *parts, strict=True):
            head = _csv_row([str(record), *(cell or "" for cell in text)])
            self._file.write(b",".join([head, *cells]) + b"\n")

    def _finish(self) -> None:
        self._file.close()


class NpzTable(Table):
    """`record`, the text columns, and one array per featurizer, [rows, size]: bits as 0 and 1."""

    def __init__(self, path: Path, layout: Layout) -> None:
        super().__init__(path, layout)
        self._arrays = NpzArrays(path)

    def _write(self, rows: Rows) -> None:
        self._arrays.append("record", rows.records)
        for name, text in zip(self.layout.texts, rows.texts, strict=True):
            self._arrays.append_text(name, [cell or "" for cell in text])
        for featurizer, vectors in zip(self.layout.featurizers, rows.vectors, strict=True):
            if featurizer.kind == "bits":
                vectors = np.unpackbits(vectors, axis=1, count=featurizer.size, bitorder="little")
            self._arrays.append(featurizer.column, vectors)

    def _finish(self) -> None:
        for featurizer in self.layout.featurizers:
            if featurizer.names:
                self._arrays.append_text(f"{featurizer.column}:names", list(featurizer.names))
        self._arrays.close()


@dataclass(frozen=True)
class FormatRow:
    """A format of feature files. `open(path, layout)` begins one."""

    code: str
    title: str
    suffix: str
    content_type: str
    open: Callable[[Path, Layout], Table]
    aliases: tuple[str, ...] = ()


FORMATS = Catalogue(
    "output format",
    (
        FormatRow("parquet", "Packed vectors", ".parquet", "application/vnd.apache.parquet", ParquetTable),
        FormatRow("csv", "A column per bit", ".csv", "text/csv", CsvTable),
        FormatRow("npz", "NumPy arrays", ".npz", "application/zip", NpzTable),
    ),
)


def _field(featurizer: Featurizer) -> Any:
    """The column of a featurizer, with what a reader needs to unpack it."""
    metadata = {"kind": featurizer.kind, "size": str(featurizer.size)}
    if featurizer.kind == "bits":
        kind = pa.binary(featurizer.width)
        metadata["n_bits"] = str(featurizer.size)
    else:
        kind = pa.list_(pa.from_numpy_dtype(featurizer.dtype), featurizer.size)
    if featurizer.spec:
        metadata["spec"] = featurizer.spec
    if featurizer.names:
        metadata["names"] = json.dumps(featurizer.names)
    return pa.field(featurizer.column, kind, nullable=False, metadata=metadata)


def _arrow(featurizer: Featurizer, vectors: Packed) -> Any:
    if featurizer.kind == "bits":
        kind = pa.binary(featurizer.width)
        return pa.FixedSizeBinaryArray.from_buffers(kind, len(vectors), [None, pa.py_buffer(vectors)])
    return pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), featurizer.size)


def _csv_row(cells: Sequence[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue().encode()


def _csv_cells(featurizer: Featurizer, vectors: Packed) -> list[bytes]:
    """Each row's cells, joined by commas."""
    if featurizer.kind == "bits":
        bits = np.unpackbits(vectors, axis=1, count=featurizer.size, bitorder="little")
        text = np.full((len(bits), 2 * featurizer.size), ord(","), np.uint8)
        text[:, ::2] = bits + ord("0")
        return [row.tobytes()[:-1] for row in text]
    if featurizer.kind == "counts":
        return [",".join(map(str, row)).encode() for row in vectors.tolist()]
    # A float32's own text is the shortest that reads back to the same value.
    return [",".join("" if value != value else str(value) for value in row).encode() for row in vectors]


def _joined(parts: list[Rows]) -> Rows:
    if len(parts) == 1:
        return parts[0]
    return Rows(
        np.concatenate([part.records for part in parts]),
        [
            list(chain.from_iterable(columns))
            for columns in zip(*(part.texts for part in parts), strict=True)
        ],
        [np.concatenate(columns) for columns in zip(*(part.vectors for part in parts), strict=True)],
    )


def _cut(rows: Rows, start: int, end: int) -> Rows:
    return Rows(
        rows.records[start:end],
        [text[start:end] for text in rows.texts],
        [vectors[start:end] for vectors in rows.vectors],
    )
