"""The reader's half of the contract, over memory always and over Kafka in the real run."""

from __future__ import annotations

import pytest

from molfleet.broker.port import BrokerUnavailable
from tests.conformance.broker.rig import (
    Rig,
    member,
    new_topic,
    numbered,
    publish,
    read_to_the_end,
    read_until,
    reading,
)


async def test_a_reader_hands_over_all_that_was_there_and_then_has_caught_up(rig: Rig) -> None:
    topic = await new_topic(rig, partitions=3)
    await publish(rig, *numbered(topic, 40))
    async with reading(rig, topic) as reader:
        assert not await reader.caught_up()
        records = await read_to_the_end(reader)
    assert sorted(record.value or b"" for record in records) == sorted(
        f"value {n}".encode() for n in range(40)
    )


async def test_an_empty_topic_is_caught_up_with_at_once(rig: Rig) -> None:
    async with reading(rig, await new_topic(rig)) as reader:
        assert await reader.caught_up()


async def test_a_reader_goes_on_with_what_comes_later(rig: Rig) -> None:
    topic = await new_topic(rig)
    await publish(rig, *numbered(topic, 2))
    async with reading(rig, topic) as reader:
        await read_to_the_end(reader)
        await publish(rig, *numbered(topic, 2, start=2))
        records = await read_until(reader, lambda found: len(found) == 2)
        assert await reader.caught_up()
    assert [record.value for record in records] == [b"value 2", b"value 3"]


async def test_a_reader_from_the_end_sees_only_what_comes_after_its_start(rig: Rig) -> None:
    topic = await new_topic(rig, partitions=2)
    await publish(rig, *numbered(topic, 10))
    async with reading(rig, topic, from_beginning=False) as reader:
        assert await reader.caught_up()
        await publish(rig, *numbered(topic, 5, start=10))
        records = await read_until(reader, lambda found: len(found) >= 5)
        records += await reader.poll(0.2)
    assert sorted(record.value or b"" for record in records) == [
        f"value {n}".encode() for n in range(10, 15)
    ]


async def test_a_reader_reads_several_topics(rig: Rig) -> None:
    one, two = await new_topic(rig), await new_topic(rig)
    await publish(rig, *numbered(one, 3), *numbered(two, 2))
    async with reading(rig, one, two) as reader:
        records = await read_to_the_end(reader)
    assert sorted(record.topic for record in records) == sorted([one] * 3 + [two] * 2)


async def test_a_reader_takes_nothing_from_a_group(rig: Rig) -> None:
    topic = await new_topic(rig)
    await publish(rig, *numbered(topic, 3))
    async with member(rig, topic) as one, reading(rig, topic) as reader:
        assert len(await read_to_the_end(reader)) == 3
        assert len(await one.read(3)) == 3


async def test_two_readers_each_read_everything(rig: Rig) -> None:
    topic = await new_topic(rig)
    await publish(rig, *numbered(topic, 3))
    async with reading(rig, topic) as one, reading(rig, topic) as two:
        assert len(await read_to_the_end(one)) == len(await read_to_the_end(two)) == 3


async def test_a_poll_of_a_reader_hands_over_at_most_what_is_asked_for(rig: Rig) -> None:
    topic = await new_topic(rig)
    await publish(rig, *numbered(topic, 5))
    async with reading(rig, topic) as reader:
        offsets: list[int] = []
        while len(offsets) < 5:
            records = await reader.poll(0.1, max_records=2)
            assert len(records) <= 2
            offsets += [record.offset for record in records]
    assert offsets == [0, 1, 2, 3, 4]


async def test_a_reader_of_a_topic_that_does_not_exist_does_not_start(rig: Rig) -> None:
    reader = rig.broker.reader(["no-such-topic"])
    with pytest.raises(BrokerUnavailable, match="no-such-topic"):
        await reader.start()
    await reader.stop()
