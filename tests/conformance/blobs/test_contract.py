"""Every sentence of the port, over every store: memory and a directory always, S3 in the real run."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest

from molfleet.blobs.port import (
    BlobNotFound,
    BlobStore,
    BlobTooLarge,
    InvalidBlobName,
)


def keys(store: BlobStore, bucket: str, prefix: str = "") -> list[str]:
    return [info.key for info in store.list(bucket, prefix)]


def test_an_object_is_read_as_it_was_put(store: BlobStore, bucket: str, tmp_path: Path) -> None:
    put = store.put(bucket, "a/b.txt", b"ethanol")
    data, read = store.read(bucket, "a/b.txt")
    fetched = store.fetch(bucket, "a/b.txt", tmp_path / "b.txt")
    assert data == b"ethanol" == (tmp_path / "b.txt").read_bytes()
    assert put.etag == read.etag == fetched.etag == store.stat(bucket, "a/b.txt").etag
    assert {put.size, read.size, fetched.size} == {7}
    assert (read.bucket, read.key) == (bucket, "a/b.txt")


def test_a_file_is_put_as_bytes_are(store: BlobStore, bucket: str, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"from a file")
    store.put(bucket, "f", tmp_path / "source")
    assert store.read(bucket, "f")[0] == b"from a file"
    assert (tmp_path / "source").exists()


def test_an_empty_object_is_an_object(store: BlobStore, bucket: str, tmp_path: Path) -> None:
    store.put(bucket, "empty", b"")
    assert store.read(bucket, "empty")[0] == b""
    assert store.fetch(bucket, "empty", tmp_path / "empty", max_bytes=0).size == 0
    assert (tmp_path / "empty").read_bytes() == b""


def test_a_second_put_replaces_the_first_and_changes_the_tag(store: BlobStore, bucket: str) -> None:
    first = store.put(bucket, "x", b"one")
    second = store.put(bucket, "x", b"two")
    assert store.read(bucket, "x")[0] == b"two"
    assert store.stat(bucket, "x").etag == second.etag != first.etag


@pytest.mark.slow
def test_a_large_object_survives_the_round_trip(store: BlobStore, bucket: str, tmp_path: Path) -> None:
    data = Random(1).randbytes(1 << 20) * 40
    (tmp_path / "large").write_bytes(data)
    put = store.put(bucket, "large", tmp_path / "large")
    got = store.fetch(bucket, "large", tmp_path / "back")
    assert got.size == len(data)
    assert got.etag == put.etag
    assert hashlib.sha256((tmp_path / "back").read_bytes()).digest() == hashlib.sha256(data).digest()


@pytest.mark.parametrize("kind", ["put", "fetched", "read", "stat"])
def test_ages_are_told_by_one_clock(store: BlobStore, bucket: str, tmp_path: Path, kind: str) -> None:
    put = store.put(bucket, "aged", b"1")
    info = {
        "put": lambda: put,
        "fetched": lambda: store.fetch(bucket, "aged", tmp_path / "aged"),
        "read": lambda: store.read(bucket, "aged")[1],
        "stat": lambda: store.stat(bucket, "aged"),
    }[kind]()
    assert info.modified.utcoffset() == info.now.utcoffset()
    assert -1 <= info.age_s < 60


def test_the_content_type_is_kept(store: BlobStore, bucket: str) -> None:
    store.put(bucket, "t", b"<svg/>", content_type="image/svg+xml")
    assert store.stat(bucket, "t").content_type == "image/svg+xml"
    store.put(bucket, "t", b"{}", content_type="application/json")
    assert store.stat(bucket, "t").content_type == "application/json"


def test_a_fetch_past_the_limit_leaves_nothing(store: BlobStore, bucket: str, tmp_path: Path) -> None:
    store.put(bucket, "big", b"x" * 1001)
    with pytest.raises(BlobTooLarge, match="1001"):
        store.fetch(bucket, "big", tmp_path / "big", max_bytes=1000)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(BlobTooLarge):
        store.read(bucket, "big", max_bytes=1000)
    assert store.fetch(bucket, "big", tmp_path / "big", max_bytes=1001).size == 1001


@pytest.mark.parametrize("absent", [None, "absent-bucket"])
def test_what_is_not_there_is_not_found(
    store: BlobStore, bucket: str, tmp_path: Path, absent: str | None
) -> None:
    bucket, key = absent or bucket, "no/such"
    for ask in (
        lambda: store.stat(bucket, key),
        lambda: store.read(bucket, key),
        lambda: store.fetch(bucket, key, tmp_path / "x"),
    ):
        with pytest.raises(BlobNotFound) as caught:
            ask()
        assert (caught.value.bucket, caught.value.key) == (bucket, key)
    assert list(tmp_path.iterdir()) == []


def test_an_absent_bucket_is_empty_and_takes_no_object(store: BlobStore, bucket: str) -> None:
    assert list(store.list("absent-bucket")) == []
    store.delete("absent-bucket", "key")
    for conditions in ({}, {"if_absent": True}, {"if_match": "0" * 32}):
        with pytest.raises(BlobNotFound):
            store.put("absent-bucket", "key", b"1", **conditions)  # type: ignore[arg-type]


def test_a_bucket_may_be_ensured_twice_and_keeps_its_objects(store: BlobStore, bucket: str) -> None:
    store.put(bucket, "kept", b"1")
    store.ensure_bucket(bucket)
    assert keys(store, bucket) == ["kept"]


def test_deleting_twice_is_no_error(store: BlobStore, bucket: str) -> None:
    store.put(bucket, "gone", b"1")
    store.delete(bucket, "gone")
    store.delete(bucket, "gone")
    with pytest.raises(BlobNotFound):
        store.stat(bucket, "gone")
    assert keys(store, bucket) == []


def test_a_deleted_folder_makes_room_for_an_object_of_its_name(store: BlobStore, bucket: str) -> None:
    store.put(bucket, "a/b/c", b"1")
    store.delete(bucket, "a/b/c")
    store.put(bucket, "a", b"2")
    assert keys(store, bucket) == ["a"]


def test_a_list_is_in_key_order_and_begins_with_the_prefix(store: BlobStore, bucket: str) -> None:
    # Byte order: '-' and '.' come before '/', '0' after it; a walk through folders would differ.
    names = ["a-b", "a.b", "a/b", "a/b-c", "a/c/d", "a0", "ab", "b/é", "b/漢字", "z"]
    for name in reversed(names):
        store.put(bucket, name, name.encode())
    assert keys(store, bucket) == names
    assert keys(store, bucket, "a/") == ["a/b", "a/b-c", "a/c/d"]
    assert keys(store, bucket, "a/b") == ["a/b", "a/b-c"]
    assert keys(store, bucket, "a") == names[:7]
    assert (
        keys(store, bucket, "nothing")
        == keys(store, bucket, "nothing/at/all")
        == keys(store, bucket, "../")
        == []
    )
    listed = {info.key: info for info in store.list(bucket)}
    assert listed["b/漢字"].size == len("b/漢字".encode())
    assert listed["a/b"].etag == store.stat(bucket, "a/b").etag


@pytest.mark.parametrize(
    "key",
    [
        "späte Äpfel/日本語.sdf", "with space and +plus", "100%/%2e%2e/x", "q?a=b&c=d#e",
        "a=b;c,d:e@f!$'()*", "..hidden/...", "back\\slash", "e\u0301", "\u00e9", "emoji-🧪", "k" * 250,
        "/".join(["d" * 60] * 16),
    ],
)  # fmt: skip
def test_odd_keys_are_only_names(store: BlobStore, bucket: str, tmp_path: Path, key: str) -> None:
    store.put(bucket, key, b"odd", if_absent=True)
    assert keys(store, bucket) == [key]
    assert store.read(bucket, key)[0] == b"odd"
    store.delete(bucket, key)
    assert keys(store, bucket) == []


@pytest.mark.parametrize(
    "key",
    [
        "", "/etc/passwd", "..", "../x", "a/../../x", "a/./b", "a//b", "a/", "nul\0", "line\nfeed",
        "\udc80", "k" * 1025,
    ],
)  # fmt: skip
def test_keys_that_could_leave_a_bucket_are_refused(
    store: BlobStore, bucket: str, tmp_path: Path, key: str
) -> None:
    for ask in (
        lambda: store.put(bucket, key, b"1"),
        lambda: store.read(bucket, key),
        lambda: store.stat(bucket, key),
        lambda: store.delete(bucket, key),
        lambda: store.fetch(bucket, key, tmp_path / "x"),
    ):
        with pytest.raises(InvalidBlobName):
            ask()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", ".", "..", "../up", ".molfleet", "a/b", "a..b", "nul\0", "b" * 64])
def test_buckets_that_are_no_names_are_refused(store: BlobStore, name: str) -> None:
    for ask in (
        lambda: store.put(name, "k", b"1"),
        lambda: store.stat(name, "k"),
        lambda: list(store.list(name)),
        lambda: store.ensure_bucket(name),
    ):
        with pytest.raises(InvalidBlobName):
            ask()


def test_a_fetch_during_overwrites_gets_one_version(store: BlobStore, bucket: str, tmp_path: Path) -> None:
    versions = {letter: letter.encode() * (3 << 20) for letter in "abcd"}
    store.put(bucket, "moving", versions["a"])
    done = threading.Event()

    def overwrite() -> None:
        while not done.is_set():
            for data in versions.values():
                store.put(bucket, "moving", data)

    def fetch(number: int) -> Counter[str]:
        seen: Counter[str] = Counter()
        for turn in range(6):
            info = store.fetch(bucket, "moving", tmp_path / f"{number}-{turn}")
            data = (tmp_path / f"{number}-{turn}").read_bytes()
            assert data == versions[chr(data[0])]
            assert info.size == len(data)
            seen[chr(data[0])] += 1
        return seen

    with ThreadPoolExecutor(3) as pool:
        writer = pool.submit(overwrite)
        try:
            assert all(sum(seen.values()) == 6 for seen in pool.map(fetch, range(2)))
        finally:
            done.set()
        writer.result(60)
