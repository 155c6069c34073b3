"""Waiting for a broker or a blob store that is away: without limit, and visibly."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from molfleet.blobs.port import BlobError
from molfleet.broker.port import BrokerDenied, MessageTooLarge
from molfleet.errors import Unavailable
from molfleet.ledger.encoding import UnreadableEntry
from molfleet.telemetry.logs import get_logger
from molfleet.telemetry.metrics import Metrics

T = TypeVar("T")
log = get_logger(__name__)

_LONGEST_PAUSE_S = 60.0
_OUTLIVED = (Unavailable, BrokerDenied, MessageTooLarge, BlobError, UnreadableEntry)


class Patience:
    """Calls something again until what it needs is there. One per lane; `away` says what is missing.

    A record that the broker finds too large, a denied request, a state bucket that is missing or damaged
    are the deployment's faults, not the command's: they wait for the operator just the same, so that
    nothing is committed past them.
    """

    def __init__(self, lane: str, first_pause_s: float, metrics: Metrics) -> None:
        self._lane = lane
        self._first_pause_s = first_pause_s
        self._metrics = metrics
        self._missing: dict[int, str] = {}
        self._calls = 0

    @property
    def away(self) -> list[str]:
        return sorted(set(self._missing.values()))

    def broken(self, what: str) -> None:
        """Something here cannot go on without an operator: never ready again, nothing more is taken."""
        self._calls += 1
        self._missing[self._calls] = f"{self._lane}: {what} cannot be finished; see the log"
        self._metrics.lane_paused(self._lane)

    async def __call__(self, call: Callable[[], Awaitable[T]]) -> T:
        self._calls += 1
        ticket, pause = self._calls, self._first_pause_s
        try:
            while True:
                try:
                    return await call()
                except _OUTLIVED as error:
                    if ticket not in self._missing:
                        log.warning("waiting for what is away", lane=self._lane, reason=str(error))
                    self._missing[ticket] = f"{self._lane}: {error}"
                    self._metrics.lane_paused(self._lane)
                await asyncio.sleep(pause * random.uniform(0.7, 1.3))  # noqa: S311
                pause = min(pause * 2, _LONGEST_PAUSE_S)
        finally:
            if self._missing.pop(ticket, None) and not self._missing:
                log.info("what was away is back", lane=self._lane)
                self._metrics.lane_resumed(self._lane)
