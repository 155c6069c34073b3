"""A rival in an environment of its own, as its versions may clash with ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.site import ROOT

_UV = ROOT / ".tools" / "bin" / "uv"
_PATIENCE_S = 1_800.0


class NoEnvironment(Exception):
    """There is none, and none could be made; the message says why."""


@dataclass(frozen=True, slots=True)
class Environment:
    """`package` is pinned (`name==version`); `shown` are the distributions whose versions are told."""

    package: str
    shown: Sequence[str]

    def interpreter(self, cache: Path) -> Path:
        """The Python of a cached environment, made with the house's uv where it is missing.

        Raises NoEnvironment.
        """
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        directory = cache / f"{self.package.replace('==', '-')}-python{version}"
        python = directory / "bin" / "python"
        done = directory / "complete"
        if not done.exists():
            if not _UV.exists():
                raise NoEnvironment(f"{_UV.relative_to(ROOT)} is missing (`make setup` brings it)")
            _run(_UV, "venv", "--quiet", "--clear", "--python", sys.executable, directory)
            _run(_UV, "pip", "install", "--quiet", "--python", python, self.package)
            done.touch()
        return python

    def versions(self, python: Path) -> dict[str, str]:
        """Of the distributions that are shown. Raises NoEnvironment."""
        program = (
            "import json, sys, importlib.metadata as m; "
            "print(json.dumps({n: m.version(n) for n in sys.argv[1:]}))"
        )
        return dict(json.loads(_run(python, "-c", program, *self.shown)))


def _run(*command: str | Path) -> str:
    environment = dict(os.environ)
    # What pip was told of a mirror or a certificate holds for uv as well, as in the Makefile.
    for ours, theirs in (("PIP_INDEX_URL", "UV_DEFAULT_INDEX"), ("PIP_CERT", "SSL_CERT_FILE")):
        if ours in environment:
            environment.setdefault(theirs, environment[ours])
    try:
        done = subprocess.run(
            [str(word) for word in command],
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoEnvironment(f"{Path(command[0]).name}: {error}") from None
    if done.returncode:
        raise NoEnvironment(f"{Path(command[0]).name} failed: {done.stderr.strip()[-300:]}")
    return done.stdout
