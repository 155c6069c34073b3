"""Files of a directory that other programs may rewrite, read as one version of an object or not at all."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from molfleet.blobs.files import translated, version_of
from molfleet.blobs.port import BlobChanged, BlobInfo, BlobTooLarge

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class TornError(Exception):
    """The file was rewritten in place while it was read."""


def without_waiting(path: str, flags: int) -> int:
    """Opens at once also what is a FIFO, so that naming one blocks nobody."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def refuse_larger(info: BlobInfo, max_bytes: int | None) -> None:
    """Raises BlobTooLarge."""
    if max_bytes is not None and info.size > max_bytes:
        raise BlobTooLarge(info.bucket, info.key, f"{info.size} bytes, more than {max_bytes}")


def require_whole(source: BinaryIO, info: BlobInfo) -> None:
    """Raises TornError where the open file is not the version of `info` any more."""
    status = os.fstat(source.fileno())
    if (status.st_size, modified_at(status)) != (info.size, info.modified):
        raise TornError
    if version_of(source.fileno()) != info.etag:
        raise TornError


def linked(source: BinaryIO, to: Path) -> bool:
    """Whether the open file could be named `to` as well: on one file system, with rights to it."""
    try:
        os.link(source.name, to)
        if os.path.samestat(os.fstat(source.fileno()), to.lstat()):
            return True
        to.unlink()
    except OSError:
        pass
    return False


def settle(to: Path, info: BlobInfo) -> None:
    """Raises BlobChanged where the file `to`, which is the object itself, is not the same any more."""
    try:
        with translated(info.bucket, info.key), to.open("rb") as file:
            require_whole(file, info)
    except TornError:
        raise BlobChanged(info.bucket, info.key, "it was rewritten while it was read") from None


def modified_at(status: os.stat_result) -> datetime:
    return _EPOCH + timedelta(microseconds=status.st_mtime_ns // 1000)
