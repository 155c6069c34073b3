"""What the adapters need of files: whole or not at all, errors in the port's words, versions."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from molfleet.blobs.port import BlobDenied, BlobNotFound, BlobsUnavailable, InvalidBlobName

_ABSENT = {errno.ENOENT, errno.ENOTDIR}
_DENIED = {errno.EACCES, errno.EPERM}
_UNFIT_NAME = {errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL, errno.ELOOP, errno.EISDIR, errno.EEXIST}
_SAMPLE_BYTES = 64 << 10


@contextmanager
def arriving(to: Path) -> Iterator[BinaryIO]:
    """A file to write into that becomes `to` when the block ends well, and vanishes otherwise.

    A scratch disk that is full or gone is no fault of the blob: it raises BlobsUnavailable.
    """
    part = to.parent / f".{uuid4().hex}.part"
    try:
        with part.open("xb") as file:
            yield file
        part.replace(to)
    except OSError as error:
        raise BlobsUnavailable(f"cannot write {to}: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def translated(bucket: str, key: str) -> Iterator[None]:
    """OSError of the local store's own files, as errors of the port."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in _ABSENT:
            raise BlobNotFound(bucket, key, "there is no such object") from error
        if error.errno in _DENIED:
            raise BlobDenied(bucket, key, reason) from error
        if error.errno in _UNFIT_NAME:
            raise InvalidBlobName(bucket, key, reason) from error
        raise BlobsUnavailable(f"the blob directory fails: {reason}") from error


def version_of(descriptor: int) -> str:
    """The etag of an open file: its bytes up to 128 KiB, above that a sample and its identity.

    Hashing many gigabytes for a `stat` would be absurd, and size with time alone is unsafe for small
    files that are rewritten often: clocks of file systems tick in milliseconds and inode numbers are
    used again, so a stale tag could match. Small files (leases, receipts) are therefore tagged by
    content alone, as S3 does. A tag survives hard links and renames; a copy of a large file is another
    version.
    """
    status = os.fstat(descriptor)
    digest = hashlib.sha256(os.pread(descriptor, _SAMPLE_BYTES, 0))
    if status.st_size > _SAMPLE_BYTES:
        tail = max(_SAMPLE_BYTES, status.st_size - _SAMPLE_BYTES)
        digest.update(os.pread(descriptor, _SAMPLE_BYTES, tail))
    if status.st_size > 2 * _SAMPLE_BYTES:
        digest.update(f"{status.st_ino} {status.st_mtime_ns} {status.st_size}".encode())
    return digest.hexdigest()


def flush_directory(directory: Path) -> None:
    """Make the names in `directory` durable; where a file system cannot, it does so by itself."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)
