from __future__ import annotations

import ctypes
import faulthandler
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from molfleet.chemistry.pool import Lost, Report, WorkError, run_chunks
from molfleet.chemistry.records import Chunk
from molfleet.errors import RecordCode


def chunks(records: int, per_chunk: int) -> list[Chunk]:
    return [
        Chunk(Path("none"), first, first + per_chunk, first, 1, min(per_chunk, records - first))
        for first in range(0, records, per_chunk)
    ]


def numbers(chunk: Chunk, report: Report) -> list[int]:
    done = []
    for record in range(chunk.first_record, chunk.first_record + chunk.count):
        report(record)
        done.append(record)
    return done


def flat(results: Iterator[list[int] | Lost]) -> tuple[list[int], dict[int, Lost]]:
    records: list[int] = []
    lost: dict[int, Lost] = {}
    for result in results:
        if isinstance(result, Lost):
            assert result.chunk.count == 1
            lost[result.chunk.first_record] = result
            records.append(result.chunk.first_record)
        else:
            records += result
    return records, lost


@pytest.mark.parametrize("processes", [1, 2, 3])
@pytest.mark.parametrize("per_chunk", [1, 7, 100])
def test_results_come_in_the_order_of_the_records(processes: int, per_chunk: int) -> None:
    records, lost = flat(run_chunks(chunks(40, per_chunk), numbers, processes, 5))
    assert records == list(range(40))
    assert not lost


def test_no_chunks_give_no_results() -> None:
    assert list(run_chunks([], numbers, 2, 5)) == []


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_a_record_that_hangs_in_native_code_costs_only_itself(processes: int) -> None:
    def hangs(chunk: Chunk, report: Report) -> list[int]:
        done = []
        for record in range(chunk.first_record, chunk.first_record + chunk.count):
            report(record)
            if record in (0, 13, 14, 19):
                # Native code that holds the interpreter: no signal handler of Python's ever runs.
                ctypes.PyDLL(None).pause()
            done.append(record)
        return done

    records, lost = flat(run_chunks(chunks(20, 6), hangs, processes, 0.2))
    assert records == list(range(20))
    assert {record: row.code for record, row in lost.items()} == dict.fromkeys(
        (0, 13, 14, 19), RecordCode.TIMEOUT
    )
    assert "0.2 s" in lost[13].message


@pytest.mark.slow
def test_a_slow_chunk_of_quick_records_is_not_cut_short() -> None:
    def slow(chunk: Chunk, report: Report) -> list[int]:
        for record in range(chunk.first_record, chunk.first_record + chunk.count):
            report(record)
            time.sleep(0.05)
        return numbers(chunk, report)

    records, lost = flat(run_chunks(chunks(10, 10), slow, 1, 0.3))
    assert records == list(range(10))
    assert not lost


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGSEGV])
def test_a_record_that_kills_its_process_costs_only_itself(kill: signal.Signals) -> None:
    def dies(chunk: Chunk, report: Report) -> list[int]:
        done = []
        for record in range(chunk.first_record, chunk.first_record + chunk.count):
            report(record)
            if record in (3, 10):
                faulthandler.disable()
                os.kill(os.getpid(), kill)
            done.append(record)
        return done

    records, lost = flat(run_chunks(chunks(12, 4), dies, 2, 5))
    assert records == list(range(12))
    assert {record: row.code for record, row in lost.items()} == dict.fromkeys(
        (3, 10), RecordCode.FEATURIZATION_FAILED
    )
    assert kill.name in lost[3].message


def test_a_process_that_dies_before_any_record_is_an_error_after_some_tries() -> None:
    def dies(chunk: Chunk, report: Report) -> list[int]:
        os._exit(7)

    with pytest.raises(WorkError, match="exit code 7"):
        list(run_chunks(chunks(4, 2), dies, 1, 5))


def test_an_error_of_the_work_itself_names_its_cause() -> None:
    def fails(chunk: Chunk, report: Report) -> list[int]:
        raise KeyError("a mistake in the program")

    with pytest.raises(WorkError, match="a mistake in the program"):
        list(run_chunks(chunks(4, 2), fails, 2, 5))


def test_only_a_few_chunks_are_taken_before_results_are() -> None:
    taken = []

    def counted() -> Iterator[Chunk]:
        for chunk in chunks(1000, 1):
            taken.append(chunk)
            yield chunk

    results = run_chunks(counted(), numbers, 2, 5)
    next(results)
    assert len(taken) <= 10
    results.close()


def test_closing_the_results_ends_the_processes() -> None:
    def pid(chunk: Chunk, report: Report) -> int:
        return os.getpid()

    results = run_chunks(chunks(1000, 1), pid, 2, 5)
    first = next(results)
    assert isinstance(first, int)
    os.kill(first, 0)
    results.close()
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)


def test_the_processes_die_with_the_process_that_started_them() -> None:
    program = """
import os
from pathlib import Path
from molfleet.chemistry.pool import run_chunks
from molfleet.chemistry.records import Chunk

def work(chunk, report):
    if chunk.first_record:
        report(chunk.first_record)
        while True:
            pass
    return os.getpid()

chunks = [Chunk(Path("none"), n, n + 1, n, 1, 1) for n in range(2)]
for result in run_chunks(chunks, work, 1, 600):
    print(result, flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as job:
        assert job.stdout is not None
        child = psutil.Process(int(job.stdout.readline()))
        job.kill()
    deadline = time.monotonic() + 10
    while child.is_running() and child.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the process outlived its parent"
        time.sleep(0.01)
