"""Rows and columns of a feature file in memory, and what they become: arrays, a frame, a sparse matrix."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["bits", "counts", "descriptors"]
Array = npt.NDArray[Any]

#: Elements unpacked at a time: what a conversion holds beyond its result.
_ELEMENTS = 2**22


@dataclass(frozen=True)
class ColumnInfo:
    """What a file says of a feature column. `size` is the number of bits, counts or descriptors.

    `names` are those of descriptors; `spec` is the featurizer's text form, as `--featurizer` takes it,
    where the file holds it.
    """

    name: str
    kind: Kind
    size: int
    names: tuple[str, ...] | None = None
    spec: str | None = None

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of an element as it is packed."""
        return np.dtype({"bits": "u1", "counts": "<u2", "descriptors": "<f4"}[self.kind])

    @property
    def width(self) -> int:
        """Elements of a packed row: eight bits to a byte, else `size`."""
        return -(-self.size // 8) if self.kind == "bits" else self.size

    @property
    def labels(self) -> list[str]:
        """The name of each element, as the CSV format has it: `ECFP_2048_2:0`, `DESC:MolWt`."""
        return [f"{self.name}:{name}" for name in self.names or range(self.size)]


@dataclass(frozen=True)
class FeatureColumn:
    """The vectors of one featurizer. `packed` is [rows, bytes] for bits, else [rows, size]."""

    info: ColumnInfo
    packed: Array

    @property
    def name(self) -> str:
        return self.info.name

    @property
    def kind(self) -> Kind:
        return self.info.kind

    @property
    def size(self) -> int:
        return self.info.size

    @property
    def names(self) -> tuple[str, ...] | None:
        return self.info.names

    @property
    def labels(self) -> list[str]:
        return self.info.labels

    @property
    def array(self) -> Array:
        """[rows, size]: bits as uint8 0 and 1, counts as uint16, descriptors as float32."""
        return self._part(0, len(self.packed))

    def _part(self, start: int, stop: int) -> Array:
        packed = self.packed[start:stop]
        if self.kind != "bits":
            return packed
        return np.unpackbits(packed, axis=1, count=self.size, bitorder="little")

    def _non_zero(self) -> int:
        if self.kind == "bits":
            return int(np.bitwise_count(self.packed).sum(dtype=np.int64))
        return int(np.count_nonzero(self.packed))


@dataclass(frozen=True)
class FeatureTable:
    """Some rows and columns of a feature file.

    `records` are positions in the input, int64 [rows]; `texts` the identifiers and carried properties;
    `metadata` what the file says of itself: versions, standardization.
    """

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
        chosen = self._chosen(column)
        matrix = np.empty((len(self), sum(one.size for one in chosen)), np.float32)
        for start, stop in _slices(len(self), matrix.shape[1]):
            at = 0
            for one in chosen:
                matrix[start:stop, at : at + one.size] = one._part(start, stop)
                at += one.size
        return matrix

    def labels(self, column: str | None = None) -> list[str]:
        """The names of the columns of `matrix`."""
        return [label for one in self._chosen(column) for label in one.labels]

    def frame(self, *, sparse: bool = False) -> pd.DataFrame:
        """A pandas frame, indexed by record: the text columns, then one column per element.

        With `sparse` the elements are pandas sparse columns of float32, for wide fingerprints (needs
        scipy).
        """
        import pandas as pd

        index = pd.Index(self.records, name="record")
        parts = [pd.DataFrame(self.texts, index=index, dtype=object)]
        if sparse:
            accessor: Any = pd.DataFrame.sparse
            parts.append(accessor.from_spmatrix(self.csr(), index=index, columns=self.labels()))
        else:
            parts += [pd.DataFrame(c.array, index=index, columns=c.labels) for c in self.columns.values()]
        return pd.concat(parts, axis=1)

    def csr(self, column: str | None = None) -> Any:
        """As `matrix`, as a scipy.sparse.csr_matrix of float32 (needs scipy); NaN stays an entry.

        Made from the packed rows part by part: no dense matrix, and of the result just one copy.
        """
        from scipy import sparse

        chosen = self._chosen(column)
        width = sum(one.size for one in chosen)
        entries = sum(one._non_zero() for one in chosen)
        index = np.dtype(np.int32 if max(entries, width) < 2**31 else np.int64)
        values, places = np.empty(entries, np.float32), np.empty(entries, index)
        ends = np.zeros(len(self) + 1, index)
        filled = 0
        for start, stop in _slices(len(self), width):
            parts = [one._part(start, stop) for one in chosen]
            part = parts[0] if len(parts) == 1 else np.hstack([one.astype(np.float32) for one in parts])
            filled_in = part.view(np.bool_) if part.dtype == np.uint8 else part != 0
            flat = np.flatnonzero(filled_in)
            counts = np.count_nonzero(filled_in, axis=1)
            end = filled + len(flat)
            values[filled:end] = part.reshape(-1)[flat]
            places[filled:end] = flat - np.repeat(np.arange(stop - start) * width, counts)
            ends[start + 1 : stop + 1] = filled + np.cumsum(counts)
            filled = end
        return sparse.csr_matrix((values, places, ends), shape=(len(self), width))

    def _chosen(self, column: str | None) -> Sequence[FeatureColumn]:
        return tuple(self.columns.values()) if column is None else (self.columns[column],)


def _slices(rows: int, width: int) -> Iterator[tuple[int, int]]:
    """Ranges of rows of a bounded number of elements."""
    step = max(1, _ELEMENTS // max(width, 1))
    for start in range(0, rows, step):
        yield start, min(start + step, rows)
