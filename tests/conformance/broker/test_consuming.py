"""The consumer's half of the contract, over memory always and over Kafka in the real run."""

from __future__ import annotations

import asyncio

import pytest

from molfleet.broker.port import BrokerUnavailable, Committed, Partition
from tests.conformance.broker.rig import (
    Member,
    Rig,
    by_partition,
    member,
    new_topic,
    numbered,
    publish,
    shared_out,
)


async def test_a_group_without_a_committed_position_begins_at_the_beginning(rig: Rig) -> None:
    topic = await new_topic(rig)
    await publish(rig, *numbered(topic, 3))
    async with member(rig, topic) as one:
        assert [record.offset for record in await one.read(3)] == [0, 1, 2]


async def test_what_was_not_committed_is_delivered_again(rig: Rig) -> None:
    topic = await new_topic(rig)
    await publish(rig, *numbered(topic, 5))
    async with member(rig, topic) as one:
        await one.read(5)
        await one.consumer.commit({Partition(topic, 0): Committed(2)})
    async with member(rig, topic) as two:
        assert [record.offset for record in await two.read(3)] == [2, 3, 4]


async def test_a_poll_hands_over_at_most_what_is_asked_for(rig: Rig) -> None:
    topic = await new_topic(rig)
    await publish(rig, *numbered(topic, 5))
    async with member(rig, topic) as one:
        offsets: list[int] = []
        while len(offsets) < 5:
            records = await one.consumer.poll(0.1, max_records=2)
            assert len(records) <= 2
            offsets += [record.offset for record in records]
    assert offsets == [0, 1, 2, 3, 4]


async def test_a_poll_that_was_cancelled_loses_nothing(rig: Rig) -> None:
    topic = await new_topic(rig)
    async with member(rig, topic) as one:
        await shared_out(topic, 1, one)
        polling = asyncio.ensure_future(one.consumer.poll(30.0))
        await asyncio.sleep(0)
        polling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await polling
        await publish(rig, *numbered(topic, 3))
        assert [record.offset for record in await one.read(3)] == [0, 1, 2]


async def test_the_note_beside_a_committed_position_comes_back(rig: Rig) -> None:
    topic = await new_topic(rig, partitions=2)
    zero, one_ = Partition(topic, 0), Partition(topic, 1)
    async with member(rig, topic) as one:
        await shared_out(topic, 2, one)
        assert await one.consumer.committed([zero, one_]) == {}
        await one.consumer.commit({zero: Committed(0, "starts=1")})
        assert await one.consumer.committed([zero, one_]) == {zero: Committed(0, "starts=1")}
        await one.consumer.commit({zero: Committed(0, "starts=2"), one_: Committed(0)})
        found = await one.consumer.committed([zero, one_])
    assert found == {zero: Committed(0, "starts=2"), one_: Committed(0, "")}


async def test_a_paused_partition_is_silent_and_the_others_are_not(rig: Rig) -> None:
    topic = await new_topic(rig, partitions=2)
    async with member(rig, topic) as one:
        await shared_out(topic, 2, one)
        one.consumer.pause([Partition(topic, 0)])
        placed = await publish(rig, *numbered(topic, 20))
        others = sum(place.partition == 1 for place in placed)
        records = await one.read(others)
        assert set(by_partition(records)) == {Partition(topic, 1)}
        await one.read_nothing()
        one.consumer.resume([Partition(topic, 0)])
        rest = await one.read(20 - others)
    assert by_partition(rest) == {Partition(topic, 0): list(range(20 - others))}


async def test_a_pause_in_the_middle_of_a_batch_loses_nothing(rig: Rig) -> None:
    topic = await new_topic(rig)
    partition = Partition(topic, 0)
    await publish(rig, *numbered(topic, 10))
    async with member(rig, topic) as one:
        offsets: list[int] = []
        while not offsets:
            offsets += [record.offset for record in await one.consumer.poll(0.1, max_records=3)]
        one.consumer.pause([partition])
        await one.read_nothing()
        one.consumer.resume([partition])
        offsets += [record.offset for record in await one.read(10 - len(offsets))]
    assert offsets == list(range(10))


async def test_a_member_that_only_pauses_keeps_its_partitions_and_may_commit(rig: Rig) -> None:
    topic = await new_topic(rig)
    partition = Partition(topic, 0)
    await publish(rig, *numbered(topic, 1))
    async with member(rig, topic) as one:
        await one.read(1)
        one.consumer.pause(one.share)
        await one.read_nothing(polls=10)
        assert one.share == {partition}
        await one.consumer.commit({partition: Committed(1)})
        assert [name for name, _ in one.told] == ["assigned"]


async def test_seek_goes_back_and_forth(rig: Rig) -> None:
    topic = await new_topic(rig)
    partition = Partition(topic, 0)
    await publish(rig, *numbered(topic, 6))
    async with member(rig, topic) as one:
        await one.read(6)
        one.consumer.seek(partition, 2)
        assert [record.offset for record in await one.read(4)] == [2, 3, 4, 5]
        one.consumer.seek(partition, 5)
        assert [record.offset for record in await one.read(1)] == [5]


async def test_partitions_of_others_are_neither_paused_nor_sought_nor_an_error(rig: Rig) -> None:
    topic = await new_topic(rig)
    elsewhere = Partition("another-topic", 3)
    await publish(rig, *numbered(topic, 1))
    async with member(rig, topic) as one:
        await one.read(1)
        one.consumer.pause([elsewhere])
        one.consumer.seek(elsewhere, 7)
        one.consumer.resume([elsewhere])
        assert one.share == {Partition(topic, 0)}


async def test_lag_is_what_was_not_handed_over_yet(rig: Rig) -> None:
    topic = await new_topic(rig)
    partition = Partition(topic, 0)
    await publish(rig, *numbered(topic, 7))
    async with member(rig, topic) as one:
        await one.read(7)
        assert await one.consumer.lag() == {partition: 0}
        one.consumer.pause([partition])
        await publish(rig, *numbered(topic, 3))
        assert await one.consumer.lag() == {partition: 3}


async def test_groups_do_not_disturb_each_other(rig: Rig) -> None:
    topic = await new_topic(rig)
    await publish(rig, *numbered(topic, 3))
    async with member(rig, topic, f"a-{topic}") as one, member(rig, topic, f"b-{topic}") as two:
        await one.read(3)
        await one.consumer.commit({Partition(topic, 0): Committed(3)})
        assert [record.offset for record in await two.read(3)] == [0, 1, 2]
        assert await two.consumer.committed([Partition(topic, 0)]) == {}


async def test_a_consumer_of_a_topic_that_does_not_exist_does_not_start(rig: Rig) -> None:
    consumer = rig.broker.consumer(["no-such-topic"], "some-group", Member())
    with pytest.raises(BrokerUnavailable, match="no-such-topic"):
        await consumer.start()
    await consumer.stop()


async def test_stopping_twice_or_before_the_start_does_no_harm(rig: Rig) -> None:
    topic = await new_topic(rig)
    consumer = rig.broker.consumer([topic], f"group-of-{topic}", Member())
    await consumer.stop()
    await consumer.start()
    await consumer.stop()
    await consumer.stop()
    assert consumer.assignment() == frozenset()
