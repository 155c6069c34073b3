"""Rows on their way from the worker that computed them to the one that writes the table: Arrow IPC."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from molfleet.chemistry.featurizers import Featurizer, Packed
from workers.feature_vectors.table import Layout, Rows


class PartWriter:
    """A stream of record batches, each the rows of one `append`: record, texts, packed vectors."""

    def __init__(self, path: Path, layout: Layout) -> None:
        self.path = path
        fields = [pa.field("record", pa.int64())]
        fields += [pa.field(name, pa.string()) for name in layout.texts]
        fields += [pa.field(f.column, pa.binary(f.row_bytes)) for f in layout.featurizers]
        self._schema = pa.schema(fields)
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        self._stream = pa.ipc.new_stream(str(path), self._schema, options=options)

    def append(self, rows: Rows) -> None:
        arrays = [pa.array(rows.records), *(pa.array(text, pa.string()) for text in rows.texts)]
        arrays += [_binary(vectors) for vectors in rows.vectors]
        self._stream.write_batch(pa.RecordBatch.from_arrays(arrays, schema=self._schema))

    def close(self) -> None:
        self._stream.close()


def read_part(path: Path, layout: Layout) -> Iterator[Rows]:
    """The rows that a PartWriter of the same layout has written, batch by batch."""
    texts = len(layout.texts)
    with pa.ipc.open_stream(str(path)) as stream:
        for batch in stream:
            record, *columns = batch.columns
            yield Rows(
                record.to_numpy(),
                [column.to_pylist() for column in columns[:texts]],
                [_rows(f, c) for f, c in zip(layout.featurizers, columns[texts:], strict=True)],
            )


def _binary(vectors: Packed) -> pa.FixedSizeBinaryArray:
    data = np.ascontiguousarray(vectors)
    kind = pa.binary(data.shape[1] * data.itemsize)
    return pa.FixedSizeBinaryArray.from_buffers(kind, len(data), [None, pa.py_buffer(data)])


def _rows(featurizer: Featurizer, column: pa.FixedSizeBinaryArray) -> Packed:
    data, start = column.buffers()[1] or b"", column.offset * featurizer.row_bytes
    flat = np.frombuffer(data, featurizer.dtype, len(column) * featurizer.width, start)
    return flat.reshape(len(column), featurizer.width)
