"""What one record can cost the others: its step's limit, its memory, and nothing of their time."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from molfleet.chemistry import pool
from molfleet.chemistry.pool import Lost, Report, run_chunks
from molfleet.chemistry.records import Chunk
from molfleet.errors import RecordCode

CHUNKS = [Chunk(Path("none"), n, n + 1, n, 1, 1) for n in range(60)]


class Hangs:
    """Work on records of two steps; the second step of record 1 never ends."""

    steps = ("Parsing", "ECFP_2048_2")

    def __call__(self, chunk: Chunk, report: Report) -> int:
        report(chunk.first_record)
        report(chunk.first_record, 1)
        if chunk.first_record == 1:
            ctypes.PyDLL(None).pause()
        return chunk.first_record


@pytest.mark.slow
def test_a_timeout_names_the_step_that_took_too_long() -> None:
    (lost,) = (result for result in run_chunks(CHUNKS[:4], Hangs(), 1, 0.2) if isinstance(result, Lost))
    assert (lost.chunk.first_record, lost.code) == (1, RecordCode.TIMEOUT)
    assert lost.message == "ECFP_2048_2 took longer than the limit of 0.2 s."


@pytest.mark.slow
def test_the_limit_starts_anew_with_each_step() -> None:
    def slow(chunk: Chunk, report: Report) -> int:
        for step in range(5):
            report(chunk.first_record, step)
            time.sleep(0.15)
        return chunk.first_record

    assert list(run_chunks(CHUNKS[:1], slow, 1, 0.4)) == [0]


@pytest.mark.slow
def test_the_other_processes_go_on_while_one_hangs() -> None:
    times: dict[int, float] = {}

    def hangs(chunk: Chunk, report: Report) -> float:
        report(chunk.first_record)
        if chunk.first_record == 1:
            ctypes.PyDLL(None).pause()
        return time.monotonic()

    for number, result in enumerate(run_chunks(CHUNKS, hangs, 2, 1.0)):
        times[number] = time.monotonic() if isinstance(result, Lost) else result
    # All but the lost one, and what waited behind it in its own process, were done before it was lost.
    assert len(times) == 60
    assert sum(done > times[1] for done in times.values()) <= pool._QUEUED


@pytest.mark.slow
def test_results_that_wait_for_a_late_one_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "_WAITING_BYTES", 5000)
    taken = []

    def counted() -> Iterator[Chunk]:
        for chunk in CHUNKS:
            taken.append(chunk)
            yield chunk

    def hangs(chunk: Chunk, report: Report) -> bytes:
        report(chunk.first_record)
        if not chunk.first_record:
            ctypes.PyDLL(None).pause()
        return bytes(1000)

    results = run_chunks(counted(), hangs, 2, 0.5)
    assert isinstance(next(results), Lost)
    assert len(taken) < 15
    assert len(list(results)) == 59


def allocate(chunk: Chunk, report: Report) -> int:
    report(chunk.first_record)
    return len(np.ones(2**27 if chunk.first_record == 2 else 10))


def test_a_record_that_asks_for_more_memory_than_a_process_may_have_costs_only_itself() -> None:
    results = list(run_chunks(CHUNKS[:5], allocate, 2, 30, process_memory_bytes=2**28))
    lost = results[2]
    assert isinstance(lost, Lost)
    assert lost.code is RecordCode.TOO_LARGE
    assert "memory" in lost.message
    assert [result for result in results if result is not lost] == [10] * 4


def test_native_code_is_bounded_as_well() -> None:
    def malloc(chunk: Chunk, report: Report) -> bool:
        report(chunk.first_record)
        libc = ctypes.CDLL(None)
        libc.malloc.restype = ctypes.c_void_p
        return libc.malloc(ctypes.c_size_t(2**30)) is not None

    assert list(run_chunks(CHUNKS[:1], malloc, 1, 5, process_memory_bytes=2**28)) == [False]
    assert list(run_chunks(CHUNKS[:1], malloc, 1, 5, process_memory_bytes=2**31)) == [True]
