"""The port to blob storage. Adapters: s3, local, memory; tests/conformance/ holds their contract.

All calls are synchronous and safe to make from several threads. Adapters translate the errors of
their library into those below; nothing above this port sees boto3 or OSError.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from molfleet.errors import Unavailable


@dataclass(frozen=True, slots=True)
class BlobInfo:
    """One stored object as its store describes it.

    `etag` changes with the content (equal bytes may have equal tags); `modified` and `now` are both
    the store's own clock (`now` = when it answered), so that ages never mix two clocks.
    """

    bucket: str
    key: str
    size: int
    etag: str
    modified: datetime
    now: datetime
    content_type: str | None = None

    @property
    def age_s(self) -> float:
        return (self.now - self.modified).total_seconds()


class BlobError(Exception):
    """A definite answer of the store about one object."""

    def __init__(self, bucket: str, key: str, reason: str) -> None:
        super().__init__(f"{bucket}/{key}: {reason}")
        self.bucket = bucket
        self.key = key
        self.reason = reason


class BlobNotFound(BlobError): ...


class BlobDenied(BlobError): ...


class PreconditionFailed(BlobError):
    """`if_absent` or `if_match` did not hold: nothing was written, or this very write was retried."""


class BlobTooLarge(BlobError): ...


class BlobChanged(BlobError):
    """The object was replaced again and again while it was read: no whole version could be had."""


class InvalidBlobName(BlobError):
    """A bucket or key that no store takes, or that would leave its bucket (`..`, absolute, NUL)."""


class BlobsUnavailable(Unavailable):
    """The store cannot be reached or keeps failing (5xx, throttling) past the bounded retries."""


def _nothing_to_settle() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Loan:
    """An object in a file that is for reading only, since it may be the object itself and no copy.

    Once it was read, `settle` raises BlobChanged where another program has rewritten it in place
    meanwhile: then what was read is no version of it.
    """

    info: BlobInfo
    settle: Callable[[], None] = _nothing_to_settle


class BlobStore(Protocol):
    """Objects in buckets, with conditional writes.

    Every method may raise BlobsUnavailable, BlobDenied and InvalidBlobName.
    """

    def fetch(self, bucket: str, key: str, to: Path, *, max_bytes: int | None = None) -> BlobInfo:
        """Stream an object into the file `to`; one version of it, never a mixture of two.

        Raises BlobNotFound, BlobChanged, BlobTooLarge (past `max_bytes`); nothing is left at `to`.
        """
        ...

    def borrow(self, bucket: str, key: str, to: Path, *, max_bytes: int | None = None) -> Loan:
        """As `fetch`, where a copy of a large object would be a waste. Settle the loan when it was read."""
        ...

    def fetch_range(self, bucket: str, key: str, to: Path, *, start: int, end: int, etag: str) -> None:
        """Stream the bytes from `start` up to `end` of the version `etag` into the file `to`.

        Raises BlobNotFound, and BlobChanged where it is another version or has fewer bytes; nothing is
        left at `to`.
        """
        ...

    def read(self, bucket: str, key: str, *, max_bytes: int = 64 << 20) -> tuple[bytes, BlobInfo]:
        """A small object in memory. Raises BlobNotFound, BlobChanged, BlobTooLarge."""
        ...

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
        """Write an object whole or not at all; a reader sees the old bytes or the new.

        With `if_absent` or `if_match` (an etag) only if that holds; raises PreconditionFailed
        otherwise (an absent object matches no etag). Raises BlobNotFound where the bucket is missing.
        The client's own retry of a write whose answer was lost also looks like a failed precondition:
        read the object before you believe it. `modified` in the answer may be when it was given.
        """
        ...

    def stat(self, bucket: str, key: str) -> BlobInfo:
        """Raises BlobNotFound."""
        ...

    def list(self, bucket: str, prefix: str = "") -> Iterator[BlobInfo]:
        """All objects whose key begins with `prefix`, in key order; an absent bucket is empty."""
        ...

    def delete(self, bucket: str, key: str) -> None:
        """Remove an object; an absent one is no error."""
        ...

    def ensure_bucket(self, bucket: str) -> None:
        """Create the bucket where it is missing and this account may."""
        ...
