"""Every sentence of the port, over every store: memory and a directory always, S3 in the real run."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest

from molfleet.blobs.port import (
    BlobError,
    BlobInfo,
    BlobNotFound,
    BlobStore,
    BlobTooLarge,
    InvalidBlobName,
    PreconditionFailed,
)

BUCKET = "contract"
WRITERS = 8
ROUNDS = 25


def outcomes(works: Iterable[Callable[[], object]]) -> list[object]:
    """Run all at once; what each returned, or the BlobError it raised."""
    works = list(works)
    barrier = threading.Barrier(len(works))

    def run(work: Callable[[], object]) -> object:
        barrier.wait(30)
        try:
            return work()
        except BlobError as error:
            return error

    with ThreadPoolExecutor(len(works)) as pool:
        return [future.result() for future in [pool.submit(run, work) for work in works]]


def keys(store: BlobStore, prefix: str = "") -> list[str]:
    return [info.key for info in store.list(BUCKET, prefix)]


def test_an_object_is_read_as_it_was_put(store: BlobStore, tmp_path: Path) -> None:
    put = store.put(BUCKET, "a/b.txt", b"ethanol")
    data, read = store.read(BUCKET, "a/b.txt")
    fetched = store.fetch(BUCKET, "a/b.txt", tmp_path / "b.txt")
    assert data == b"ethanol" == (tmp_path / "b.txt").read_bytes()
    assert put.etag == read.etag == fetched.etag == store.stat(BUCKET, "a/b.txt").etag
    assert {put.size, read.size, fetched.size} == {7}
    assert (read.bucket, read.key) == (BUCKET, "a/b.txt")


def test_a_file_is_put_as_bytes_are(store: BlobStore, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"from a file")
    store.put(BUCKET, "f", tmp_path / "source")
    assert store.read(BUCKET, "f")[0] == b"from a file"
    assert (tmp_path / "source").exists()


def test_an_empty_object_is_an_object(store: BlobStore, tmp_path: Path) -> None:
    store.put(BUCKET, "empty", b"")
    assert store.read(BUCKET, "empty")[0] == b""
    assert store.fetch(BUCKET, "empty", tmp_path / "empty", max_bytes=0).size == 0
    assert (tmp_path / "empty").read_bytes() == b""


def test_a_second_put_replaces_the_first_and_changes_the_tag(store: BlobStore) -> None:
    first = store.put(BUCKET, "x", b"one")
    second = store.put(BUCKET, "x", b"two")
    assert store.read(BUCKET, "x")[0] == b"two"
    assert store.stat(BUCKET, "x").etag == second.etag != first.etag


def test_a_large_object_survives_the_round_trip(store: BlobStore, tmp_path: Path) -> None:
    data = Random(1).randbytes(1 << 20) * 40
    (tmp_path / "large").write_bytes(data)
    put = store.put(BUCKET, "large", tmp_path / "large")
    got = store.fetch(BUCKET, "large", tmp_path / "back")
    assert got.size == len(data)
    assert got.etag == put.etag
    assert hashlib.sha256((tmp_path / "back").read_bytes()).digest() == hashlib.sha256(data).digest()


def test_conditions_hold_for_large_objects(store: BlobStore, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(Random(2).randbytes(1 << 20) * 12)
    first = store.put(BUCKET, "large", tmp_path / "large", if_absent=True)
    with pytest.raises(PreconditionFailed):
        store.put(BUCKET, "large", tmp_path / "large", if_absent=True)
    (tmp_path / "large").write_bytes(Random(3).randbytes(1 << 20) * 12)
    second = store.put(BUCKET, "large", tmp_path / "large", if_match=first.etag)
    with pytest.raises(PreconditionFailed):
        store.put(BUCKET, "large", tmp_path / "large", if_match=first.etag)
    assert store.stat(BUCKET, "large").etag == second.etag


@pytest.mark.parametrize("kind", ["put", "fetched", "read", "stat"])
def test_ages_are_told_by_one_clock(store: BlobStore, tmp_path: Path, kind: str) -> None:
    put = store.put(BUCKET, "aged", b"1")
    info = {
        "put": lambda: put,
        "fetched": lambda: store.fetch(BUCKET, "aged", tmp_path / "aged"),
        "read": lambda: store.read(BUCKET, "aged")[1],
        "stat": lambda: store.stat(BUCKET, "aged"),
    }[kind]()
    assert info.modified.utcoffset() == info.now.utcoffset()
    assert -1 <= info.age_s < 60


def test_the_content_type_is_kept(store: BlobStore) -> None:
    store.put(BUCKET, "t", b"<svg/>", content_type="image/svg+xml")
    assert store.stat(BUCKET, "t").content_type == "image/svg+xml"
    store.put(BUCKET, "t", b"{}", content_type="application/json")
    assert store.stat(BUCKET, "t").content_type == "application/json"


def test_a_fetch_past_the_limit_leaves_nothing(store: BlobStore, tmp_path: Path) -> None:
    store.put(BUCKET, "big", b"x" * 1001)
    with pytest.raises(BlobTooLarge, match="1001"):
        store.fetch(BUCKET, "big", tmp_path / "big", max_bytes=1000)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(BlobTooLarge):
        store.read(BUCKET, "big", max_bytes=1000)
    assert store.fetch(BUCKET, "big", tmp_path / "big", max_bytes=1001).size == 1001


@pytest.mark.parametrize(("bucket", "key"), [(BUCKET, "no/such"), ("absent-bucket", "key")])
def test_what_is_not_there_is_not_found(store: BlobStore, tmp_path: Path, bucket: str, key: str) -> None:
    for ask in (
        lambda: store.stat(bucket, key),
        lambda: store.read(bucket, key),
        lambda: store.fetch(bucket, key, tmp_path / "x"),
    ):
        with pytest.raises(BlobNotFound) as caught:
            ask()
        assert (caught.value.bucket, caught.value.key) == (bucket, key)
    assert list(tmp_path.iterdir()) == []


def test_an_absent_bucket_is_empty_and_takes_no_object(store: BlobStore) -> None:
    assert list(store.list("absent-bucket")) == []
    store.delete("absent-bucket", "key")
    for conditions in ({}, {"if_absent": True}, {"if_match": "0" * 32}):
        with pytest.raises(BlobNotFound):
            store.put("absent-bucket", "key", b"1", **conditions)  # type: ignore[arg-type]


def test_a_bucket_may_be_ensured_twice_and_keeps_its_objects(store: BlobStore) -> None:
    store.put(BUCKET, "kept", b"1")
    store.ensure_bucket(BUCKET)
    assert keys(store) == ["kept"]


def test_deleting_twice_is_no_error(store: BlobStore) -> None:
    store.put(BUCKET, "gone", b"1")
    store.delete(BUCKET, "gone")
    store.delete(BUCKET, "gone")
    with pytest.raises(BlobNotFound):
        store.stat(BUCKET, "gone")
    assert keys(store) == []


def test_a_deleted_folder_makes_room_for_an_object_of_its_name(store: BlobStore) -> None:
    store.put(BUCKET, "a/b/c", b"1")
    store.delete(BUCKET, "a/b/c")
    store.put(BUCKET, "a", b"2")
    assert keys(store) == ["a"]


def test_a_list_is_in_key_order_and_begins_with_the_prefix(store: BlobStore) -> None:
    # Byte order: '-' and '.' come before '/', '0' after it; a walk through folders would differ.
    names = ["a-b", "a.b", "a/b", "a/b-c", "a/c/d", "a0", "ab", "b/é", "b/漢字", "z"]
    for name in reversed(names):
        store.put(BUCKET, name, name.encode())
    assert keys(store) == names
    assert keys(store, "a/") == ["a/b", "a/b-c", "a/c/d"]
    assert keys(store, "a/b") == ["a/b", "a/b-c"]
    assert keys(store, "a") == names[:7]
    assert keys(store, "nothing") == keys(store, "nothing/at/all") == keys(store, "../") == []
    listed = {info.key: info for info in store.list(BUCKET)}
    assert listed["b/漢字"].size == len("b/漢字".encode())
    assert listed["a/b"].etag == store.stat(BUCKET, "a/b").etag


@pytest.mark.parametrize(
    "key",
    [
        "späte Äpfel/日本語.sdf", "with space and +plus", "100%/%2e%2e/x", "q?a=b&c=d#e",
        "a=b;c,d:e@f!$'()*", "..hidden/...", "back\\slash", "e\u0301", "\u00e9", "emoji-🧪", "k" * 250,
        "/".join(["d" * 60] * 16),
    ],
)  # fmt: skip
def test_odd_keys_are_only_names(store: BlobStore, tmp_path: Path, key: str) -> None:
    store.put(BUCKET, key, b"odd", if_absent=True)
    assert keys(store) == [key]
    assert store.read(BUCKET, key)[0] == b"odd"
    store.delete(BUCKET, key)
    assert keys(store) == []


@pytest.mark.parametrize(
    "key",
    [
        "", "/etc/passwd", "..", "../x", "a/../../x", "a/./b", "a//b", "a/", "nul\0", "line\nfeed",
        "\udc80", "k" * 1025,
    ],
)  # fmt: skip
def test_keys_that_could_leave_their_bucket_are_refused(store: BlobStore, tmp_path: Path, key: str) -> None:
    for ask in (
        lambda: store.put(BUCKET, key, b"1"),
        lambda: store.read(BUCKET, key),
        lambda: store.stat(BUCKET, key),
        lambda: store.delete(BUCKET, key),
        lambda: store.fetch(BUCKET, key, tmp_path / "x"),
    ):
        with pytest.raises(InvalidBlobName):
            ask()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("bucket", ["", ".", "..", "../up", ".molfleet", "a/b", "a..b", "nul\0", "b" * 64])
def test_buckets_that_are_no_names_are_refused(store: BlobStore, bucket: str) -> None:
    for ask in (
        lambda: store.put(bucket, "k", b"1"),
        lambda: store.stat(bucket, "k"),
        lambda: list(store.list(bucket)),
        lambda: store.ensure_bucket(bucket),
    ):
        with pytest.raises(InvalidBlobName):
            ask()


def test_if_absent_writes_once(store: BlobStore) -> None:
    store.put(BUCKET, "once", b"first", if_absent=True)
    with pytest.raises(PreconditionFailed):
        store.put(BUCKET, "once", b"second", if_absent=True)
    assert store.read(BUCKET, "once")[0] == b"first"
    store.delete(BUCKET, "once")
    store.put(BUCKET, "once", b"third", if_absent=True)
    assert store.read(BUCKET, "once")[0] == b"third"


def test_if_match_writes_over_that_version_only(store: BlobStore) -> None:
    first = store.put(BUCKET, "cas", b"1")
    second = store.put(BUCKET, "cas", b"2", if_match=first.etag)
    with pytest.raises(PreconditionFailed):
        store.put(BUCKET, "cas", b"3", if_match=first.etag)
    assert store.read(BUCKET, "cas")[0] == b"2"
    store.put(BUCKET, "cas", b"3", if_match=second.etag)
    assert store.read(BUCKET, "cas")[0] == b"3"


def test_an_absent_object_matches_no_tag(store: BlobStore) -> None:
    gone = store.put(BUCKET, "gone", b"1")
    store.delete(BUCKET, "gone")
    for key in ("gone", "never"):
        with pytest.raises(PreconditionFailed):
            store.put(BUCKET, key, b"2", if_match=gone.etag)
    assert keys(store) == []


def test_of_racing_first_writers_exactly_one_wins(store: BlobStore) -> None:
    for number in range(ROUNDS):
        key = f"race/{number}"
        results = outcomes(
            (lambda n=n, key=key: store.put(BUCKET, key, f"writer {n}".encode(), if_absent=True))
            for n in range(WRITERS)
        )
        won = [n for n, result in enumerate(results) if isinstance(result, BlobInfo)]
        lost = [result for result in results if isinstance(result, PreconditionFailed)]
        assert (len(won), len(lost)) == (1, WRITERS - 1), results
        assert store.read(BUCKET, key)[0] == f"writer {won[0]}".encode()


def test_of_racing_replacements_of_one_version_exactly_one_wins(store: BlobStore) -> None:
    etag = store.put(BUCKET, "counter", b"start").etag
    for number in range(ROUNDS):
        results = outcomes(
            (
                lambda n=n, number=number, etag=etag: store.put(
                    BUCKET, "counter", f"{number} {n}".encode(), if_match=etag
                )
            )
            for n in range(WRITERS)
        )
        won = [n for n, result in enumerate(results) if isinstance(result, BlobInfo)]
        assert len(won) == 1, results
        assert sum(isinstance(result, PreconditionFailed) for result in results) == WRITERS - 1
        data, info = store.read(BUCKET, "counter")
        assert data == f"{number} {won[0]}".encode()
        etag = info.etag


def test_increments_by_compare_and_set_are_never_lost(store: BlobStore) -> None:
    store.put(BUCKET, "sum", b"0")

    def add() -> int:
        tries = 0
        while True:
            data, info = store.read(BUCKET, "sum")
            tries += 1
            try:
                store.put(BUCKET, "sum", str(int(data) + 1).encode(), if_match=info.etag)
                return tries
            except PreconditionFailed:
                continue

    outcomes([lambda: [add() for _ in range(8)]] * 4)
    assert store.read(BUCKET, "sum")[0] == b"32"


def test_a_fetch_during_overwrites_gets_one_version(store: BlobStore, tmp_path: Path) -> None:
    versions = {letter: letter.encode() * (3 << 20) for letter in "abcd"}
    store.put(BUCKET, "moving", versions["a"])
    done = threading.Event()

    def overwrite() -> None:
        while not done.is_set():
            for data in versions.values():
                store.put(BUCKET, "moving", data)

    def fetch(number: int) -> Counter[str]:
        seen: Counter[str] = Counter()
        for turn in range(6):
            info = store.fetch(BUCKET, "moving", tmp_path / f"{number}-{turn}")
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


def test_a_refused_write_keeps_the_object_as_it_was(store: BlobStore) -> None:
    store.put(BUCKET, "kept", b"kept", content_type="text/plain")
    before = store.stat(BUCKET, "kept")
    with pytest.raises(PreconditionFailed):
        store.put(BUCKET, "kept", b"other", if_absent=True, content_type="text/html")
    with pytest.raises(PreconditionFailed):
        store.put(BUCKET, "kept", b"other", if_match="0" * 32, content_type="text/html")
    after = store.stat(BUCKET, "kept")
    assert (after.etag, after.size, after.modified) == (before.etag, before.size, before.modified)
    assert after.content_type == "text/plain"
