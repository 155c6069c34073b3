"""Blobs in a directory: the object `key` of `bucket` IS the file `<directory>/<bucket>/<key>`.

Other programs may drop plain files in. What is ours alone lies in `<directory>/.molfleet`: half-written
files, locks and content types. Safe between processes, also on a network file system that has hard
links and `flock`.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from molfleet.blobs import names
from molfleet.blobs.content_types import ContentTypes
from molfleet.blobs.files import arriving, flush_directory, translated, version_of
from molfleet.blobs.local_files import (
    TornError,
    linked,
    modified_at,
    refuse_larger,
    require_whole,
    settle,
    without_waiting,
)
from molfleet.blobs.locks import KeyLocks
from molfleet.blobs.port import (
    BlobChanged,
    BlobError,
    BlobInfo,
    BlobNotFound,
    BlobStore,
    InvalidBlobName,
    Loan,
    PreconditionFailed,
)

_COPY_BYTES = 4 << 20
_TRIES = 16
#: Below, a copy costs nothing worth a check afterwards.
_LENT_BYTES = 1 << 20
_ABANDONED_S = 86_400.0


class LocalBlobs:
    """A BlobStore over a directory, which comes into being with its first bucket."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()
        self._temporary = self.directory / ".molfleet" / "tmp"
        self._types = ContentTypes(self.directory / ".molfleet" / "types")
        self._locks = KeyLocks(self.directory / ".molfleet" / "locks")
        self._swept = False

    def __str__(self) -> str:
        return f"The directory {self.directory}"

    def fetch(self, bucket: str, key: str, to: Path, *, max_bytes: int | None = None) -> BlobInfo:
        for _ in range(_TRIES):
            with (
                suppress(TornError),
                self._opened(bucket, key) as (source, info),
                arriving(to) as target,
            ):
                refuse_larger(info, max_bytes)
                with translated(bucket, key):
                    shutil.copyfileobj(source, target, _COPY_BYTES)
                    require_whole(source, info)
                return info
        raise BlobChanged(bucket, key, "it keeps changing while it is read")

    def borrow(self, bucket: str, key: str, to: Path, *, max_bytes: int | None = None) -> Loan:
        with self._opened(bucket, key) as (source, info):
            refuse_larger(info, max_bytes)
            if info.size >= _LENT_BYTES and linked(source, to):
                return Loan(info, partial(settle, to, info))
        return Loan(self.fetch(bucket, key, to, max_bytes=max_bytes))

    def fetch_range(self, bucket: str, key: str, to: Path, *, start: int, end: int, etag: str) -> None:
        with suppress(TornError), self._opened(bucket, key) as (source, info), arriving(to) as target:
            if info.etag == etag and end <= info.size:
                with translated(bucket, key):
                    source.seek(start)
                    while left := end - start - target.tell():
                        if not (part := source.read(min(left, _COPY_BYTES))):
                            break
                        target.write(part)
                    require_whole(source, info)
                    return
            raise TornError
        raise BlobChanged(bucket, key, "it is another version")

    def read(self, bucket: str, key: str, *, max_bytes: int = 64 << 20) -> tuple[bytes, BlobInfo]:
        for _ in range(_TRIES):
            with suppress(TornError), self._opened(bucket, key) as (source, info), translated(bucket, key):
                refuse_larger(info, max_bytes)
                data = source.read(info.size + 1)
                require_whole(source, info)
                return data, info
        raise BlobChanged(bucket, key, "it keeps changing while it is read")

    def put(
        self,
        bucket: str,
        key: str,
        source: Path | bytes,
        *,
        if_absent: bool = False,
        if_match: str | None = None,
        content_type: str | None = None,
    ) -> BlobInfo:
        target = self._writable(bucket, key)
        with self._written(bucket, key, source) as (file, temporary), translated(bucket, key):
            status = os.fstat(file.fileno())
            etag = version_of(file.fileno())
            with self._locks.held(bucket, key):
                if if_match is not None and self._version(bucket, key) != if_match:
                    raise PreconditionFailed(bucket, key, "it is another version, or absent")
                if if_absent and target.exists():
                    raise PreconditionFailed(bucket, key, "it is there already")
                if content_type is not None:
                    self._types.keep(bucket, key, etag, content_type)
                self._move(bucket, key, temporary, target, if_absent=if_absent)
            size, modified = status.st_size, modified_at(status)
            return BlobInfo(bucket, key, size, etag, modified, self._now(), content_type)

    def stat(self, bucket: str, key: str) -> BlobInfo:
        with self._opened(bucket, key) as (_, info):
            return info

    def list(self, bucket: str, prefix: str = "") -> Iterator[BlobInfo]:
        names.check_bucket(bucket)
        now = self._now()
        for key in sorted(self._keys(bucket, prefix), key=str.encode):
            with suppress(BlobError), self._opened(bucket, key, now) as (_, info):
                yield info

    def delete(self, bucket: str, key: str) -> None:
        try:
            target = self._writable(bucket, key)
        except BlobNotFound:
            return
        with translated(bucket, key), self._locks.held(bucket, key):
            with suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
                target.unlink()
            self._types.forget(bucket, key)
            top = self.directory / bucket
            with suppress(OSError):
                for folder in target.parents:
                    if folder == top:
                        break
                    folder.rmdir()

    def ensure_bucket(self, bucket: str) -> None:
        names.check_bucket(bucket)
        with translated(bucket, ""):
            (self.directory / bucket).mkdir(parents=True, exist_ok=True)

    @contextmanager
    def _opened(
        self, bucket: str, key: str, now: datetime | None = None
    ) -> Iterator[tuple[BinaryIO, BlobInfo]]:
        """The regular file behind a key, wherever symbolic links lead within its bucket."""
        names.check(bucket, key)
        with translated(bucket, key):
            path = self._within(bucket, key, Path(os.path.realpath(self.directory / bucket / key)))
            if path.is_dir():
                raise BlobNotFound(bucket, key, "there is no such object")
            with open(path, "rb", opener=without_waiting) as file:
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode):
                    raise BlobNotFound(bucket, key, "there is no such object")
                etag = version_of(file.fileno())
                kind = self._types.of(bucket, key, etag)
                now = now or self._now()
                yield file, BlobInfo(bucket, key, status.st_size, etag, modified_at(status), now, kind)

    def _writable(self, bucket: str, key: str) -> Path:
        names.check(bucket, key)
        top = self.directory / bucket
        with translated(bucket, key):
            if not top.is_dir():
                raise BlobNotFound(bucket, key, "the bucket does not exist")
            self._within(bucket, key, Path(os.path.realpath((top / key).parent)))
        return top / key

    def _within(self, bucket: str, key: str, real: Path) -> Path:
        if not real.is_relative_to(os.path.realpath(self.directory / bucket)):
            raise InvalidBlobName(bucket, key, "a symbolic link leads out of the bucket")
        return real

    @contextmanager
    def _written(self, bucket: str, key: str, source: Path | bytes) -> Iterator[tuple[BinaryIO, Path]]:
        """The new bytes, durable, in a file of the same file system that has no visible name yet."""
        with translated(bucket, key):
            self._sweep()
        temporary = self._temporary / uuid4().hex
        try:
            with temporary.open("x+b") as file:
                if isinstance(source, bytes):
                    with translated(bucket, key):
                        file.write(source)
                else:
                    with source.open("rb") as origin, translated(bucket, key):
                        shutil.copyfileobj(origin, file, _COPY_BYTES)
                with translated(bucket, key):
                    file.flush()
                    os.fsync(file.fileno())
                yield file, temporary
        finally:
            temporary.unlink(missing_ok=True)

    def _move(self, bucket: str, key: str, temporary: Path, target: Path, *, if_absent: bool) -> None:
        for _ in range(_TRIES):
            fresh = not target.parent.is_dir()
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                if if_absent:
                    os.link(temporary, target)
                else:
                    temporary.replace(target)
            except FileNotFoundError:
                continue  # `delete` removed the emptied folder in between
            except FileExistsError:
                if if_absent and not target.is_dir() and target.parent.is_dir():
                    raise PreconditionFailed(bucket, key, "it is there already") from None
                raise
            except NotADirectoryError:
                raise InvalidBlobName(bucket, key, "a part of it is an object itself") from None
            flush_directory(target.parent)
            for folder in target.parent.parents if fresh else ():
                flush_directory(folder)
                if folder == self.directory:
                    break
            return
        raise InvalidBlobName(bucket, key, "its folder keeps vanishing")

    def _version(self, bucket: str, key: str) -> str | None:
        try:
            return self.stat(bucket, key).etag
        except BlobNotFound:
            return None

    def _keys(self, bucket: str, prefix: str) -> Iterator[str]:
        top = self.directory / bucket
        if not names.may_begin_keys(prefix):
            return
        *folders, _ = prefix.split("/")
        base = self._within(bucket, prefix, Path(os.path.realpath(top.joinpath(*folders))))
        for folder, _, files in os.walk(base):
            inner = Path(folder).relative_to(base)
            for file in files:
                key = "/".join((*folders, *inner.parts, file))
                if key.startswith(prefix) and names.is_key(key):
                    yield key

    def _now(self) -> datetime:
        """The file system's own clock, which is also what stamps objects (a server's, on NFS)."""
        try:
            self._temporary.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self._temporary) as probe:
                return modified_at(os.fstat(probe.fileno()))
        except OSError:
            # A directory that may only be read holds no leases: nobody needs a precise age here.
            return datetime.now(UTC)

    def _sweep(self) -> None:
        """Before the first write: remove what writers left that died a day or more ago."""
        if self._swept:
            return
        self._temporary.mkdir(parents=True, exist_ok=True)
        now = self._now().timestamp()
        for path in self._temporary.iterdir():
            with suppress(OSError):
                if now - path.stat().st_mtime > _ABANDONED_S:
                    path.unlink()
        self._swept = True


_: type[BlobStore] = LocalBlobs
