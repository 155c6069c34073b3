"""The import contracts of pyproject.toml hold."""

from __future__ import annotations

import subprocess
import sys

from tests.paths import ROOT


def test_imports_go_only_where_the_contracts_allow() -> None:
    code = "import sys; from importlinter.cli import lint_imports_command as c; sys.argv[1:] = "
    result = subprocess.run(
        [sys.executable, "-c", f"{code}['--no-logo', '--no-cache']; c()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
