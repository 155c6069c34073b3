"""Reads the files that CalculateFeatureVectors writes, whichever format they are in.

table = molfleet.features.read("features.parquet")
table.matrix("ECFP_2048_2")    # float32, [rows, 2048]
table.frame()                  # pandas, one column per bit
"""

from __future__ import annotations

import csv
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["bits", "counts", "descriptors"]
Array = npt.NDArray[Any]


@dataclass(frozen=True)
class FeatureColumn:
    """The vectors of one featurizer. `packed` is [rows, bytes] for bits, else [rows, size]."""

    name: str
    kind: Kind
    size: int
    names: tuple[str, ...] | None
    packed: Array

    @property
    def array(self) -> Array:
        """[rows, size]: bits as uint8 0 and 1, counts as uint16, descriptors as float32."""
        if self.kind != "bits":
            return self.packed
        return np.unpackbits(self.packed, axis=1, count=self.size, bitorder="little")

    @property
    def labels(self) -> list[str]:
        """The name of each element, as the CSV format has it: `ECFP_2048_2:0`, `DESC:MolWt`."""
        return [f"{self.name}:{name}" for name in self.names or range(self.size)]


@dataclass(frozen=True)
class FeatureTable:
    """Some rows and columns of a feature file. `records` are positions in the input, [rows] int64."""

    records: npt.NDArray[np.int64]
    texts: dict[str, list[str | None]]
    columns: dict[str, FeatureColumn]
    metadata: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.records)

    @property
    def arrays(self) -> dict[str, Array]:
        """Every feature column as an array [rows, size]; see FeatureColumn.array."""
        return {name: column.array for name, column in self.columns.items()}

    def matrix(self, column: str | None = None) -> npt.NDArray[np.float32]:
        """One column (default: all, side by side) as float32 [rows, size]. Raises KeyError."""
        chosen = self.columns.values() if column is None else [self.columns[column]]
        if not chosen:
            return np.zeros((len(self), 0), np.float32)
        return np.hstack([one.array.astype(np.float32) for one in chosen])

    def labels(self, column: str | None = None) -> list[str]:
        """The names of the columns of `matrix`."""
        chosen = self.columns.values() if column is None else [self.columns[column]]
        return [label for one in chosen for label in one.labels]

    def frame(self) -> pd.DataFrame:
        """A pandas frame, indexed by record: the text columns, then one column per element."""
        import pandas as pd

        index = pd.Index(self.records, name="record")
        parts = [pd.DataFrame(self.texts, index=index, dtype=object)]
        parts += [pd.DataFrame(c.array, index=index, columns=c.labels) for c in self.columns.values()]
        return pd.concat(parts, axis=1)

    def csr(self, column: str | None = None) -> Any:
        """As `matrix`, as a scipy.sparse.csr_matrix (needs scipy); NaN stays an entry."""
        from scipy import sparse

        chosen = self.columns.values() if column is None else [self.columns[column]]
        parts = [sparse.csr_matrix(one.array.astype(np.float32)) for one in chosen]
        return sparse.hstack(parts, format="csr")


def read(
    path: str | Path,
    columns: Collection[str] | None = None,
    rows: tuple[int, int | None] | None = None,
) -> FeatureTable:
    """Read a feature file, or some of its feature columns, or its rows from `rows[0]` up to `rows[1]`.

    From Parquet only the row groups and columns asked for are read. The format follows from the
    content. Raises KeyError for a column that is not there (naming those that are), ValueError for a
    file that is no feature file.
    """
    path = Path(path)
    with path.open("rb") as file:
        magic = file.read(4)
    start, stop = rows or (0, None)
    if magic == b"PAR1":
        return _parquet(path, columns, start, stop)
    if magic == b"PK\x03\x04":
        return _npz(path, columns, start, stop)
    if magic == b"reco":
        return _csv(path, columns, start, stop)
    raise ValueError(f"{path.name} is not a feature file (Parquet, CSV or NPZ with a column record)")


def _parquet(path: Path, wanted: Collection[str] | None, start: int, stop: int | None) -> FeatureTable:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        schema = file.schema_arrow
        features = [f for f in schema if f.metadata and b"kind" in f.metadata]
        chosen = _chosen(path, [f.name for f in features], wanted)
        texts = [f.name for f in schema if f.type == pa.string()]
        first, kept = 0, []
        for group in range(file.metadata.num_row_groups):
            end = first + file.metadata.row_group(group).num_rows
            if end > start and (stop is None or first < stop):
                part = file.read_row_group(group, columns=["record", *texts, *chosen])
                low, high = max(start - first, 0), end - first if stop is None else min(stop, end) - first
                kept.append(part.slice(low, high - low))
            first = end
        names = {"record", *texts, *chosen}
        table = pa.concat_tables(kept or [pa.schema([f for f in schema if f.name in names]).empty_table()])
    columns = {}
    for one in features:
        if one.name in chosen:
            meta = {key.decode(): value.decode() for key, value in one.metadata.items()}
            columns[one.name] = FeatureColumn(
                one.name,
                cast(Kind, meta["kind"]),
                int(meta["size"]),
                tuple(json.loads(meta["names"])) if "names" in meta else None,
                _packed(table[one.name].combine_chunks(), one.type),
            )
    metadata = {
        key.decode(): value.decode()
        for key, value in (schema.metadata or {}).items()
        if not key.startswith(b"ARROW:")
    }
    return FeatureTable(
        table["record"].to_numpy().astype(np.int64),
        {name: table[name].to_pylist() for name in texts},
        columns,
        metadata,
    )


