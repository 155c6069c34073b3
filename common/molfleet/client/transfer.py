"""Files to blobs and back, for those who publish commands."""

from __future__ import annotations

import hashlib
from pathlib import Path

from molfleet.blobs.port import BlobStore, PreconditionFailed
from molfleet.ledger.transfer import resolve
from molfleet.messages.generated import BlobRef


def upload(
    store: BlobStore,
    path: Path,
    *,
    bucket: str,
    key: str | None = None,
    content_type: str | None = None,
) -> BlobRef:
    """Put a file into `bucket`; without a `key` its name follows from its content.

    The same file uploaded twice is one object. Raises OSError, BlobError, BlobsUnavailable.
    """
    digest = file_digest(path)
    name = key or f"uploads/{digest[:32]}/{path.name}"
    store.ensure_bucket(bucket)
    try:
        info = store.put(bucket, name, path, if_absent=key is None, content_type=content_type)
    except PreconditionFailed:
        info = store.stat(bucket, name)
    return BlobRef(bucket=bucket, key=name, size=info.size, sha256=digest, content_type=content_type)


def download(store: BlobStore, ref: BlobRef, to: Path) -> Path:
    """Fetch a blob into the file `to`, or under its own name into the directory `to`.

    Raises Rejected as a worker would (BLOB_NOT_FOUND, BLOB_CHANGED, ...), and BlobsUnavailable.
    """
    target = to / Path(ref.key).name if to.is_dir() else to
    target.parent.mkdir(parents=True, exist_ok=True)
    resolve(store, ref, target)
    return target


def file_digest(path: Path) -> str:
    """The sha256 of a file, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
