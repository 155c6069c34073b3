"""Start a program that cannot outlive the thread that started it: `python -m molfleet.local.tether`.

The parent-death signal belongs to the thread that forked, not to its process: whoever starts a tethered
program from a thread must keep that thread until the program has ended.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from molfleet.processes import die_with_parent


def spawn(
    command: Sequence[str],
    log: Path,
    *,
    tethered: bool = True,
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start `command` with its output added to `log`; a Ctrl-C here does not reach it."""
    if tethered:
        command = [sys.executable, "-m", "molfleet.local.tether", str(os.getpid()), *command]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=None if environment is None else dict(environment),
        )


def main(arguments: Sequence[str]) -> None:
    parent, *command = arguments
    die_with_parent(int(parent))
    os.execv(command[0], command)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main(sys.argv[1:])