def _packed(array: Any, kind: Any) -> Array:
    import pyarrow as pa

    if pa.types.is_fixed_size_binary(kind):
        data = array.buffers()[1]
        width, offset = kind.byte_width, array.offset
        if data is None:
            return np.zeros((0, width), np.uint8)
        flat = np.frombuffer(data, np.uint8, len(array) * width, offset * width)
        return flat.reshape(len(array), width)
    values = array.flatten().to_numpy(zero_copy_only=False)
    return cast(Array, values.reshape(len(array), kind.list_size))


def _npz(path: Path, wanted: Collection[str] | None, start: int, stop: int | None) -> FeatureTable:
    kinds: dict[str, Kind] = {"u1": "bits", "u2": "counts", "f4": "descriptors"}
    texts: dict[str, list[str | None]] = {}
    columns: dict[str, FeatureColumn] = {}
    with np.load(path, allow_pickle=False) as file:
        matrices = [n for n in file.files if n != "record" and not n.endswith(":names")]
        loaded = {name: file[name][start:stop] for name in matrices}
        names = [name for name in matrices if loaded[name].ndim == 2]
        for name in _chosen(path, names, wanted):
            array = loaded[name]
            kind, size = kinds[array.dtype.str[1:]], array.shape[1]
            labels = file[f"{name}:names"].tolist() if f"{name}:names" in file.files else None
            if kind == "bits":
                array = np.packbits(array, axis=1, bitorder="little")
            columns[name] = FeatureColumn(name, kind, size, tuple(labels) if labels else None, array)
        texts = {name: loaded[name].tolist() for name in matrices if loaded[name].ndim == 1}
        return FeatureTable(file["record"][start:stop], texts, columns)


def _csv(path: Path, wanted: Collection[str] | None, start: int, stop: int | None) -> FeatureTable:
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        header = next(reader)
        spans = dict(_spans(header))
        chosen = _chosen(path, list(spans), wanted)
        first_feature = min((low for low, _ in spans.values()), default=len(header))
        records: list[int] = []
        texts: list[list[str | None]] = [[] for _ in header[1:first_feature]]
        cells: dict[str, list[Array]] = {name: [] for name in chosen}
        for row in islice(reader, start, stop):
            records.append(int(row[0]))
            for column, cell in zip(texts, row[1:first_feature], strict=True):
                column.append(cell or None)
            for name in chosen:
                low, high = spans[name]
                values = [cell or "nan" for cell in row[low:high]]
                cells[name].append(np.array(values, np.float32))
    columns = {}
    for name in chosen:
        labels = [label[len(name) + 1 :] for label in header[slice(*spans[name])]]
        columns[name] = _column_of_csv(name, labels, cells[name])
    return FeatureTable(
        np.array(records, np.int64), dict(zip(header[1:first_feature], texts, strict=True)), columns
    )


def _spans(header: Sequence[str]) -> Iterator[tuple[str, tuple[int, int]]]:
    """Feature columns and where they lie: runs of `NAME:0`, `NAME:1`... or `DESC...:name`."""
    low = 0
    while low < len(header):
        name, colon, element = header[low].rpartition(":")
        if not colon or not (element == "0" or name.split("_")[0] == "DESC"):
            low += 1
            continue
        high = low + 1
        while high < len(header) and header[high].rpartition(":")[0] == name:
            high += 1
        yield name, (low, high)
        low = high


def _column_of_csv(name: str, labels: list[str], rows: list[Array]) -> FeatureColumn:
    size = len(labels)
    matrix = np.vstack(rows) if rows else np.zeros((0, size), np.float32)
    if labels != [str(index) for index in range(size)]:
        return FeatureColumn(name, "descriptors", size, tuple(labels), matrix)
    if name.split("_")[0].endswith("C") or bool((matrix > 1).any()):
        return FeatureColumn(name, "counts", size, None, matrix.astype(np.uint16))
    packed = np.packbits(matrix.astype(np.uint8), axis=1, bitorder="little")
    return FeatureColumn(name, "bits", size, None, packed)


def _chosen(path: Path, there: list[str], wanted: Collection[str] | None) -> list[str]:
    if wanted is None:
        return there
    for name in wanted:
        if name not in there:
            raise KeyError(f"{path.name} has no feature column {name!r}; it has {', '.join(there)}")
    return [name for name in there if name in wanted]
