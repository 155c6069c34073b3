"""What processes need besides their program: an end with the one that started them, and quiet threads."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1

#: What OpenMP reads once, when it is loaded. Its threads spin while they wait for each other, by default
#: for so long that on busy cores they keep those they wait for from running: LightGBM on two threads then
#: took 50 s for what takes 5 s so, and an idle machine loses nothing.
OPENMP = {"GOMP_SPINCOUNT": "1000"}


def share_cores() -> None:
    """Set OPENMP for the libraries that this process loads from now on; the operator's own values stay."""
    for name, value in OPENMP.items():
        os.environ.setdefault(name, value)


def die_with_parent(expected_parent: int | None = None) -> None:
    """Ask the kernel to kill this process when its parent dies (Linux; elsewhere a no-op).

    `expected_parent` closes the race in which the parent died before this call: where the parent
    is already another process, this one ends at once.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if expected_parent is not None and os.getppid() != expected_parent:
        os.kill(os.getpid(), signal.SIGKILL)
