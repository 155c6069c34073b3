"""Where child processes come from."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

pytestmark = pytest.mark.worker


def tell_environment(sock: socket.socket) -> None:
    names = ("GLIBC_TUNABLES", "OPENBLAS_NUM_THREADS")
    sock.sendall(",".join(os.environ.get(name, "") for name in names).encode())
    sock.close()


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        (None, "glibc.malloc.tcache_count=127"),
        ("glibc.malloc.hugetlb=1", "glibc.malloc.hugetlb=1:glibc.malloc.tcache_count=127"),
        ("glibc.malloc.tcache_count=9", "glibc.malloc.tcache_count=9"),
    ],
)
def test_children_get_what_their_libraries_read_at_the_start_and_the_worker_keeps_its_environment(
    own: str | None, expected: str, tmp_path: Path
) -> None:
    script = tmp_path / "program__main__.py"
    script.write_text(
        textwrap.dedent("""
        import asyncio, os
        from molfleet.runtime.forkserver import ForkServer
        from tests.unit.runtime.test_forkserver import tell_environment

        async def ask():
            server = ForkServer([], {"OPENBLAS_NUM_THREADS": "1"})
            server.boot()
            child = await server.start(tell_environment)
            said = (await child.reader.read()).decode()
            print(said, os.environ.get("GLIBC_TUNABLES"), os.environ.get("OPENBLAS_NUM_THREADS"), sep="|")
            await child.exited()

        asyncio.run(ask())
        """)
    )
    left_out = ("GLIBC_TUNABLES", "OPENBLAS_NUM_THREADS")
    environment = {name: value for name, value in os.environ.items() if name not in left_out}
    if own is not None:
        environment["GLIBC_TUNABLES"] = own
        environment["OPENBLAS_NUM_THREADS"] = "3"
    environment["PYTHONPATH"] = str(Path(__file__).parents[3])
    done = subprocess.run(
        [sys.executable, str(script)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    threads = ("1", None) if own is None else ("3", "3")
    assert done.stdout.strip() == f"{expected},{threads[0]}|{own}|{threads[1]}"
