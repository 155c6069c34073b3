"""Arrays of unknown length into one NPZ file, a part at a time, without pickle.

numpy.savez needs whole arrays in memory; here each grows in a file of its own and is packed at the
end, with fixed dates, so equal arrays give equal bytes.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

_LENGTH = struct.Struct("<I")
_PART = 2**20


@dataclass
class _Growing:
    """An array's rows so far. Text is kept as UTF-8 with its length until the widest is known."""

    file: BinaryIO
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    rows: int = 0
    width: int = 0


class NpzArrays:
    """The arrays of one NPZ file, by name, in the order of their first rows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._arrays: dict[str, _Growing] = {}

    def append(self, name: str, rows: npt.NDArray[Any]) -> None:
        """Add rows [n, ...] to an array; the first ones decide its type."""
        growing = self._growing(name, rows.dtype, rows.shape[1:])
        growing.rows += len(rows)
        growing.file.write(np.ascontiguousarray(rows).data)

    def append_text(self, name: str, rows: list[str]) -> None:
        """Add texts to an array of fixed-width Unicode."""
        growing = self._growing(name, np.dtype("U"), ())
        growing.rows += len(rows)
        for text in rows:
            data = text.encode()
            growing.width = max(growing.width, len(text))
            growing.file.write(_LENGTH.pack(len(data)) + data)

    def close(self) -> None:
        """Pack all arrays and remove what they grew in."""
        with zipfile.ZipFile(self._path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for name, growing in self._arrays.items():
                growing.file.seek(0)
                entry = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
                entry.compress_type = zipfile.ZIP_DEFLATED
                with archive.open(entry, "w", force_zip64=True) as packed:
                    for part in _npy(growing):
                        packed.write(part)
                growing.file.close()

    def _growing(self, name: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> _Growing:
        if name not in self._arrays:
            # Unlinked at once: nothing is left behind, whatever ends the process.
            path = self._path.with_name(f"{self._path.name}.{len(self._arrays)}")
            file = path.open("w+b")
            path.unlink()
            self._arrays[name] = _Growing(file, dtype, shape)
        return self._arrays[name]


def _npy(growing: _Growing) -> Iterator[bytes]:
    """The bytes of one .npy file (format 1.0 of numpy.lib.format)."""
    text = growing.dtype.kind == "U"
    dtype = np.dtype(f"<U{max(1, growing.width)}") if text else growing.dtype
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header,
        {
            "descr": np.lib.format.dtype_to_descr(dtype),
            "fortran_order": False,
            "shape": (growing.rows, *growing.shape),
        },
    )
    yield header.getvalue()
    if text:
        for _ in range(growing.rows):
            (length,) = _LENGTH.unpack(growing.file.read(_LENGTH.size))
            yield growing.file.read(length).decode().encode("utf-32-le").ljust(dtype.itemsize, b"\0")
        return
    while part := growing.file.read(_PART):
        yield part
