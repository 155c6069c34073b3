"""The producer's half of the contract, over memory always and over Kafka in the real run."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from molfleet.broker.port import BrokerUnavailable, Headers, MessageTooLarge, Outgoing, partition_of_turn
from tests.conformance.broker.conftest import MAX_REQUEST_BYTES
from tests.conformance.broker.rig import (
    Rig,
    by_partition,
    member,
    new_topic,
    numbered,
    publish,
    read_to_the_end,
    reading,
)

#: murmur2 as Kafka's own client computes it (org.apache.kafka.common.utils.UtilsTest).
MURMUR2 = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


async def test_records_of_a_partition_arrive_in_the_order_of_publication(rig: Rig) -> None:
    topic = await new_topic(rig)
    await publish(rig, *numbered(topic, 50))
    await publish(rig, *numbered(topic, 50, start=50))
    async with member(rig, topic) as one:
        records = await one.read(100)
    assert [record.value for record in records] == [f"value {n}".encode() for n in range(100)]
    assert [record.offset for record in records] == list(range(100))


@pytest.mark.parametrize(
    ("key", "value", "headers"),
    [
        (b"k", b"v", ()),
        (None, b"v", ()),
        (b"k", None, ()),
        (None, None, (("why", b"a tombstone without a key"),)),
        (b"", b"", (("empty", b""), ("null", None))),
        (bytes(range(256)), b"\xc3\x01" + bytes(300), (("h", b"\x00\xff"), ("h", b"twice"), ("ü", b"n"))),
    ],
)
async def test_key_value_and_headers_arrive_byte_for_byte(
    rig: Rig, key: bytes | None, value: bytes | None, headers: Headers
) -> None:
    topic = await new_topic(rig)
    await publish(rig, Outgoing(topic, key, value, headers))
    async with member(rig, topic) as one:
        (record,) = await one.read(1)
    assert (record.topic, record.key, record.value, record.headers) == (topic, key, value, headers)


async def test_publish_says_where_each_record_lies(rig: Rig) -> None:
    topic = await new_topic(rig, partitions=3)
    messages = numbered(topic, 30)
    placed = await publish(rig, *messages)
    async with reading(rig, topic) as reader:
        records = {(r.partition, r.offset): r.value for r in await read_to_the_end(reader)}
    assert [records[place.partition, place.offset] for place in placed] == [m.value for m in messages]
    assert {place.topic for place in placed} == {topic}


async def test_a_key_lands_in_the_partition_that_kafkas_own_client_would_choose(rig: Rig) -> None:
    topic = await new_topic(rig, partitions=7)
    placed = await publish(rig, *(Outgoing(topic, key, b"v") for key in MURMUR2))
    expected = [(value & 0x7FFFFFFF) % 7 for value in MURMUR2.values()]
    assert [place.partition for place in placed] == expected


async def test_publishing_nothing_places_nothing(rig: Rig) -> None:
    assert await publish(rig) == []


async def test_concurrent_publications_each_get_their_own_places(rig: Rig) -> None:
    topic = await new_topic(rig, partitions=2)
    producer = rig.broker.producer()
    await producer.start()
    calls = [producer.publish(numbered(topic, 20, start=20 * n)) for n in range(10)]
    placed = [place for places in await asyncio.gather(*calls) for place in places]
    await producer.stop()
    async with reading(rig, topic) as reader:
        records = await read_to_the_end(reader)
    assert len({(place.partition, place.offset) for place in placed}) == 200
    assert sorted(record.value or b"" for record in records) == sorted(
        f"value {n}".encode() for n in range(200)
    )
    assert all(offsets == sorted(offsets) for offsets in by_partition(records).values())


async def test_a_record_over_the_producers_limit_is_refused_and_not_published(rig: Rig) -> None:
    topic = await new_topic(rig)
    producer = rig.broker.producer()
    await producer.start()
    with pytest.raises(MessageTooLarge, match=topic):
        await producer.publish([Outgoing(topic, b"k", bytes(MAX_REQUEST_BYTES))])
    await producer.publish([Outgoing(topic, b"k", b"small")])
    await producer.stop()
    async with member(rig, topic) as one:
        assert [record.value for record in await one.read(1)] == [b"small"]


async def test_a_record_over_the_topics_limit_is_refused_and_the_next_one_is_taken(rig: Rig) -> None:
    topic = await new_topic(rig, max_message_bytes=10_000)
    producer = rig.broker.producer()
    await producer.start()
    with pytest.raises(MessageTooLarge, match=topic):
        await producer.publish([Outgoing(topic, b"k", bytes(20_000))])
    await producer.publish([Outgoing(topic, b"k", b"small")])
    await producer.stop()
    async with member(rig, topic) as one:
        assert [record.value for record in await one.read(1)] == [b"small"]


async def test_a_producer_made_for_larger_records_takes_them(rig: Rig) -> None:
    topic = await new_topic(rig, max_message_bytes=2 * MAX_REQUEST_BYTES)
    producer = rig.broker.producer(max_bytes=2 * MAX_REQUEST_BYTES)
    await producer.start()
    await producer.publish([Outgoing(topic, b"k", bytes(MAX_REQUEST_BYTES))])
    await producer.stop()
    async with member(rig, topic) as one:
        (record,) = await one.read(1)
    assert record.value == bytes(MAX_REQUEST_BYTES)


async def test_a_topic_that_does_not_exist_is_no_fault_of_the_record(rig: Rig) -> None:
    with pytest.raises(BrokerUnavailable, match="no-such-topic"):
        await publish(rig, Outgoing("no-such-topic", b"k", b"v"))


async def test_a_broker_that_is_there_answers(rig: Rig) -> None:
    await rig.broker.ping()


async def test_records_in_turn_go_round_the_partitions(rig: Rig) -> None:
    topic = await new_topic(rig, partitions=4)
    await publish(rig, *(Outgoing(topic, b"one key", b"%d" % n, turn=n) for n in range(8)))
    async with reading(rig, topic) as reader:
        records = await read_to_the_end(reader)
    assert sorted(map(len, by_partition(records).values())) == [2, 2, 2, 2]


@given(partitions=st.integers(1, 64), records=st.integers(0, 200))
def test_few_records_in_turn_are_fair_to_every_way_of_dealing_partitions_out(
    partitions: int, records: int
) -> None:
    places = [partition_of_turn(turn, partitions) for turn in range(records)]
    counts = Counter(dict.fromkeys(range(partitions), 0))
    counts.update(places)
    assert max(counts.values()) - min(counts.values()) <= 1
    if partitions % 4 == 0:
        lower = sum(place < partitions // 2 for place in places)
        even = sum(place % 2 == 0 for place in places)
        assert abs(records - 2 * lower) <= 2
        assert abs(records - 2 * even) <= 1
