"""Where child processes come from: one fork server per worker, heavy imports already loaded."""

from __future__ import annotations

import asyncio
import multiprocessing
import multiprocessing.forkserver
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.machinery import ModuleSpec
from multiprocessing.context import ForkServerContext, ForkServerProcess

from molfleet.errors import Unavailable
from molfleet.processes import die_with_parent

_TUNABLES = "GLIBC_TUNABLES"
_TCACHE = "glibc.malloc.tcache_count=127"


class ForkServer:
    """Starts children that die with this worker, each leading a process group of its own.

    `environment` is added to theirs. Call `boot` from the main thread: the kernel ties the server's life
    to the thread that starts it.
    """

    def __init__(self, preload: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        self._wanted = environment or {}
        self._context: ForkServerContext = multiprocessing.get_context("forkserver")
        self._preload = ["molfleet.runtime.forkserver_life", *preload]

    def boot(self) -> None:
        main = sys.modules["__main__"]
        if main.__spec__ is None:
            # Children run functions of ours. Without a name that says so, each would first import the
            # script that started the worker: 50 ms for every heavy command.
            main.__spec__ = ModuleSpec("molfleet.__main__", None)
        self._context.set_forkserver_preload(self._preload)
        with _in_environment(_environment(self._wanted)):
            multiprocessing.forkserver.ensure_running()

    async def warm(self) -> None:
        """Returns when the preloaded modules are imported."""
        child = await self.start(_nothing)
        await child.exited()

    async def start(self, main: Callable[[socket.socket], None]) -> Child:
        """A new process that runs `main(socket)`; the other end of the socket is the child's streams.

        Raises Unavailable where this machine has no process, memory or file descriptor to spare.
        """
        try:
            ours, theirs = socket.socketpair()
            process = self._context.Process(target=_enter, args=(main, theirs), daemon=False)
            try:
                await asyncio.to_thread(process.start)
            finally:
                theirs.close()
        except (OSError, EOFError) as error:
            raise Unavailable(f"no process can be started: {error}") from error
        reader, writer = await asyncio.open_connection(sock=ours, limit=1 << 20)
        return Child(process, reader, writer)


def _environment(wanted: Mapping[str, str]) -> dict[str, str]:
    """`wanted` and a tuned allocator, except where the operator has set the same himself.

    glibc then keeps 127 freed pieces of each size at hand, not 7. RDKit takes and frees many small
    pieces: parsing and fingerprints are 10 to 15 % faster for it. glibc reads this once, when a program
    begins.
    """
    tunables = os.environ.get(_TUNABLES, "")
    if "tcache_count" not in tunables:
        tunables = f"{tunables}:{_TCACHE}" if tunables else _TCACHE
    own = {name: value for name, value in wanted.items() if name not in os.environ}
    return {**own, _TUNABLES: tunables}


@contextmanager
def _in_environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


class Child:
    """A running child process as its worker sees it."""

    def __init__(
        self, process: ForkServerProcess, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._process = process
        self.reader = reader
        self.writer = writer
        self.pid = process.pid or 0
        self._ended = asyncio.Event()
        asyncio.get_running_loop().add_reader(process.sentinel, self._mark_end)

    def kill(self) -> None:
        """Kill the child with everything that it started."""
        for send in (os.killpg, os.kill):
            with suppress(ProcessLookupError, PermissionError):
                send(self.pid, signal.SIGKILL)

    async def exited(self) -> int | None:
        """Waits for the end of the process; its exit code."""
        await self._ended.wait()
        self.writer.close()
        self._process.join()
        code = self._process.exitcode
        self._process.close()
        return code

    def _mark_end(self) -> None:
        """Clears what is left of the group, which may still hold the socket open."""
        asyncio.get_running_loop().remove_reader(self._process.sentinel)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._ended.set()


def _enter(main: Callable[[socket.socket], None], sock: socket.socket) -> None:
    die_with_parent()
    os.setpgid(0, 0)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    signal.set_wakeup_fd(-1)
    main(sock)


def _nothing(sock: socket.socket) -> None:
    sock.close()
