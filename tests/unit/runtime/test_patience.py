"""Waiting for what is away, and saying so."""

from __future__ import annotations

import asyncio

import pytest

from molfleet.blobs.port import BlobDenied, BlobsUnavailable
from molfleet.broker.port import BrokerDenied, BrokerUnavailable, MessageTooLarge
from molfleet.errors import Code, Rejected
from molfleet.ledger.encoding import UnreadableEntry
from molfleet.runtime.patience import Patience
from molfleet.runtime.waiting import Stopped, unless
from molfleet.telemetry.metrics import Metrics
from tests.harness import until


class Lane:
    """A patience with its metrics, and something that it needs."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.patience = Patience("features", 0.001, self.metrics)
        self.trouble: Exception | None = None
        self.calls = 0

    async def need(self) -> str:
        self.calls += 1
        if self.trouble is not None:
            raise self.trouble
        return "here"

    @property
    def paused(self) -> float | None:
        return self.metrics.registry.get_sample_value("molfleet_lane_paused", {"lane": "features"})


@pytest.mark.parametrize(
    "trouble",
    [
        BrokerUnavailable("no broker"),
        BrokerDenied("no entry"),
        MessageTooLarge("too large"),
        BlobsUnavailable("no store"),
        BlobDenied("state", "receipts/1", "no entry"),
        UnreadableEntry("receipts/1 is damaged"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_whatever_an_operator_can_mend_is_waited_for_and_named_meanwhile(trouble: Exception) -> None:
    lane = Lane()
    lane.trouble = trouble
    waiting = asyncio.create_task(lane.patience(lane.need))
    await until(lambda: lane.calls > 2)
    assert lane.patience.away == [f"features: {trouble}"]
    assert lane.paused == 1
    lane.trouble = None
    assert await waiting == "here"
    assert (lane.patience.away, lane.paused) == ([], 0)


async def test_a_verdict_is_not_waited_for() -> None:
    lane = Lane()
    lane.trouble = Rejected(Code.INTERNAL, "no")
    with pytest.raises(Rejected):
        await lane.patience(lane.need)
    assert lane.patience.away == []


async def test_who_stops_waiting_leaves_nothing_behind() -> None:
    lane = Lane()
    lane.trouble = BrokerUnavailable("no broker")
    waiting = asyncio.create_task(lane.patience(lane.need))
    await until(lambda: bool(lane.patience.away))
    waiting.cancel()
    await asyncio.wait({waiting})
    assert lane.patience.away == []


async def test_what_is_broken_stays_so_whatever_comes_back() -> None:
    lane = Lane()
    lane.patience.broken("t-0@7")
    assert await lane.patience(lane.need) == "here"
    assert lane.patience.away == ["features: t-0@7 cannot be finished; see the log"]
    assert lane.paused == 1


async def test_a_stop_ends_a_wait_and_an_answer_comes_before_a_stop() -> None:
    stop, ended = asyncio.Event(), asyncio.Event()

    async def never() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    waiting = asyncio.create_task(unless(stop, never()))
    await asyncio.sleep(0)
    stop.set()
    with pytest.raises(Stopped):
        await waiting
    assert ended.is_set()
    assert await unless(asyncio.Event(), Lane().need()) == "here"
