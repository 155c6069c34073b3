"""Programs that are made ready, start together at a shot, and say when they began and ended.

Such a program prints `ready`, waits for a line on its standard input, works, and prints `Measured` as
one line of JSON. What comes before the shot (starting Python, imports) does not count.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress

from bench.site import ROOT, Measured, RunFailed


def fire(commands: Sequence[Sequence[str]], environment: Mapping[str, str] | None = None) -> list[Measured]:
    """Runs them all together. Raises RunFailed where one does not start or dies."""
    running = [
        # In a session of its own: a Ctrl-C here is not its own, it is ended below.
        subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            cwd=ROOT,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "common")]),
                **(environment or {}),
            },
        )
        for command in commands
    ]
    try:
        for each in running:
            if _line(each) != "ready":
                raise RunFailed(f"{_name(each)} does not start")
        for each in running:
            assert each.stdin is not None
            with suppress(BrokenPipeError):
                each.stdin.write("go\n")
                each.stdin.flush()
        return [_measured(each) for each in running]
    finally:
        for each in running:
            # With all that it started itself.
            with suppress(ProcessLookupError):
                os.killpg(each.pid, signal.SIGKILL)
            each.communicate()


def together(done: Sequence[Measured]) -> Measured:
    """Several runs of one work as one: from the first beginning to the last end."""
    return Measured(
        sum(one.count for one in done), min(one.began for one in done), max(one.ended for one in done)
    )


def _measured(process: subprocess.Popen[str]) -> Measured:
    line = _line(process)
    if not line:
        raise RunFailed(f"{_name(process)} ended without a result (exit code {process.wait()})")
    return Measured(**json.loads(line))


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _name(process: subprocess.Popen[str]) -> str:
    return " ".join(str(word) for word in process.args[1:4])  # type: ignore[index]
