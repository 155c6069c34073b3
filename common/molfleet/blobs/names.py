"""Which names of buckets and objects are taken: the same ones by every store."""

from __future__ import annotations

import re

from molfleet.blobs.port import InvalidBlobName

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_MAX_KEY_BYTES = 1024


def check_bucket(bucket: str) -> None:
    """Raises InvalidBlobName. A leading dot is kept for the local store's own folder."""
    if not _BUCKET.fullmatch(bucket) or ".." in bucket:
        raise InvalidBlobName(bucket, "", "a bucket is 1-63 letters, digits, dots, dashes, underscores")


def check_key(bucket: str, key: str) -> None:
    """Raises InvalidBlobName where a store could not keep `key`, or where it would leave its bucket."""
    if fault := _fault(key):
        raise InvalidBlobName(bucket, _printable(key), fault)


def is_key(key: str) -> bool:
    return _fault(key) is None


def may_begin_keys(prefix: str) -> bool:
    """Whether any key could begin with `prefix`; one with `..` in it must reach no store."""
    folders = prefix.split("/")[:-1]
    return not folders or is_key("/".join(folders))


def check(bucket: str, key: str) -> None:
    check_bucket(bucket)
    check_key(bucket, key)


def _fault(key: str) -> str | None:
    if not key:
        return "the key is empty"
    try:
        length = len(key.encode())
    except UnicodeEncodeError:
        return "the key is not valid Unicode"
    if length > _MAX_KEY_BYTES:
        return f"the key is longer than {_MAX_KEY_BYTES} bytes"
    if _CONTROL.search(key):
        return "the key holds a control character"
    if any(part in ("", ".", "..") for part in key.split("/")):
        return "the key has an empty part, or one that is '.' or '..'"
    return None


def _printable(key: str) -> str:
    return key[:200].encode("unicode_escape").decode()
