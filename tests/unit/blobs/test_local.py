"""What only a directory has: other programs' files, links, folders, leftovers."""

from __future__ import annotations

import errno
import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from molfleet.blobs.files import translated
from molfleet.blobs.local import LocalBlobs
from molfleet.blobs.port import (
    BlobChanged,
    BlobDenied,
    BlobNotFound,
    BlobsUnavailable,
    InvalidBlobName,
    PreconditionFailed,
)


@pytest.fixture
def blobs(tmp_path: Path) -> LocalBlobs:
    store = LocalBlobs(tmp_path / "blobs")
    store.ensure_bucket("b")
    return store


def test_an_object_is_the_file_of_its_name(blobs: LocalBlobs) -> None:
    blobs.put("b", "runs/1/out.csv", b"a,b\n")
    assert (blobs.directory / "b/runs/1/out.csv").read_bytes() == b"a,b\n"
    assert sorted(path.name for path in blobs.directory.iterdir()) == [".molfleet", "b"]
    assert list((blobs.directory / ".molfleet/tmp").iterdir()) == []


def test_a_file_that_another_program_dropped_in_is_an_object(blobs: LocalBlobs, tmp_path: Path) -> None:
    (blobs.directory / "b/in").mkdir()
    (blobs.directory / "b/in/plain.sdf").write_bytes(b"$$$$\n")
    info = blobs.fetch("b", "in/plain.sdf", tmp_path / "got")
    assert (info.size, info.content_type) == (5, None)
    assert [found.key for found in blobs.list("b")] == ["in/plain.sdf"]
    blobs.put("b", "in/plain.sdf", b"new", if_match=info.etag)
    with pytest.raises(PreconditionFailed):
        blobs.put("b", "in/plain.sdf", b"newer", if_absent=True)


