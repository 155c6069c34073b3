"""A handler's process may say anything or nothing: its command ends, and the lane goes on."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from molfleet.broker.port import Outgoing
from molfleet.errors import Code
from molfleet.messages.generated import CalculateFeatureVectors, CommandProgressed, FeatureVectorsCalculated
from molfleet.messages.record import FailureEvent
from molfleet.runtime import frames
from molfleet.runtime.worker import Worker
from tests import builders
from tests.harness import Fleet, until

pytestmark = pytest.mark.worker

TOPIC = "feature-vectors.commands"


@pytest.fixture
async def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path)


@pytest.fixture
async def worker(fleet: Fleet) -> AsyncIterator[Worker]:
    async with fleet.worker(only=[TOPIC, "training.commands"]) as running:
        yield running


def toy(do: str = "store", **options: object) -> CalculateFeatureVectors:
    return builders.calculate_feature_vectors(
        options={"do": do, **{name: str(value) for name, value in options.items()}}
    )


async def failure(fleet: Fleet, command: CalculateFeatureVectors) -> FailureEvent:
    await fleet.send(command)
    event = await fleet.outcome(command)
    assert isinstance(event, FailureEvent)
    return event


async def goes_on(fleet: Fleet) -> None:
    after = toy()
    await fleet.send(after)
    assert isinstance(await fleet.outcome(after), FeatureVectorsCalculated)


async def test_an_event_larger_than_any_reader_takes_is_a_result_too_large(
    fleet: Fleet, worker: Worker
) -> None:
    command = builders.train_model(options={"name_length": str(6 << 20)})
    await fleet.send(command)
    event = await fleet.outcome(command)
    assert isinstance(event, FailureEvent)
    assert event.code == Code.RESULT_TOO_LARGE
    assert not worker.not_ready()


@pytest.mark.parametrize("do", ["giant-emit", "many-emits"])
async def test_what_is_emitted_is_held_to_what_can_be_published_and_kept(
    fleet: Fleet, worker: Worker, do: str
) -> None:
    assert (await failure(fleet, toy(do))).code == Code.RESULT_TOO_LARGE
    assert not worker.not_ready()


async def test_a_verdict_of_any_length_and_any_text_becomes_an_event_that_can_be_published(
    fleet: Fleet, worker: Worker
) -> None:
    event = await failure(fleet, toy("loud-reject"))
    assert event.code == Code.UNREADABLE_FILE
    assert event.message.startswith("?very long")
    assert len(event.message) <= 4_000
    assert event.details["line"] == "7"
    assert len(event.details["long"]) <= 1_000
    assert not worker.not_ready()


async def test_a_handler_that_returns_no_event_is_an_internal_failure(fleet: Fleet, worker: Worker) -> None:
    event = await failure(fleet, toy("nothing"))
    assert (event.code, "NoneType" in event.message) == (Code.INTERNAL, True)
    assert not worker.not_ready()


JUNK = {
    "a length past all bounds": b"\xff" * 64,
    "frames that do not add up": struct.pack("!III", 8, 7, 7),
    "less than a count": struct.pack("!I", 2) + b"xx",
    "no JSON": frames.pack([b"emit", b"{"]),
    "no text": frames.pack([b"\xff\xff", b"{}"]),
    "one frame": frames.pack([b"emit"]),
    "an event that is none": frames.pack([b"emit", b"{}", b"junk"]),
    "an unknown code": frames.pack([b"rejected", b'{"code": "NO"}']),
    "fields missing": frames.pack([b"stored", b"{}"]),
}


@pytest.mark.parametrize("junk", JUNK.values(), ids=JUNK)
@pytest.mark.usefixtures("worker")
async def test_junk_on_the_childs_socket_is_a_crash_of_that_child_only(fleet: Fleet, junk: bytes) -> None:
    assert (await failure(fleet, toy("junk", junk=junk.hex()))).code == Code.WORKER_CRASHED
    await goes_on(fleet)


@pytest.mark.usefixtures("worker")
async def test_a_dead_child_is_seen_though_a_process_that_it_left_holds_its_socket(fleet: Fleet) -> None:
    assert (await failure(fleet, toy("orphan"))).code == Code.WORKER_CRASHED
    await goes_on(fleet)


async def test_a_flood_of_senseless_progress_is_thinned_out_and_hurts_nobody(
    fleet: Fleet, worker: Worker
) -> None:
    command = toy("flood")
    await fleet.send(command)
    assert isinstance(await fleet.outcome(command), FeatureVectorsCalculated)
    reports = [fleet.decoded(record) for record in fleet.broker.records(fleet.topics.progress)]
    assert len(reports) < 1_000
    assert all(isinstance(report, CommandProgressed) for report in reports)
    assert all(0 <= report.fraction <= 1 for report in reports if isinstance(report, CommandProgressed))
    assert not worker.not_ready()


async def test_the_largest_record_that_a_topic_takes_finds_room_in_its_dead_letters(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path)
    for topic in fleet.topics.all:
        fleet.broker.create_topic(topic.name, 1, max_message_bytes=topic.max_message_bytes)
    size = next(topic.max_message_bytes for topic in fleet.topics.all if topic.name == TOPIC) - 200
    async with fleet.worker(only=[TOPIC]):
        producer = fleet.broker.producer(max_bytes=1 << 24)
        await producer.start()
        await producer.publish([Outgoing(TOPIC, None, b"x" * size)])
        await until(lambda: len(fleet.dead_letters(TOPIC)) == 1)
        await goes_on(fleet)
