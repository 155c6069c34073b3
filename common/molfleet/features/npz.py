"""Feature files in NPZ: the members are streamed, never unpacked whole."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from molfleet.features.file import FeatureFile, Part, Wanted, pack
from molfleet.features.table import Array, ColumnInfo, Kind

_KINDS: dict[str, Kind] = {"|u1": "bits", "<u2": "counts", "<f4": "descriptors"}
_PART_BYTES = 2**24


@dataclass(frozen=True)
class _Header:
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def row_bytes(self) -> int:
        return self.dtype.itemsize * int(np.prod(self.shape[1:]))


class NpzFeatures(FeatureFile):
    """Holds the archive open; some rows at a time are in memory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.metadata = {}
        self._archive = zipfile.ZipFile(path)
        self._headers: dict[str, _Header] = {}
        for entry in self._archive.namelist():
            with self._archive.open(entry) as member:
                self._headers[entry.removesuffix(".npy")] = _header(member, path)
        if "record" not in self._headers:
            self.close()
            raise ValueError(f"{path.name} is not a feature file: it has no array record")
        self.rows = self._headers["record"].shape[0]
        data = {name: header for name, header in self._headers.items() if header.shape[:1] == (self.rows,)}
        self.columns = {
            name: ColumnInfo(name, _KINDS[header.dtype.str], header.shape[1], self._names(name))
            for name, header in data.items()
            if len(header.shape) == 2 and header.dtype.str in _KINDS
        }
        of_columns = {f"{name}:names" for name in self.columns}
        self.texts = tuple(
            name for name, header in data.items() if header.dtype.kind == "U" and name not in of_columns
        )

    def close(self) -> None:
        self._archive.close()

    def _names(self, column: str) -> tuple[str, ...] | None:
        name = f"{column}:names"
        if name not in self._headers:
            return None
        with self._archive.open(f"{name}.npy") as member:
            return tuple(np.lib.format.read_array(member, allow_pickle=False).tolist())

    def _parts(self, wanted: Wanted) -> Iterator[Part]:
        names = ["record", *wanted.texts, *(column.name for column in wanted.columns)]
        with ExitStack() as stack:
            members = [self._stream(stack, name, wanted.start) for name in names]
            row_bytes = sum(self._headers[name].row_bytes for name in names)
            step = max(1, min(wanted.step, _PART_BYTES // row_bytes))
            end = self.rows or 0
            stop = end if wanted.stop is None else min(wanted.stop, end)
            for start in range(wanted.start, stop, step):
                count = min(step, stop - start)
                records, *arrays = (
                    self._rows(member, name, count) for member, name in zip(members, names, strict=True)
                )
                texts, packed = arrays[: len(wanted.texts)], arrays[len(wanted.texts) :]
                yield Part(
                    records.astype(np.int64, copy=False),
                    [[cell or None for cell in text.tolist()] for text in texts],
                    [pack(rows, column) for rows, column in zip(packed, wanted.columns, strict=True)],
                )

    def _stream(self, stack: ExitStack, name: str, start: int) -> IO[bytes]:
        """The member, at its row `start`: what lies before is unpacked and dropped, bit by bit."""
        member = stack.enter_context(self._archive.open(f"{name}.npy"))
        header = _header(member, self.path)
        if start:
            member.seek(member.tell() + min(start, header.shape[0]) * header.row_bytes)
        return member

    def _rows(self, member: IO[bytes], name: str, count: int) -> Array:
        header = self._headers[name]
        wanted = count * header.row_bytes
        data = member.read(wanted)
        if len(data) < wanted:
            raise ValueError(f"{self.path.name} is cut short: the array {name} ends too early")
        return np.frombuffer(data, header.dtype).reshape(count, *header.shape[1:])


def _header(member: IO[bytes], path: Path) -> _Header:
    version: tuple[int, int] = np.lib.format.read_magic(member)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read is None:
        raise ValueError(f"{path.name} has an array of format {version}, which is not known here")
    shape, fortran, dtype = read(member)
    if dtype.hasobject or (fortran and len(shape) > 1):
        raise ValueError(f"{path.name} is not a feature file: its arrays are not rows of plain values")
    return _Header(shape, dtype)
