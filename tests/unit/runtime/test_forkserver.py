"""Where child processes come from."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest


def tell_environment(sock: socket.socket) -> None:
    sock.sendall(os.environ.get("GLIBC_TUNABLES", "").encode())
    sock.close()


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        (None, "glibc.malloc.tcache_count=127"),
        ("glibc.malloc.hugetlb=1", "glibc.malloc.hugetlb=1:glibc.malloc.tcache_count=127"),
        ("glibc.malloc.tcache_count=9", "glibc.malloc.tcache_count=9"),
    ],
)
def test_children_get_a_tuned_allocator_and_the_worker_keeps_its_environment(
    own: str | None, expected: str, tmp_path: Path
) -> None:
    script = tmp_path / "program__main__.py"
    script.write_text(
        textwrap.dedent("""
        import asyncio, os
        from molfleet.runtime.forkserver import ForkServer
        from tests.unit.runtime.test_forkserver import tell_environment

        async def ask():
            server = ForkServer([])
            server.boot()
            child = await server.start(tell_environment)
            print((await child.reader.read()).decode(), os.environ.get("GLIBC_TUNABLES"), sep="|")
            await child.exited()

        asyncio.run(ask())
        """)
    )
    environment = {name: value for name, value in os.environ.items() if name != "GLIBC_TUNABLES"}
    if own is not None:
        environment["GLIBC_TUNABLES"] = own
    environment["PYTHONPATH"] = str(Path(__file__).parents[3])
    done = subprocess.run(
        [sys.executable, str(script)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.strip() == f"{expected}|{own}"
