"""What members of a group hear and keep when others come and go, over memory and over Kafka."""

from __future__ import annotations

import asyncio

import pytest

from molfleet.broker.port import CommitRefused, Committed, Partition
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


async def test_a_second_member_takes_its_share_and_gives_it_back(rig: Rig) -> None:
    topic = await new_topic(rig, partitions=4)
    everything = frozenset(Partition(topic, n) for n in range(4))
    async with member(rig, topic) as one:
        await shared_out(topic, 4, one)
        async with member(rig, topic) as two:
            await shared_out(topic, 4, one, two)
            assert one.share.isdisjoint(two.share)
            assert one.told[-2:] == [("revoked", everything), ("assigned", one.share)]
            assert ("assigned", two.share) in two.told
        await shared_out(topic, 4, one)
    assert one.told[-1] == ("assigned", everything)


async def test_a_member_without_partitions_hears_so(rig: Rig) -> None:
    topic = await new_topic(rig)
    async with member(rig, topic) as one, member(rig, topic) as two:
        told: list[Member] = [one, two]
        while not all(each.told and each.told[-1][0] == "assigned" for each in told):
            for each in told:
                await each.consumer.poll(0.05)
        while len(one.share) + len(two.share) != 1:
            for each in told:
                await each.consumer.poll(0.05)
        idle = one if not one.share else two
        assert idle.told[-1] == ("assigned", frozenset())


async def test_a_partition_that_was_lost_can_no_longer_be_committed(rig: Rig) -> None:
    topic = await new_topic(rig, partitions=2)
    await publish(rig, *numbered(topic, 10))
    async with member(rig, topic) as one:
        await shared_out(topic, 2, one)
        async with member(rig, topic) as two:
            await shared_out(topic, 2, one, two)
            (lost,), (kept,) = two.share, one.share
            with pytest.raises(CommitRefused):
                await one.consumer.commit({lost: Committed(1)})
            await one.consumer.commit({kept: Committed(1)})
            assert await two.consumer.committed([lost, kept]) == {kept: Committed(1)}


async def test_a_commit_while_partitions_are_being_revoked_counts(rig: Rig) -> None:
    topic = await new_topic(rig, partitions=2)
    await publish(rig, *numbered(topic, 10))
    async with member(rig, topic) as one:
        await shared_out(topic, 2, one)

        async def commit(partitions: frozenset[Partition]) -> None:
            await one.consumer.commit({each: Committed(1, "in time") for each in partitions})

        one.during["revoked"] = commit
        async with member(rig, topic) as two:
            await shared_out(topic, 2, one, two)
            one.during.clear()
            found = await two.consumer.committed([Partition(topic, 0), Partition(topic, 1)])
    assert found == {Partition(topic, n): Committed(1, "in time") for n in range(2)}


async def test_after_a_rebalance_nothing_is_paused_and_reading_goes_on_at_the_commit(rig: Rig) -> None:
    topic = await new_topic(rig)
    partition = Partition(topic, 0)
    await publish(rig, *numbered(topic, 4))
    async with member(rig, topic) as one:
        await one.read(4)
        await one.consumer.commit({partition: Committed(1)})
        one.consumer.pause([partition])
        before = len(one.told)
        async with member(rig, topic) as two:
            records = []
            while len(one.told) < before + 2:
                records += await one.consumer.poll(0.1)
                records += await two.consumer.poll(0.1)
            owner = one if one.share else two
            while len(records) < 3:
                records += await owner.consumer.poll(0.1)
    assert [record.offset for record in records] == [1, 2, 3]


async def test_what_is_paused_and_sought_within_the_callback_holds(rig: Rig) -> None:
    topic = await new_topic(rig, partitions=2)
    zero, one_ = Partition(topic, 0), Partition(topic, 1)
    placed = await publish(rig, *numbered(topic, 20))
    count = sum(place.partition == 1 for place in placed)
    async with member(rig, topic) as one:

        async def hold(partitions: frozenset[Partition]) -> None:
            one.consumer.pause([zero])
            one.consumer.seek(one_, 2)

        one.during["assigned"] = hold
        records = await one.read(count - 2)
        await one.read_nothing()
    assert by_partition(records) == {one_: list(range(2, count))}


async def test_no_record_is_handed_over_before_its_listener_has_returned(rig: Rig) -> None:
    topic = await new_topic(rig)
    await publish(rig, *numbered(topic, 3))
    entered, leave = asyncio.Event(), asyncio.Event()
    async with member(rig, topic) as one:

        async def take_time(partitions: frozenset[Partition]) -> None:
            entered.set()
            await leave.wait()

        one.during["assigned"] = take_time
        while not entered.is_set():
            assert await one.consumer.poll(0.05) == []
        await one.read_nothing(polls=10)
        leave.set()
        assert [record.offset for record in await one.read(3)] == [0, 1, 2]


async def test_what_a_listener_raises_comes_out_of_a_poll(rig: Rig) -> None:
    topic = await new_topic(rig)
    async with member(rig, topic) as one:

        async def fail(partitions: frozenset[Partition]) -> None:
            raise RuntimeError("the listener is broken")

        one.during["assigned"] = fail
        with pytest.raises(RuntimeError, match="the listener is broken"):
            await one.read(1)
