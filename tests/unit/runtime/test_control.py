"""Cancellations, and the reader that learns of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest

from molfleet.broker.memory import MemoryBroker
from molfleet.broker.port import Outgoing
from molfleet.messages.codec import Codec
from molfleet.messages.directory import SchemaDirectory
from molfleet.runtime.control import Cancellations, ControlReader
from molfleet.runtime.intake import Intake
from molfleet.runtime.patience import Patience
from molfleet.telemetry.metrics import Metrics
from tests import builders
from tests.harness import until

CONTROL = "fleet.control"


def why(cancellations: Cancellations, command_id: UUID, generation: int = 1, at: int = 0) -> str | None:
    return cancellations.of(command_id, generation=generation, delivered_ms=at)


class TestCancellations:
    def test_what_nobody_cancelled_is_not_cancelled(self) -> None:
        assert why(Cancellations(), uuid4()) is None

    def test_a_cancellation_may_come_first_and_says_its_reason(self) -> None:
        found, one = Cancellations(), uuid4()
        found.ask(one, 5, "too dear")
        assert why(found, one, at=9) == "The command was cancelled: too dear"

    def test_a_later_generation_is_cancelled_only_by_what_was_asked_after_it(self) -> None:
        found, one = Cancellations(), uuid4()
        found.ask(one, 5, None)
        assert why(found, one, generation=2, at=6) is None
        found.ask(one, 7, None)
        assert why(found, one, generation=2, at=6) is not None

    def test_reading_an_older_one_again_does_not_hide_the_newer(self) -> None:
        found, one = Cancellations(), uuid4()
        found.ask(one, 7, "newer")
        found.ask(one, 5, "older")
        assert "newer" in (why(found, one, generation=2, at=6) or "")

    def test_a_reason_without_end_is_cut(self) -> None:
        found, one = Cancellations(), uuid4()
        found.ask(one, 1, "x" * 1_000_000)
        assert len(why(found, one) or "") < 2_000

    def test_watchers_hear_of_their_own_command_until_they_forget(self) -> None:
        found, one, heard = Cancellations(), uuid4(), list[int]()
        forget = found.watch(one, wake=lambda: heard.append(1))
        found.watch(one, wake=lambda: heard.append(2))
        found.ask(uuid4(), 1, None)
        assert heard == []
        forget()
        forget()
        found.ask(one, 1, None)
        assert heard == [2]


@pytest.fixture
async def broker() -> MemoryBroker:
    return MemoryBroker()


@pytest.fixture
async def cancellations(broker: MemoryBroker) -> AsyncIterator[Cancellations]:
    codec = Codec()
    intake = Intake(codec, SchemaDirectory(codec, broker, "fleet.schemas"), {})
    found = Cancellations()
    reader = ControlReader(broker, CONTROL, intake.decode, found, Patience("w", 0.01, Metrics()))
    running = asyncio.create_task(reader.run())
    await until(reader.ready.is_set)
    yield found
    running.cancel()
    await asyncio.wait({running})


async def send(broker: MemoryBroker, *values: bytes | None) -> None:
    producer = broker.producer()
    await producer.start()
    await producer.publish([Outgoing(CONTROL, None, value) for value in values])


async def test_what_is_no_cancellation_is_passed_over(
    broker: MemoryBroker, cancellations: Cancellations
) -> None:
    command = builders.cancel_command()
    whole = Codec().encode(command)
    await send(broker, None, b"", b"junk", whole[:-2], b"\xc3\x01unknown!", whole + b"x")
    await send(broker, Codec().encode(builders.calculate_feature_vectors()), whole)
    await until(lambda: why(cancellations, command.command_id) is not None)


@pytest.mark.slow
async def test_an_outage_is_outlived_and_nothing_is_missed(
    broker: MemoryBroker, cancellations: Cancellations
) -> None:
    before, after = builders.cancel_command(), builders.cancel_command()
    await send(broker, Codec().encode(before))
    await until(lambda: why(cancellations, before.command_id) is not None)
    broker.unavailable = True
    await asyncio.sleep(0)
    broker.unavailable = False
    await send(broker, Codec().encode(after))
    await until(lambda: why(cancellations, after.command_id) is not None)
