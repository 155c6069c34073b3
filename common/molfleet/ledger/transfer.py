"""Blobs that commands and events name: fetched with what the reference promises, stored with digests."""

from __future__ import annotations

import hashlib
from pathlib import Path

from molfleet.blobs.port import (
    BlobChanged,
    BlobDenied,
    BlobError,
    BlobInfo,
    BlobNotFound,
    BlobStore,
    BlobTooLarge,
    InvalidBlobName,
    Loan,
)
from molfleet.errors import Code, Rejected
from molfleet.messages.generated import BlobRef


def resolve(
    store: BlobStore,
    ref: BlobRef,
    to: Path,
    max_bytes: int | None = None,
    *,
    state_bucket: str | None = None,
) -> BlobInfo:
    """Fetch the blob into the file `to`, with size, sha256 and etag as the reference gives them.

    Raises Rejected: BLOB_NOT_FOUND, BLOB_ACCESS_DENIED, BLOB_CHANGED, BLOB_TOO_LARGE, or
    INVALID_COMMAND for a name that no store takes and for the fleet's own bucket (`state_bucket`).
    """
    refuse_state_bucket(ref.bucket, state_bucket)
    try:
        info = store.fetch(ref.bucket, ref.key, to, max_bytes=max_bytes)
    except BlobError as error:
        raise rejection(error) from error
    _verify(ref, info, to)
    return info


def borrow(
    store: BlobStore,
    ref: BlobRef,
    to: Path,
    max_bytes: int | None = None,
    *,
    state_bucket: str | None = None,
) -> Loan:
    """As `resolve`, for reading only (BlobStore.borrow). Settle it by `settle`.

    A reference with a digest gets a copy: what was verified byte by byte must not change any more.
    """
    if ref.sha256 is not None:
        return Loan(resolve(store, ref, to, max_bytes, state_bucket=state_bucket))
    refuse_state_bucket(ref.bucket, state_bucket)
    try:
        loan = store.borrow(ref.bucket, ref.key, to, max_bytes=max_bytes)
    except BlobError as error:
        raise rejection(error) from error
    _verify(ref, loan.info, to)
    return loan


def settle(loan: Loan) -> None:
    """Raises Rejected (BLOB_CHANGED) where what was read of a borrowed blob is no version of it."""
    try:
        loan.settle()
    except BlobError as error:
        raise rejection(error) from error


def resolve_range(store: BlobStore, ref: BlobRef, to: Path, start: int, end: int) -> None:
    """Fetch some bytes of the version that `ref.etag` names into the file `to`. Raises Rejected."""
    try:
        store.fetch_range(ref.bucket, ref.key, to, start=start, end=end, etag=ref.etag or "")
    except BlobError as error:
        raise rejection(error) from error


def version(store: BlobStore, ref: BlobRef, *, state_bucket: str | None = None) -> str:
    """The blob's current etag, without fetching it. Raises Rejected as `resolve` does."""
    refuse_state_bucket(ref.bucket, state_bucket)
    try:
        info = store.stat(ref.bucket, ref.key)
    except BlobError as error:
        raise rejection(error) from error
    _verify_description(ref, info)
    return info.etag


def upload(store: BlobStore, path: Path, bucket: str, key: str, content_type: str | None = None) -> BlobRef:
    """Store a file as an output, creating the bucket where it is missing and this account may.

    Raises Rejected where the bucket cannot be written; its name comes from the command.
    """
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    try:
        try:
            info = store.put(bucket, key, path, content_type=content_type)
        except BlobNotFound:
            store.ensure_bucket(bucket)
            info = store.put(bucket, key, path, content_type=content_type)
    except BlobError as error:
        raise rejection(error) from error
    return BlobRef(
        bucket=bucket, key=key, size=info.size, sha256=sha256, etag=info.etag, content_type=content_type
    )


def refuse_state_bucket(bucket: str, state_bucket: str | None) -> None:
    if bucket == state_bucket:
        raise Rejected(
            Code.INVALID_COMMAND,
            f"The bucket {bucket!r} is the fleet's own; no command may name it.",
            details={"bucket": bucket},
        )


def rejection(error: BlobError) -> Rejected:
    """What a store's definite answer about a command's own blob means for the command."""
    name = f"{error.bucket}/{error.key}"
    match error:
        case BlobNotFound():
            code, sentence = Code.BLOB_NOT_FOUND, f"The blob {name} was not found: {error.reason}."
        case BlobDenied():
            code, sentence = (
                Code.BLOB_ACCESS_DENIED,
                f"The blob {name} is out of reach: {error.reason}.",
            )
        case BlobTooLarge():
            code, sentence = Code.BLOB_TOO_LARGE, f"The blob {name} is too large: {error.reason}."
        case BlobChanged():
            code, sentence = Code.BLOB_CHANGED, f"The blob {name} could not be read whole: {error.reason}."
        case InvalidBlobName():
            code, sentence = Code.INVALID_COMMAND, f"The blob name {name} cannot be used: {error.reason}."
        case _:
            code, sentence = Code.INTERNAL, f"The blob {name} gave trouble: {error.reason}."
    return Rejected(code, sentence, details={"bucket": error.bucket, "key": error.key})


def _verify(ref: BlobRef, info: BlobInfo, path: Path) -> None:
    """Raises Rejected, and removes the file, where it is not what was meant."""
    try:
        _verify_description(ref, info)
        if ref.sha256 is not None:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != ref.sha256.lower():
                raise _changed(ref, "sha256", ref.sha256.lower(), found)
    except Rejected:
        path.unlink(missing_ok=True)
        raise


def _verify_description(ref: BlobRef, info: BlobInfo) -> None:
    if ref.size is not None and info.size != ref.size:
        raise _changed(ref, "size", str(ref.size), str(info.size))
    if ref.etag is not None and info.etag != (wanted := ref.etag.strip('"')):
        raise _changed(ref, "etag", wanted, info.etag)


def _changed(ref: BlobRef, what: str, wanted: str, found: str) -> Rejected:
    return Rejected(
        Code.BLOB_CHANGED,
        f"The blob {ref.bucket}/{ref.key} is not the one that was meant: its {what} is {found}, "
        f"the command says {wanted}.",
        details={"bucket": ref.bucket, "key": ref.key, "expected": wanted, "found": found},
    )
