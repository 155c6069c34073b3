"""The life of one of the pool's processes: chunks in, results out, within its bound of memory."""

from __future__ import annotations

import gc
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

from molfleet.chemistry.records import Chunk
from molfleet.errors import Rejected
from molfleet.processes import die_with_parent

NO_RECORD = -1

#: The exit code of a process that could not even say so.
OUT_OF_MEMORY = 77

_STEP_BITS = 16
#: The shared word of a process that is on no record.
NOWHERE = NO_RECORD << _STEP_BITS


class Report(Protocol):
    """Tells the pool which record is worked on from now on; NO_RECORD: none, no limit runs.

    The limit starts anew with each record and with each step of one, counted from 0.
    """

    def __call__(self, record: int, step: int = 0, /) -> None: ...


def split_word(word: int) -> tuple[int, int]:
    """The record and the step that a shared word tells of."""
    return word >> _STEP_BITS, word & ((1 << _STEP_BITS) - 1)


def serve(
    connection: Connection,
    others: list[Connection],
    work: Callable[[Chunk, Report], Any],
    on: memoryview,
    slot: int,
    memory_bytes: int,
    parent: int,
) -> None:
    """The life of one process: chunks in, results out, until the parent is gone."""
    die_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for other in others:
        other.close()
    gc.freeze()  # what came with the fork need not be looked through, nor copied, ever again

    _bound_memory(memory_bytes)

    def report(record: int, step: int = 0) -> None:
        on[slot] = record << _STEP_BITS | step

    with suppress(EOFError, OSError):
        while True:
            chunk = connection.recv()
            answer: tuple[Any, str | Rejected | None]
            try:
                answer = (work(chunk, report), None)
            except MemoryError:
                os._exit(OUT_OF_MEMORY)
            except Rejected as verdict:  # the file is at fault, not a record
                answer = (None, verdict)
            except Exception:
                answer = (None, traceback.format_exc())
            report(NO_RECORD)
            connection.send(answer)


def _bound_memory(further_bytes: int) -> None:
    """Let this process claim so much private writable memory beyond what it has."""
    if sys.platform != "linux":
        return
    status = Path("/proc/self/status").read_text()
    (data_kib,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmData:"))
    bound = int(data_kib) * 1024 + further_bytes
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    if hard != resource.RLIM_INFINITY:
        bound = min(bound, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (bound, hard))
