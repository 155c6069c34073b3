"""Contestants in turns, the order turned around every other round, bounded in time, with progress."""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping

from bench.report import alternating
from bench.site import RunFailed
from molfleet.local.workers import WorkerFailed

#: What may end a measurement, and does not end the others.
FAILURES = (RunFailed, WorkerFailed, TimeoutError)

Contestant = Callable[[], Awaitable[float]]


def say(text: str) -> None:
    """Progress, apart from the table."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


async def race(
    title: str,
    contestants: Mapping[str, Contestant],
    rounds: int,
    seconds: float,
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, list[float]]:
    """What each gave in each round; one that fails drops out, and has no entry if it never ran.

    The first round is always run; another only while, as long as the one before, it would end within
    `seconds` of the beginning.
    """
    found: dict[str, list[float]] = defaultdict(list)
    fit = dict(contestants)
    began = clock()
    for number, order in enumerate(_rounds(rounds, list(contestants))):
        started = clock()
        for name in order:
            if name not in fit:
                continue
            try:
                value = await fit[name]()
            except FAILURES as error:
                say(f"{title}: {name} fails: {error or type(error).__name__}")
                del fit[name]
                continue
            found[name].append(value)
            say(f"{title}: round {number + 1}, {name}: {value:,.4g}")
        now = clock()
        if now - began + (now - started) > seconds:
            break
    return dict(found)


def _rounds(rounds: int, names: list[str]) -> list[list[str]]:
    order = list(alternating(rounds, names))
    return [order[at : at + len(names)] for at in range(0, len(order), len(names))]
