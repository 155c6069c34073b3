"""Read a feature file with pyarrow and numpy alone; needs nothing of molfleet.

python examples/python/read_features.py out/features.parquet
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow.parquet as pq


def batches(path: str) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Record numbers [rows] and arrays [rows, size] by column, a row group at a time."""
    with pq.ParquetFile(path) as file:
        for group in range(file.metadata.num_row_groups):
            table = file.read_row_group(group).combine_chunks()
            said = {field.name: field.metadata for field in table.schema if field.metadata}
            arrays = {
                name: unpacked(table[name].chunk(0), metadata)
                for name, metadata in said.items()
                if b"kind" in metadata
            }
            yield table["record"].to_numpy(), arrays


def unpacked(column: Any, metadata: dict[bytes, bytes]) -> Any:
    """Bits as 0 and 1, counts as uint16, descriptors as float32 with NaN for what is missing."""
    size = int(metadata[b"size"])
    if metadata[b"kind"] != b"bits":
        return column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), size)
    packed = np.frombuffer(column.buffers()[1], np.uint8).reshape(len(column), -1)
    return np.unpackbits(packed, axis=1, count=size, bitorder="little")


def names(path: str) -> dict[str, list[str]]:
    """What each descriptor is called, by column."""
    fields = [field for field in pq.read_schema(path) if field.metadata and b"names" in field.metadata]
    return {field.name: json.loads(field.metadata[b"names"]) for field in fields}


def main(path: str) -> None:
    for records, arrays in batches(path):
        print(f"records {records[0]} to {records[-1]}")
        for name, array in arrays.items():
            print(f"  {name}: {array.shape[0]} x {array.shape[1]} {array.dtype}")
    for name, called in names(path).items():
        print(f"{name}: {', '.join(called[:5])}{', ...' if len(called) > 5 else ''}")


if __name__ == "__main__":
    main(sys.argv[1])
