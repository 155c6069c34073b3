"""A bundle is written deterministically and believed only after everything about it was checked."""

from __future__ import annotations

import json
import random
import re
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from molfleet.bundles import archive
from molfleet.bundles.archive import open_bundle, write_bundle
from molfleet.bundles.manifest import FORMAT_VERSION, MANIFEST
from molfleet.errors import Code, Rejected
from tests.unit.bundles.factory import Made, make

LIMIT = 64 << 20


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("bundle") / "model.molmodel", featurizer="DESC")


def refusal(path: Path, max_bytes: int = LIMIT) -> str:
    with pytest.raises(Rejected) as caught:
        open_bundle(path, max_bytes=max_bytes)
    assert caught.value.code is Code.INVALID_MODEL
    assert not caught.value.retryable
    return caught.value.message


def rezipped(
    made: Made, path: Path, change: Callable[[zipfile.ZipFile], None] = lambda archive: None
) -> Path:
    """The bundle's members in a zip without our seal, as another program would write it."""
    with zipfile.ZipFile(made.path) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            new.writestr(info.filename, old.read(info))
        change(new)
    return path


def with_manifest(made: Made, path: Path, **fields: object) -> Path:
    """The bundle with other manifest fields, in a zip without our seal."""
    with zipfile.ZipFile(made.path) as old, zipfile.ZipFile(path, "w") as new:
        for info in old.infolist():
            data = old.read(info)
            if info.filename == MANIFEST:
                data = json.dumps({**json.loads(data), **fields}).encode()
            new.writestr(info.filename, data)
    return path


def test_what_was_written_is_what_is_read(made: Made) -> None:
    bundle = open_bundle(made.path, max_bytes=LIMIT)
    assert bundle.manifest == made.manifest
    assert dict(bundle.parts) == dict(made.parts)


def test_equal_content_gives_equal_bytes(made: Made, tmp_path: Path) -> None:
    other = tmp_path / "other.molmodel"
    write_bundle(other, made.manifest, dict(reversed(made.parts.items())))
    assert other.read_bytes() == made.path.read_bytes()


def test_a_part_may_come_from_a_file(made: Made, tmp_path: Path) -> None:
    files = {}
    for number, (name, data) in enumerate(made.parts.items()):
        files[name] = tmp_path / str(number)
        files[name].write_bytes(data)
    write_bundle(tmp_path / "other", made.manifest, files)
    assert (tmp_path / "other").read_bytes() == made.path.read_bytes()


@pytest.mark.parametrize("lacking", [True, False])
def test_only_the_parts_that_the_manifest_names_are_written(
    made: Made, tmp_path: Path, lacking: bool
) -> None:
    parts = {**made.parts, "more.npz": b""}
    if lacking:
        parts = {name: data for name, data in made.parts.items() if name != "golden.npz"}
    with pytest.raises(ValueError, match=r"golden\.npz" if lacking else r"more\.npz"):
        write_bundle(tmp_path / "bad", made.manifest, parts)


def test_one_flipped_byte_anywhere_is_refused(made: Made, tmp_path: Path) -> None:
    data = made.path.read_bytes()
    chance = random.Random(5)
    with zipfile.ZipFile(made.path) as opened:
        heads = [info.header_offset for info in opened.infolist()]
    places = {*heads, *(head + 40 for head in heads), *range(len(data) - 120, len(data))}
    places |= {chance.randrange(len(data)) for _ in range(150)}
    path = tmp_path / "flipped"
    for place in sorted(places):
        flipped = bytearray(data)
        flipped[place] ^= 1 << chance.randrange(8)
        path.write_bytes(flipped)
        refusal(path)


