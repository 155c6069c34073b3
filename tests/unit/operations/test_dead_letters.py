"""Dead letters are listed whole, and sent again as they came."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal
from uuid import uuid4

import pytest

from molfleet.blobs.memory import MemoryBlobs
from molfleet.broker.memory import MemoryBroker
from molfleet.broker.port import Headers, Incoming, Outgoing, Partition, Placed
from molfleet.broker.topics import load_topics
from molfleet.ledger.receipts import Receipt
from molfleet.messages.codec import Codec
from molfleet.messages.record import Command
from molfleet.operations import dead_letters
from molfleet.operations.dead_letters import CannotResend, Found
from molfleet.operations.session import Session
from molfleet.runtime.dead_letters import dead_letter
from molfleet.settings import Settings
from tests import builders

TOPIC = "training.commands"
BURIED = "training.commands.dead-letters"


@pytest.fixture
def session() -> Session:
    broker = MemoryBroker()
    topics = load_topics()
    for topic in topics.all:
        broker.create_topic(topic.name, 2)
    return Session(Settings(), broker, MemoryBlobs(), topics, Codec())


async def bury(session: Session, value: bytes, headers: Headers = (), key: bytes = b"k") -> Placed:
    record = Incoming(TOPIC, 3, 17, key, value, headers, 1_000)
    async with session.publishing() as publish:
        return await publish(dead_letter(record, BURIED, "g", "UNDECODABLE", "it is broken"))


async def found(session: Session) -> list[Found]:
    topics = session.dead_letter_topics()
    return [one async for one in dead_letters.read_all(session.broker, topics, session.decode)]


async def resent(session: Session, one: Found) -> tuple[Incoming, int]:
    """The record that lies in the command topic after resending `one`, and its generation."""
    async with session.publishing() as publish:
        placed, generation = await dead_letters.resend(one, session.receipts, publish)
    reader = session.broker.reader([placed.topic])
    await reader.start()
    records = await reader.poll(1.0)
    await reader.stop()
    return records[-1], generation


def ended(session: Session, command: Command, generation: int, outcome: Literal["done", "failed"]) -> None:
    session.store.ensure_bucket(session.settings.state_bucket)
    session.receipts.put_if_absent(
        Receipt(command.full_name, command.id, generation, uuid4(), b"", (), outcome, datetime.now(UTC))
    )


async def test_a_fleet_without_dead_letters_lists_none(session: Session) -> None:
    assert await found(session) == []


async def test_a_list_tells_command_reason_and_place_of_each(session: Session) -> None:
    command = builders.train_model()
    await bury(session, session.codec.encode(command))
    await bury(session, b"junk", key=b"other")
    listed = await found(session)
    assert sorted(str(one.command and one.command.id) for one in listed) == sorted(
        [str(command.id), "None"]
    )
    for one in listed:
        assert one.letter.reason == "UNDECODABLE"
        place, offset = dead_letters.parse_place(one.place)
        again = await dead_letters.find(session.broker, place, offset, session.decode)
        assert again == one


async def test_where_nothing_lies_nothing_is_found(session: Session) -> None:
    assert await dead_letters.find(session.broker, Partition(BURIED, 0), 99, session.decode) is None


async def test_the_topic_of_another_kind_is_refused_with_the_known_ones(session: Session) -> None:
    assert session.dead_letter_topics(TOPIC) == [BURIED]
    with pytest.raises(ValueError, match=r"training\.commands"):
        session.dead_letter_topics("trainings")


async def test_resending_gives_back_the_bytes_the_key_and_the_headers_that_first_came(
    session: Session,
) -> None:
    headers = (("traceparent", b"t"), ("ce_id", b"1"))
    value = session.codec.encode(builders.train_model())
    await bury(session, value, headers)
    record, generation = await resent(session, (await found(session))[0])
    assert (record.topic, record.key, record.value, record.headers) == (TOPIC, b"k", value, headers)
    assert generation == 1


async def test_what_cannot_be_decoded_can_be_sent_again_all_the_same(session: Session) -> None:
    await bury(session, b"junk")
    record, _ = await resent(session, (await found(session))[0])
    assert (record.value, record.headers) == (b"junk", ())


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ((), 1),
        (("failed",), 2),
        (("failed", "failed"), 3),
        (("done",), 1),
        (("failed", "done"), 2),
    ],
)
async def test_a_recorded_failure_is_not_repeated_but_done_again_in_a_new_generation(
    session: Session, before: tuple[Literal["done", "failed"], ...], expected: int
) -> None:
    command = builders.train_model()
    for number, outcome in enumerate(before, start=1):
        ended(session, command, number, outcome)
    await bury(session, session.codec.encode(command), (("x", b"1"),))
    record, generation = await resent(session, (await found(session))[0])
    assert generation == expected
    header = (("molfleet-generation", str(expected).encode()),) if expected > 1 else ()
    assert record.headers == (("x", b"1"), *header)


async def test_a_later_generation_replaces_the_header_of_the_earlier(session: Session) -> None:
    command = builders.train_model()
    ended(session, command, 2, "failed")
    await bury(session, session.codec.encode(command), (("molfleet-generation", b"2"),))
    record, _ = await resent(session, (await found(session))[0])
    assert record.headers == (("molfleet-generation", b"3"),)


async def test_a_letter_that_does_not_say_where_it_came_from_stays(session: Session) -> None:
    async with session.publishing() as publish:
        await publish(Outgoing(BURIED, b"k", b"v"))
    with pytest.raises(CannotResend, match="nothing says"):
        await resent(session, (await found(session))[0])
