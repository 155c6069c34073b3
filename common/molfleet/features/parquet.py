"""Feature files in Parquet: only the columns and row groups that are asked for are read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from molfleet.features.file import FeatureFile, Part, Wanted
from molfleet.features.table import Array, ColumnInfo, Kind


class ParquetFeatures(FeatureFile):
    """Holds the file open; a row group at a time is in memory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = pq.ParquetFile(path)
        schema = self._file.schema_arrow
        if "record" not in schema.names:
            self.close()
            raise ValueError(f"{path.name} is not a feature file: it has no column record")
        self.rows = int(self._file.metadata.num_rows)
        self.texts = tuple(one.name for one in schema if one.type == pa.string())
        self.columns = {one.name: _info(one) for one in schema if one.metadata and b"kind" in one.metadata}
        self.metadata = {
            key.decode(): value.decode()
            for key, value in (schema.metadata or {}).items()
            if not key.startswith(b"ARROW:")
        }

    def close(self) -> None:
        self._file.close()

    def _parts(self, wanted: Wanted) -> Iterator[Part]:
        names = ["record", *wanted.texts, *(column.name for column in wanted.columns)]
        first = 0
        for group in range(self._file.metadata.num_row_groups):
            end = first + self._file.metadata.row_group(group).num_rows
            start, stop = max(wanted.start, first), end if wanted.stop is None else min(wanted.stop, end)
            if start < stop:
                table = self._file.read_row_group(group, columns=names, use_threads=False)
                yield _part(table.slice(start - first, stop - start).combine_chunks(), wanted)
            first = end


def _info(one: Any) -> ColumnInfo:
    said = {key.decode(): value.decode() for key, value in one.metadata.items()}
    names = tuple(json.loads(said["names"])) if "names" in said else None
    return ColumnInfo(one.name, cast(Kind, said["kind"]), int(said["size"]), names, said.get("spec"))


def _part(table: Any, wanted: Wanted) -> Part:
    return Part(
        table["record"].to_numpy().astype(np.int64, copy=False),
        [table[name].to_pylist() for name in wanted.texts],
        [_packed(table[column.name], column) for column in wanted.columns],
    )


def _packed(chunked: Any, column: ColumnInfo) -> Array:
    """The column of a part, [rows, width], without a Python object for any row."""
    array = chunked.chunk(0)
    if column.kind == "bits":
        flat = np.frombuffer(
            array.buffers()[1], np.uint8, len(array) * column.width, array.offset * column.width
        )
    else:
        flat = array.flatten().to_numpy(zero_copy_only=False)
    return cast(Array, flat.reshape(len(array), column.width))