def test_a_bucket_that_another_program_made_is_a_bucket(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs/x").write_text("x")
    assert LocalBlobs(tmp_path).read("theirs", "x")[0] == b"x"


@pytest.mark.parametrize("size", [10, 100_000, 400_000])
def test_a_rewrite_by_another_program_is_another_version(blobs: LocalBlobs, size: int) -> None:
    path = blobs.directory / "b/x"
    path.write_bytes(b"1" * size)
    before = blobs.stat("b", "x").etag
    path.write_bytes(b"2" * size)
    assert blobs.stat("b", "x").etag != before
    with pytest.raises(PreconditionFailed):
        blobs.put("b", "x", b"mine", if_match=before)


def test_tags_of_small_objects_depend_on_their_content_alone(blobs: LocalBlobs) -> None:
    assert blobs.put("b", "one", b"same").etag == blobs.put("b", "two", b"same").etag
    seen = {blobs.put("b", "lease", str(number).encode()).etag for number in range(200)}
    assert len(seen) == 200


def test_the_content_type_of_an_older_version_is_not_believed(blobs: LocalBlobs) -> None:
    blobs.put("b", "x.svg", b"<svg/>", content_type="image/svg+xml")
    (blobs.directory / "b/x.svg").write_bytes(b"something else")
    assert blobs.stat("b", "x.svg").content_type is None


def test_links_out_of_the_bucket_are_refused_and_links_within_it_are_followed(
    blobs: LocalBlobs, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("secret")
    top = blobs.directory / "b"
    (top / "file").symlink_to(tmp_path / "secret")
    (top / "folder").symlink_to(tmp_path)
    (top / "real.txt").write_text("inside")
    (top / "alias").symlink_to("real.txt")
    for key in ("file", "folder/secret"):
        with pytest.raises(InvalidBlobName, match="leads out"):
            blobs.read("b", key)
    with pytest.raises(InvalidBlobName, match="leads out"):
        blobs.put("b", "folder/planted", b"x")
    with pytest.raises(InvalidBlobName, match="leads out"):
        blobs.delete("b", "folder/secret")
    assert blobs.read("b", "alias")[0] == b"inside"
    assert [info.key for info in blobs.list("b")] == ["alias", "real.txt"]
    assert (tmp_path / "secret").exists()


def test_writing_to_a_key_that_is_a_link_replaces_the_link(blobs: LocalBlobs, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("untouched")
    (blobs.directory / "b/link").symlink_to(tmp_path / "outside")
    blobs.put("b", "link", b"mine")
    assert blobs.read("b", "link")[0] == b"mine"
    assert (tmp_path / "outside").read_text() == "untouched"


def test_a_bucket_may_itself_be_a_link(blobs: LocalBlobs, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (blobs.directory / "linked").symlink_to(tmp_path / "disk")
    blobs.put("linked", "x/y", b"1")
    assert (tmp_path / "disk/x/y").read_bytes() == b"1"


def test_what_is_no_regular_file_is_no_object(blobs: LocalBlobs) -> None:
    (blobs.directory / "b/folder/inner").mkdir(parents=True)
    os.mkfifo(blobs.directory / "b/fifo")
    for key in ("folder", "fifo"):
        with pytest.raises(BlobNotFound):
            blobs.read("b", key)
    assert list(blobs.list("b")) == []


def test_a_key_below_an_object_or_in_place_of_a_folder_is_refused_by_name(blobs: LocalBlobs) -> None:
    blobs.put("b", "object", b"1")
    blobs.put("b", "folder/x", b"1")
    for key in ("object/below", "folder"):
        for if_absent in (False, True):
            with pytest.raises((InvalidBlobName, PreconditionFailed)):
                blobs.put("b", key, b"2", if_absent=if_absent)
    with pytest.raises(BlobNotFound):
        blobs.read("b", "object/below")
    assert [info.key for info in blobs.list("b")] == ["folder/x", "object"]


def test_a_name_that_the_file_system_does_not_take_is_refused(blobs: LocalBlobs) -> None:
    with pytest.raises(InvalidBlobName, match="too long"):
        blobs.put("b", "k" * 300, b"1")


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.EACCES, BlobDenied),
        (errno.EIO, BlobsUnavailable),
        (errno.ENOSPC, BlobsUnavailable),
        (errno.ESTALE, BlobsUnavailable),
        (errno.EROFS, BlobsUnavailable),
        (errno.ENOENT, BlobNotFound),
    ],
)
def test_only_what_is_about_the_object_answers_for_it(number: int, expected: type[Exception]) -> None:
    with pytest.raises(expected), translated("b", "k"):
        raise OSError(number, os.strerror(number))


def test_a_file_that_is_appended_to_while_it_is_read_is_never_half_a_version(
    blobs: LocalBlobs, tmp_path: Path
) -> None:
    path = blobs.directory / "b/log"
    path.write_bytes(b"x" * (4 << 20))
    done = threading.Event()

    def append() -> None:
        with path.open("ab", buffering=0) as file:
            while not done.is_set():
                file.write(b"y" * 4096)
                time.sleep(0)

    thread = threading.Thread(target=append)
    thread.start()
    try:
        for _ in range(5):
            try:
                info = blobs.fetch("b", "log", tmp_path / "got")
            except BlobChanged:
                assert not (tmp_path / "got").exists()
            else:
                assert (tmp_path / "got").stat().st_size == info.size
                (tmp_path / "got").unlink()
    finally:
        done.set()
        thread.join()


def test_an_age_is_the_file_systems_own(blobs: LocalBlobs) -> None:
    blobs.put("b", "old", b"1")
    an_hour_ago = time.time() - 3600
    os.utime(blobs.directory / "b/old", (an_hour_ago, an_hour_ago))
    assert 3590 < blobs.stat("b", "old").age_s < 3700


def test_what_dead_writers_left_is_swept_after_a_day(blobs: LocalBlobs) -> None:
    rubbish = blobs.directory / ".molfleet/tmp"
    rubbish.mkdir(parents=True)
    for name, age_s in (("old", 90_000), ("young", 60)):
        (rubbish / name).write_bytes(b"half")
        moment = datetime.now(UTC).timestamp() - age_s
        os.utime(rubbish / name, (moment, moment))
    LocalBlobs(blobs.directory).put("b", "x", b"1")
    assert [path.name for path in rubbish.iterdir()] == ["young"]


def test_a_directory_that_does_not_exist_yet_is_empty(tmp_path: Path) -> None:
    store = LocalBlobs(tmp_path / "not/yet")
    assert list(store.list("b")) == []
    with pytest.raises(BlobNotFound):
        store.read("b", "k")
    store.ensure_bucket("b")
    store.put("b", "k", b"1")
    assert store.read("b", "k")[0] == b"1"


LARGE = b"large" * 500_000


def test_a_large_object_is_lent_without_a_copy(blobs: LocalBlobs, tmp_path: Path) -> None:
    (blobs.directory / "b/real").write_bytes(LARGE)
    (blobs.directory / "b/alias").symlink_to("real")
    for key in ("real", "alias"):
        blobs.borrow("b", key, tmp_path / key).settle()
        assert (tmp_path / key).samefile(blobs.directory / "b/real")
        assert not (tmp_path / key).is_symlink()


def test_a_loan_rewritten_in_place_is_not_settled(blobs: LocalBlobs, tmp_path: Path) -> None:
    blobs.put("b", "x", LARGE)
    loan = blobs.borrow("b", "x", tmp_path / "x")
    with (blobs.directory / "b/x").open("r+b") as file:
        file.seek(len(LARGE) // 2)
        file.write(b"other")
    os.utime(blobs.directory / "b/x", ns=(1, 1))  # whatever the clock of the file system
    with pytest.raises(BlobChanged, match="while it was read"):
        loan.settle()


@pytest.mark.parametrize("size", [0, len(LARGE) - 1, len(LARGE) + 1])
def test_a_loan_that_became_longer_or_shorter_is_not_settled(
    blobs: LocalBlobs, tmp_path: Path, size: int
) -> None:
    blobs.put("b", "x", LARGE)
    status = (blobs.directory / "b/x").stat()
    loan = blobs.borrow("b", "x", tmp_path / "x")
    os.truncate(blobs.directory / "b/x", size)
    os.utime(blobs.directory / "b/x", ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(BlobChanged, match="while it was read"):
        loan.settle()


def test_a_loan_that_cannot_be_looked_at_is_an_error_of_the_store(
    blobs: LocalBlobs, tmp_path: Path
) -> None:
    blobs.put("b", "x", LARGE)
    loan = blobs.borrow("b", "x", tmp_path / "x")
    (tmp_path / "x").unlink()
    with pytest.raises(BlobNotFound):
        loan.settle()


def test_where_no_link_can_be_made_a_copy_is_lent(
    blobs: LocalBlobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs.put("b", "x", LARGE)

    def refuse(source: object, to: object) -> None:
        raise OSError(errno.EXDEV, "another file system")

    monkeypatch.setattr(os, "link", refuse)
    loan = blobs.borrow("b", "x", tmp_path / "x")
    (blobs.directory / "b/x").write_bytes(b"rewritten")
    assert (tmp_path / "x").read_bytes() == LARGE
    loan.settle()


def test_a_file_that_is_replaced_before_it_is_linked_is_copied(
    blobs: LocalBlobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs.put("b", "x", LARGE)
    link = os.link

    def late(source: str, to: Path) -> None:
        monkeypatch.setattr(os, "link", link)
        blobs.put("b", "x", LARGE[::-1])
        link(source, to)

    monkeypatch.setattr(os, "link", late)
    loan = blobs.borrow("b", "x", tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == LARGE[::-1]
    assert loan.info.etag == blobs.stat("b", "x").etag
    loan.settle()
