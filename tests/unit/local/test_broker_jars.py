"""The locked jars of the local broker: verified, cached, safe for several processes at once."""

from __future__ import annotations

import hashlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from molfleet.local.jars import Jar, JarsError, class_path, default_cache, read_lock, repository_root

CONTENT = {"one": b"the first jar", "two": b"the second jar"}


class Repository:
    """Where jars come from; counts how often it was asked."""

    def __init__(self, content: dict[str, bytes] = CONTENT) -> None:
        self.content = content
        self.asked: list[str] = []

    def download(self, jar: Jar, directory: Path) -> Path:
        self.asked.append(jar.artifact)
        path = directory / f"{threading.get_ident()}-{jar.file_name}"
        path.write_bytes(self.content[jar.artifact])
        return path


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "jars.lock"
    lines = [f"g:{name}:1.0 {hashlib.sha256(data).hexdigest()}\n" for name, data in CONTENT.items()]
    path.write_text("# a comment\n\n" + "".join(lines))
    return path


def test_the_class_path_has_every_jar_in_the_order_of_the_lock(lock: Path, tmp_path: Path) -> None:
    found = class_path(lock, tmp_path / "cache", Repository().download).split(os.pathsep)
    assert [Path(path).name for path in found] == ["one-1.0.jar", "two-1.0.jar"]
    assert [Path(path).read_bytes() for path in found] == list(CONTENT.values())


def test_what_is_cached_is_not_fetched_again(lock: Path, tmp_path: Path) -> None:
    repository = Repository()
    class_path(lock, tmp_path, repository.download)
    class_path(lock, tmp_path, repository.download)
    assert sorted(repository.asked) == ["one", "two"]


def test_a_damaged_file_in_the_cache_is_fetched_anew(lock: Path, tmp_path: Path) -> None:
    repository = Repository()
    first, _ = class_path(lock, tmp_path, repository.download).split(os.pathsep)
    Path(first).write_bytes(b"the first j")
    class_path(lock, tmp_path, repository.download)
    assert Path(first).read_bytes() == CONTENT["one"]


def test_a_jar_that_is_not_the_locked_one_is_refused_and_not_kept(lock: Path, tmp_path: Path) -> None:
    forged = Repository({**CONTENT, "two": b"something else"})
    with pytest.raises(JarsError, match=r"g:two:1\.0 is not the locked jar"):
        class_path(lock, tmp_path, forged.download)
    assert not list(tmp_path.rglob("two-1.0.jar"))
    class_path(lock, tmp_path, Repository().download)


def test_several_at_once_on_an_empty_cache_all_get_whole_files(lock: Path, tmp_path: Path) -> None:
    repository = Repository()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: class_path(lock, tmp_path, repository.download), range(8)))
    assert len(set(found)) == 1
    assert [Path(path).read_bytes() for path in found[0].split(os.pathsep)] == list(CONTENT.values())
    assert sorted(path.name for path in (tmp_path / "jars").iterdir()) == ["one-1.0.jar", "two-1.0.jar"]


@pytest.mark.parametrize("line", ["g:a:1", "g:a 00", f"g:a {'0' * 64}", f"g:a:1 {'z' * 64}"])
def test_a_malformed_line_of_the_lock_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "jars.lock"
    path.write_text(f"# first\n{line}\n")
    with pytest.raises(JarsError, match="line 2"):
        read_lock(path)


def test_the_committed_lock_holds_one_kafka_and_names_no_host() -> None:
    path = repository_root() / "infra" / "kafka" / "jars.lock"
    versions = {jar.version for jar in read_lock(path) if jar.group == "org.apache.kafka"}
    assert len(versions) == 1
    assert "://" not in path.read_text()
    assert len({jar.file_name for jar in read_lock(path)}) == len(read_lock(path))


def test_the_cache_lies_where_the_user_keeps_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    assert default_cache() == Path("/elsewhere/molfleet")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_cache() == Path.home() / ".cache" / "molfleet"
