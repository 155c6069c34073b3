"""A part of an object, of one version and no other, over every store."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from molfleet.blobs.port import BlobChanged, BlobNotFound, BlobStore


def test_a_range_holds_just_its_bytes(store: BlobStore, bucket: str, tmp_path: Path) -> None:
    data = Random(1).randbytes(3 << 20)
    etag = store.put(bucket, "long", data).etag
    for start, end in ((0, 1), (5, 2 << 20), ((3 << 20) - 7, 3 << 20), (0, 3 << 20), (9, 9)):
        store.fetch_range(bucket, "long", tmp_path / "part", start=start, end=end, etag=etag)
        assert (tmp_path / "part").read_bytes() == data[start:end]


def test_a_range_of_another_version_is_refused_and_leaves_nothing(
    store: BlobStore, bucket: str, tmp_path: Path
) -> None:
    etag = store.put(bucket, "x", b"first version").etag
    store.put(bucket, "x", b"other version")
    with pytest.raises(BlobChanged):
        store.fetch_range(bucket, "x", tmp_path / "part", start=0, end=5, etag=etag)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("start", "end"), [(0, 6), (5, 6), (9, 12)])
def test_a_range_beyond_the_end_is_refused(
    store: BlobStore, bucket: str, tmp_path: Path, start: int, end: int
) -> None:
    etag = store.put(bucket, "x", b"short").etag
    with pytest.raises(BlobChanged):
        store.fetch_range(bucket, "x", tmp_path / "part", start=start, end=end, etag=etag)


def test_a_range_of_an_absent_object_is_not_found(store: BlobStore, bucket: str, tmp_path: Path) -> None:
    with pytest.raises(BlobNotFound):
        store.fetch_range(bucket, "absent", tmp_path / "part", start=0, end=5, etag="0" * 32)
