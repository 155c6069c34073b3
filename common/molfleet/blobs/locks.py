"""Locks between processes, one per object, for compare-and-replace in a directory."""

from __future__ import annotations

import fcntl
import hashlib
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from molfleet.blobs.port import BlobsUnavailable

_STRIPES = 4096
_PATIENCE_S = 30.0


class KeyLocks:
    """A fixed number of lock files that all keys share, so that they need no cleaning up.

    The kernel drops a lock with its process. One that is stopped within the short locked section
    blocks its keys: then waiting ends in BlobsUnavailable, and the caller tries again later.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @contextmanager
    def held(self, bucket: str, key: str) -> Iterator[None]:
        digest = hashlib.sha256(f"{bucket}/{key}".encode()).digest()
        path = self._directory / f"{int.from_bytes(digest[:4], 'big') % _STRIPES:03x}"
        self._directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            _lock(descriptor)
            yield
        finally:
            os.close(descriptor)


def _lock(descriptor: int) -> None:
    give_up = time.monotonic() + _PATIENCE_S
    pause = 0.0005
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > give_up:
                raise BlobsUnavailable(
                    "another process holds the lock of a blob and stands still"
                ) from None
        time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 (jitter)
        pause = min(pause * 2, 0.02)
