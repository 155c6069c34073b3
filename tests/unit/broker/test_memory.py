"""What the broker in memory has beyond the port: outages and expulsions on demand."""

from __future__ import annotations

import asyncio

import pytest

from molfleet.broker.memory import MemoryBroker
from molfleet.broker.port import BrokerUnavailable, CommitRefused, Committed, Outgoing, Partition
from tests.conformance.broker.rig import Member

ZERO = Partition("t", 0)


async def joined(broker: MemoryBroker) -> Member:
    one = Member()
    one.consumer = broker.consumer(["t"], "g", one)
    await one.consumer.start()
    while not one.share:
        await one.consumer.poll(0.01)
    return one


async def test_while_it_is_unavailable_nothing_answers_and_afterwards_everything_does() -> None:
    broker = MemoryBroker()
    producer, one = broker.producer(), await joined(broker)
    broker.unavailable = True
    for call in (
        broker.ping(),
        producer.publish([Outgoing("t", b"k", b"v")]),
        one.consumer.poll(0.01),
        one.consumer.commit({ZERO: Committed(0)}),
        one.consumer.committed([ZERO]),
        broker.reader(["t"]).start(),
    ):
        with pytest.raises(BrokerUnavailable):
            await call
    assert await one.consumer.lag() == {}
    broker.unavailable = False
    await producer.publish([Outgoing("t", b"k", b"v")])
    assert [record.value for record in await one.read(1)] == [b"v"]


async def test_a_poll_that_waits_hears_of_an_outage_at_once() -> None:
    broker = MemoryBroker()
    one = await joined(broker)
    waiting = asyncio.ensure_future(one.consumer.poll(60.0))
    await asyncio.sleep(0)
    broker.unavailable = True
    with pytest.raises(BrokerUnavailable):
        await waiting


async def test_an_expelled_member_learns_it_from_its_commit_and_joins_anew_by_polling() -> None:
    broker = MemoryBroker()
    one = await joined(broker)
    await broker.producer().publish([Outgoing("t", b"k", b"v")])
    await one.read(1)
    broker.expel(one.consumer)
    assert one.share == {ZERO}
    with pytest.raises(CommitRefused, match=r"t\[0\]"):
        await one.consumer.commit({ZERO: Committed(1)})
    assert [record.offset for record in await one.read(1)] == [0]
    assert [name for name, _ in one.told] == ["assigned", "revoked", "assigned"]


async def test_everything_published_and_committed_can_be_looked_at() -> None:
    broker = MemoryBroker(now_ms=lambda: 1_700_000_000_000)
    broker.create_topic("t", 2)
    await broker.producer().publish([Outgoing("t", b"k", b"v", (("h", b"1"),))])
    one = await joined(broker)
    await one.consumer.commit({ZERO: Committed(0, "note")})
    (record,) = broker.records("t")
    assert (record.key, record.value, record.headers) == (b"k", b"v", (("h", b"1"),))
    assert record.timestamp_ms == 1_700_000_000_000
    assert broker.committed("g") == {ZERO: Committed(0, "note")}


async def test_records_without_a_key_take_the_partitions_in_turn() -> None:
    broker = MemoryBroker(default_partitions=3)
    placed = await broker.producer().publish([Outgoing("t", None, b"v")] * 6)
    assert [place.partition for place in placed] == [0, 1, 2, 0, 1, 2]


def test_a_topic_is_created_once() -> None:
    broker = MemoryBroker()
    broker.create_topic("t")
    with pytest.raises(ValueError, match="t exists"):
        broker.create_topic("t")
