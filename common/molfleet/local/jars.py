"""Apache Kafka's own jars without an installation: locked by digest, fetched by jgo, kept in a cache."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

LOGGING = "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4"
ROOTS = ("org.apache.kafka:kafka_2.13:4.3.0", LOGGING)
_HEADER = "# Jars of the local broker. Written by `python -m molfleet.local.jars`.\n"


class JarsError(Exception):
    """A jar could not be fetched, or is not the one that was locked; the message names it."""


@dataclass(frozen=True, slots=True)
class Jar:
    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def coordinate(self) -> str:
        return f"{self.group}:{self.artifact}:{self.version}"

    @property
    def file_name(self) -> str:
        return f"{self.artifact}-{self.version}.jar"


Download = Callable[[Jar, Path], Path]


def repository_root() -> Path:
    """The checkout that this package runs from; raises FileNotFoundError where there is none."""
    root = Path(__file__).resolve().parents[3]
    if not (root / "infra" / "kafka" / "server.properties").is_file():
        raise FileNotFoundError(
            "The local broker needs a checkout of the repository (infra/kafka is not part of the wheel): "
            "clone it and run `make up` there, or name a broker of your own in MOLFLEET_KAFKA_BOOTSTRAP."
        )
    return root


def default_cache() -> Path:
    """Where downloads are kept between runs."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "molfleet"


def read_lock(path: Path) -> tuple[Jar, ...]:
    """The locked jars, in class path order; raises JarsError on a line that is not one."""
    jars = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        coordinate, _, digest = line.partition(" ")
        parts = coordinate.split(":")
        if len(parts) != 3 or len(digest) != 64 or set(digest) - set("0123456789abcdef"):
            raise JarsError(f"{path}, line {number}: expected group:artifact:version sha256")
        group, artifact, version = parts
        jars.append(Jar(group, artifact, version, digest))
    return tuple(jars)


def class_path(lock: Path, cache: Path, download: Download | None = None) -> str:
    """Java's class path of all locked jars, fetching those that the cache lacks.

    Safe for several processes at once on an empty cache: each file is fetched aside, verified, and
    moved into place in one step. `download(jar, directory)` puts a jar somewhere below a directory and
    returns its path; without, jgo does. Raises JarsError.
    """
    directory = cache / "jars"
    jars = read_lock(lock)
    missing = [jar for jar in jars if not _is_cached(directory, jar)]
    if missing:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="fetch-", dir=directory) as aside:
            _fetch_all(missing, Path(aside), directory, download or _download)
    return os.pathsep.join(str(directory / jar.file_name) for jar in jars)


def _is_cached(directory: Path, jar: Jar) -> bool:
    path = directory / jar.file_name
    return path.is_file() and _digest(path) == jar.sha256


def _fetch_all(jars: Iterable[Jar], aside: Path, directory: Path, download: Download) -> None:
    def fetch(jar: Jar) -> None:
        path = download(jar, aside)
        found = _digest(path)
        if found != jar.sha256:
            raise JarsError(f"{jar.coordinate} is not the locked jar: its SHA-256 is {found}")
        path.replace(directory / jar.file_name)

    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(fetch, jars))


def _download(jar: Jar, repository: Path) -> Path:
    from jgo.maven import MavenContext

    context = MavenContext(repo_cache=repository, local_repos=[], timeout=60)
    try:
        artifact = context.project(jar.group, jar.artifact).at_version(jar.version).artifact()
        return Path(artifact.resolve())
    except (OSError, RuntimeError) as error:
        raise JarsError(
            f"{jar.coordinate} could not be fetched ({error}). The local broker's jars come from the "
            "central Maven repository: is it reachable from here?"
        ) from error


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def lock(path: Path) -> None:
    """Resolve ROOTS anew with all they need at run time and write their digests to `path`."""
    from jgo.maven import MavenContext
    from jgo.parse import Coordinate

    with tempfile.TemporaryDirectory() as repository:
        context = MavenContext(repo_cache=Path(repository), local_repos=[], timeout=60)
        needed: dict[tuple[str, str], Any] = {}
        for root in ROOTS:
            # One by one, since the dependency management of one root would override another's versions.
            wanted = context.create_dependency(replace(Coordinate.parse(root), scope="compile"))
            inputs, transitive = context.resolver.resolve([wanted])
            for found in (*inputs, *(d for d in transitive if d.scope in ("compile", "runtime"))):
                needed.setdefault((found.groupId, found.artifactId), found)
        with ThreadPoolExecutor(max_workers=8) as pool:
            files = list(pool.map(lambda found: Path(found.artifact.resolve()), needed.values()))
        lines = sorted(
            f"{found.groupId}:{found.artifactId}:{found.version} {_digest(file)}\n"
            for found, file in zip(needed.values(), files, strict=True)
        )
    path.write_text(_HEADER + "".join(lines), "utf-8")


if __name__ == "__main__":
    lock(repository_root() / "infra" / "kafka" / "jars.lock")
