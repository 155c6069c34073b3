"""Objects that are borrowed rather than copied, over every store."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from molfleet.blobs.port import BlobNotFound, BlobStore, BlobTooLarge

_SIZES = [0, 10, 3 << 20]


@pytest.mark.parametrize("size", _SIZES)
def test_what_is_borrowed_is_the_object(store: BlobStore, bucket: str, tmp_path: Path, size: int) -> None:
    data = Random(size).randbytes(size)
    put = store.put(bucket, "x", data)
    loan = store.borrow(bucket, "x", tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == data
    assert (loan.info.size, loan.info.etag) == (size, put.etag)
    loan.settle()


@pytest.mark.parametrize("size", _SIZES)
def test_a_borrowed_version_outlives_its_replacement_and_its_removal(
    store: BlobStore, bucket: str, tmp_path: Path, size: int
) -> None:
    data = Random(size).randbytes(size)
    store.put(bucket, "x", data)
    loan = store.borrow(bucket, "x", tmp_path / "x")
    store.put(bucket, "x", b"other" * (1 << 18))
    assert (tmp_path / "x").read_bytes() == data
    store.delete(bucket, "x")
    assert (tmp_path / "x").read_bytes() == data
    loan.settle()


def test_the_object_outlives_the_file_that_was_borrowed(
    store: BlobStore, bucket: str, tmp_path: Path
) -> None:
    store.put(bucket, "x", b"12" * (1 << 20))
    store.borrow(bucket, "x", tmp_path / "x")
    (tmp_path / "x").unlink()
    assert store.stat(bucket, "x").size == 2 << 20


def test_nothing_is_borrowed_past_the_limit_nor_what_is_absent(
    store: BlobStore, bucket: str, tmp_path: Path
) -> None:
    store.put(bucket, "x", b"12" * (1 << 20))
    with pytest.raises(BlobTooLarge):
        store.borrow(bucket, "x", tmp_path / "x", max_bytes=(2 << 20) - 1)
    with pytest.raises(BlobNotFound):
        store.borrow(bucket, "y", tmp_path / "y")
    assert list(tmp_path.iterdir()) == []