def test_a_truncated_file_is_refused(made: Made, tmp_path: Path) -> None:
    data = made.path.read_bytes()
    path = tmp_path / "cut"
    for size in (0, 1, 21, 22, 100, len(data) // 2, len(data) - 71, len(data) - 1):
        path.write_bytes(data[:size])
        refusal(path)


def test_something_added_before_or_behind_is_refused(made: Made, tmp_path: Path) -> None:
    path = tmp_path / "added"
    for data in (made.path.read_bytes() + b"x", b"x" + made.path.read_bytes()):
        path.write_bytes(data)
        refusal(path)


def test_a_bundle_zipped_again_by_another_program_is_accepted(made: Made, tmp_path: Path) -> None:
    assert open_bundle(rezipped(made, tmp_path / "again"), max_bytes=LIMIT).manifest == made.manifest


@pytest.mark.parametrize("name", ["../evil", "/etc/passwd", "a/../../b", "a\\b", "a//b", ".hidden", "c:x"])
def test_a_part_that_would_leave_the_bundle_is_refused(made: Made, tmp_path: Path, name: str) -> None:
    path = rezipped(made, tmp_path / "bad", lambda zipped: zipped.writestr(name, b"x"))
    assert "not a name for a part" in refusal(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_part_that_occurs_twice_is_refused(made: Made, tmp_path: Path) -> None:
    path = rezipped(made, tmp_path / "bad", lambda zipped: zipped.writestr("golden.npz", b"x"))
    assert "golden.npz occurs twice" in refusal(path)


def test_a_symbolic_link_is_refused(made: Made, tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    path = rezipped(made, tmp_path / "bad", lambda zipped: zipped.writestr(link, "/etc/passwd"))
    assert "part link is not a plain file" in refusal(path)


def test_a_part_that_the_manifest_does_not_list_is_refused(made: Made, tmp_path: Path) -> None:
    path = rezipped(made, tmp_path / "bad", lambda zipped: zipped.writestr("more.npz", b"x"))
    assert "unexpected: more.npz" in refusal(path)


def test_a_missing_part_is_refused_by_name(made: Made, tmp_path: Path) -> None:
    path = tmp_path / "bad"
    with zipfile.ZipFile(made.path) as old, zipfile.ZipFile(path, "w") as new:
        for info in old.infolist():
            if info.filename != "domain.npz":
                new.writestr(info.filename, old.read(info))
    assert "missing: domain.npz" in refusal(path)


@pytest.mark.parametrize("name", ["estimators/0.onnx", "golden.npz", "preparation.npz", "molecules.tsv"])
def test_a_part_with_other_bytes_of_the_same_size_is_refused_by_name(
    made: Made, tmp_path: Path, name: str
) -> None:
    path = tmp_path / "bad"
    with zipfile.ZipFile(made.path) as old, zipfile.ZipFile(path, "w") as new:
        for info in old.infolist():
            data = bytearray(old.read(info))
            if info.filename == name:
                data[len(data) // 2] ^= 1
            new.writestr(info.filename, bytes(data))
    assert re.search(rf"part {re.escape(name)} is not what the manifest says", refusal(path))


def test_an_encrypted_part_is_refused(made: Made, tmp_path: Path) -> None:
    path = rezipped(made, tmp_path / "bad")
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as opened:
        directory = opened.start_dir
    data[directory + 8] |= 1
    path.write_bytes(data)
    assert "is encrypted" in refusal(path)


def test_more_bytes_than_allowed_are_refused_before_they_are_unpacked(made: Made) -> None:
    assert "more than the 1000 that are allowed" in refusal(made.path, 1000)


def test_a_zip_bomb_is_refused(made: Made, tmp_path: Path) -> None:
    path = rezipped(made, tmp_path / "bad", lambda zipped: zipped.writestr("bomb", bytes(32 << 20)))
    assert "which no model does" in refusal(path)


def test_a_part_that_unpacks_to_more_than_it_says_is_refused(made: Made, tmp_path: Path) -> None:
    path = rezipped(made, tmp_path / "bad")
    with zipfile.ZipFile(path) as opened:
        info = opened.getinfo("domain.npz")
        directory = opened.start_dir
    data = bytearray(path.read_bytes())
    entry = data.index(b"domain.npz", directory) - 46
    size = entry + 24
    assert struct.unpack_from("<L", data, size)[0] == info.file_size
    struct.pack_into("<L", data, size, info.file_size - 1)
    path.write_bytes(data)
    assert "part domain.npz" in refusal(path)


def test_a_table_of_contents_that_claims_too_many_parts_is_refused(made: Made, tmp_path: Path) -> None:
    def many(zipped: zipfile.ZipFile) -> None:
        for number in range(archive.MAX_PARTS + 1):
            zipped.writestr(f"part{number}", b"")

    assert "table of contents" in refusal(rezipped(made, tmp_path / "bad", many))


@pytest.mark.parametrize("version", ["2.0", "1.2", "0.9", "10.0"])
def test_another_format_version_is_refused_by_number(made: Made, tmp_path: Path, version: str) -> None:
    path = with_manifest(made, tmp_path / "newer", format_version=version, task="dreaming")
    assert f"format version is {version}, this worker reads {FORMAT_VERSION}" in refusal(path)


@pytest.mark.parametrize("version", [None, "one", "1", "1.0.0", 1])
def test_a_format_version_that_is_none_is_refused(made: Made, tmp_path: Path, version: object) -> None:
    assert "has no format version" in refusal(with_manifest(made, tmp_path / "bad", format_version=version))


def test_an_unknown_key_of_the_same_format_is_no_reason_to_refuse(made: Made, tmp_path: Path) -> None:
    path = with_manifest(made, tmp_path / "more", colour="green")
    assert open_bundle(path, max_bytes=LIMIT).manifest == made.manifest


def test_a_manifest_that_is_not_valid_is_refused_by_field(made: Made, tmp_path: Path) -> None:
    assert "task" in refusal(with_manifest(made, tmp_path / "bad", task="dreaming"))


@pytest.mark.parametrize(
    "data", [b"", b"PK", b"not a zip at all, but long enough to be one" * 3, bytes(500)]
)
def test_what_is_no_zip_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "bad"
    path.write_bytes(data)
    assert "not a readable zip" in refusal(path)


def test_a_model_that_no_bundle_can_hold_is_refused_with_its_size(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = sum(len(part) for part in made.parts.values())
    monkeypatch.setattr(archive, "MAX_CONTENT_BYTES", size)
    archive.write_bundle(tmp_path / "fits.molmodel", made.manifest, made.parts)
    monkeypatch.setattr(archive, "MAX_CONTENT_BYTES", size - 1)
    with pytest.raises(Rejected) as caught:
        archive.write_bundle(tmp_path / "large.molmodel", made.manifest, made.parts)
    assert caught.value.code == Code.RESULT_TOO_LARGE
    assert f"{size:,} bytes" in caught.value.message
    assert not (tmp_path / "large.molmodel").exists()
