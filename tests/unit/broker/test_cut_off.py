"""aiokafka cancels what waits on a client that is closed; only a task's own cancellation is a stop."""

from __future__ import annotations

import asyncio

import pytest

from molfleet.broker.kafka_connection import closed_quietly, translated
from molfleet.broker.port import BrokerUnavailable


async def _wait_for(future: asyncio.Future[None]) -> None:
    with translated("reading topic t"):
        await future


async def test_what_is_cancelled_under_a_waiting_task_is_a_broker_away() -> None:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    waiting = asyncio.create_task(_wait_for(future))
    await asyncio.sleep(0)
    future.cancel()
    with pytest.raises(BrokerUnavailable, match="reading topic t: cut off"):
        await waiting


async def test_a_task_that_is_cancelled_itself_is_cancelled() -> None:
    waiting = asyncio.create_task(_wait_for(asyncio.get_running_loop().create_future()))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_a_time_limit_around_it_is_a_time_limit() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await _wait_for(asyncio.get_running_loop().create_future())


async def test_closing_what_is_cut_off_is_quiet() -> None:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    future.cancel()
    await closed_quietly(future, 1.0)
