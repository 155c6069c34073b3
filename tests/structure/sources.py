"""Which files the structure tests look at: what git tracks, or would."""

from __future__ import annotations

import ast
import subprocess
from functools import cache
from pathlib import Path

from tests.paths import ROOT

#: Source roots of the product, and the programs beside it that follow the same rules.
PRODUCT = ("common", "workers")
PROGRAMS = (*PRODUCT, "bench", "examples")

GENERATED = frozenset({"common/molfleet/messages/generated.py"})


@cache
def tracked() -> tuple[Path, ...]:
    """Every file of the repository, relative to its root, that git does not ignore."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    paths = (Path(name) for name in listed.split("\0") if name)
    return tuple(sorted(path for path in paths if (ROOT / path).is_file()))


def python_files(*folders: str) -> list[Path]:
    """The tracked Python files, of the given top folders only if there are any."""
    return [
        path for path in tracked() if path.suffix == ".py" and (not folders or path.parts[0] in folders)
    ]


@cache
def text(path: Path) -> str | None:
    """The file's text; None where it is binary."""
    try:
        return (ROOT / path).read_text("utf-8")
    except UnicodeDecodeError:
        return None


@cache
def parsed(path: Path) -> ast.Module:
    """The syntax tree of a Python file."""
    return ast.parse(text(path) or "")


def module_name(path: Path) -> str:
    """`common/molfleet/broker/port.py` -> `molfleet.broker.port`."""
    parts = list(path.with_suffix("").parts)
    if parts[0] == "common":
        parts = parts[1:]
    if parts[-1] == "__init__":
        parts = parts[:-1]
    return ".".join(parts)
