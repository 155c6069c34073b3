"""What is done to a file before it is read: unpacking, and line feeds where there are none."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from molfleet.errors import Code, Rejected

HEAD_BYTES = 2**16
_GZIP = b"\x1f\x8b"
_PART = 2**20
_SUFFIX = ".unpacked"


def unpacked(path: Path, scratch: Path, max_bytes: int | None) -> Path:
    """The file itself, or where it is gzipped (of any number of members, once or twice) its content.

    A text whose lines end in carriage returns alone, as old Macintosh programs wrote it, gets line
    feeds. Raises Rejected: UNREADABLE_FILE, BLOB_TOO_LARGE.
    """
    for number in range(2):
        if head_of(path)[:2] != _GZIP:
            break
        target = scratch / f"{plain_name(path)}{number or ''}{_SUFFIX}"
        try:
            with gzip.open(path) as packed:
                _copy(packed, target, lambda part: part, max_bytes)
        except (OSError, EOFError, zlib.error) as error:
            raise Rejected(Code.UNREADABLE_FILE, f"{plain_name(path)} is damaged gzip ({error}).") from None
        path = target
    head = head_of(path)
    if b"\r" in head and b"\n" not in head and b"\0" not in head:
        target = scratch / f"{plain_name(path)}.lines{_SUFFIX}"
        with path.open("rb") as file:
            _copy(file, target, lambda part: part.replace(b"\r", b"\n"), max_bytes)
        path = target
    return path


def head_of(path: Path) -> bytes:
    """The first bytes of a file, enough to tell what it is."""
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


def plain_name(path: Path) -> str:
    """A file's name as its user knows it, without the ending of gzip."""
    name = path.name
    if name.endswith(_SUFFIX):
        name = name.removesuffix(_SUFFIX).removesuffix(".lines").removesuffix("1")
    return name.removesuffix(".gz").removesuffix(".GZ")


def _copy(
    source: BinaryIO | gzip.GzipFile, target: Path, change: Callable[[bytes], bytes], max_bytes: int | None
) -> None:
    with target.open("wb") as file:
        while part := source.read(_PART):
            if max_bytes is not None and file.tell() + len(part) > max_bytes:
                raise Rejected(
                    Code.BLOB_TOO_LARGE,
                    f"{plain_name(target)} unpacks to more than the {max_bytes:,} bytes that are allowed.",
                )
            file.write(change(part))
