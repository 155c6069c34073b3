"""Arrays in npz form, without pickle, with bytes that depend on nothing but the arrays."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_EPOCH = (1980, 1, 1, 0, 0, 0)
_KINDS = "biuf"


def pack(arrays: Mapping[str, Array]) -> bytes:
    """An uncompressed npz of numeric arrays. Raises ValueError for any other kind of array."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            if array.dtype.kind not in _KINDS:
                raise ValueError(f"array {name!r} is of dtype {array.dtype}, not numeric")
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(array), (1, 0), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", _EPOCH), member.getvalue())
    return buffer.getvalue()


def unpack(data: bytes) -> dict[str, Array]:
    """The arrays of an npz. Raises ValueError where it is none, is compressed, or holds objects.

    Members must be stored, not compressed, so that nothing larger than `data` is ever allocated.
    """
    arrays: dict[str, Array] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for info in archive.infolist():
                name = info.filename.removesuffix(".npy")
                if info.compress_type != zipfile.ZIP_STORED or info.file_size > len(data):
                    raise ValueError(f"array {name!r} is compressed")
                if name in arrays:
                    raise ValueError(f"array {name!r} occurs twice")
                arrays[name] = _read(name, archive.read(info))
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"not an npz file ({error})") from None
    return arrays


def _read(name: str, data: bytes) -> Array:
    stream = io.BytesIO(data)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError(f"array {name!r} has an unknown header")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    if dtype.kind not in _KINDS or fortran:
        raise ValueError(f"array {name!r} is of dtype {dtype} or not in row order")
    body = data[stream.tell() :]
    count = 1
    for length in shape:
        count *= length
    if min(shape, default=0) < 0 or count * dtype.itemsize != len(body):
        raise ValueError(f"array {name!r} does not have the size that its header says")
    return np.frombuffer(body, dtype).reshape(shape)
