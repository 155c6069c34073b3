"""Real brokers that are killed, stopped and frozen, and what the Kafka adapter makes of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from molfleet.broker import kafka_consumer, kafka_reader
from molfleet.broker.kafka import KafkaBroker
from molfleet.broker.kafka_admin import KafkaAdmin
from molfleet.broker.kafka_producer import KafkaProducer
from molfleet.broker.port import BrokerUnavailable, CommitRefused, Committed, Outgoing, Partition, Placed
from molfleet.local.broker import LocalBroker
from molfleet.settings import KafkaSettings
from tests.conformance.broker.conftest import KafkaRig
from tests.conformance.broker.rig import (
    PATIENCE_S,
    Member,
    member,
    new_topic,
    numbered,
    publish,
    read_to_the_end,
    read_until,
    reading,
    shared_out,
)

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def three_nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalBroker]:
    with LocalBroker(tmp_path_factory.mktemp("three"), nodes=3) as broker:
        yield broker


@pytest.fixture(scope="module")
def one_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalBroker]:
    with LocalBroker(tmp_path_factory.mktemp("one")) as broker:
        yield broker


@pytest.fixture
def soon_suspicious(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask after half a second of silence, and not after ten, whether a broker is there."""
    monkeypatch.setattr(kafka_consumer, "PROOF_OF_LIFE_S", 0.5)
    monkeypatch.setattr(kafka_reader, "PROOF_OF_LIFE_S", 0.5)


def rig_of(broker: LocalBroker) -> KafkaRig:
    rig = KafkaRig(broker.bootstrap)
    rig.settings = rig.settings.model_copy(update={"request_timeout_ms": 2_000})
    rig.kafka = KafkaBroker(rig.settings, "faults")
    return rig


@asynccontextmanager
async def producing(rig: KafkaRig) -> AsyncIterator[KafkaProducer]:
    producer = rig.kafka.producer()
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def published_at_last(producer: KafkaProducer, *messages: Outgoing) -> list[Placed]:
    """As a caller does it: an outage is waited out, and the same producer asked again."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                return await producer.publish(messages)
            except BrokerUnavailable:
                await asyncio.sleep(0.1)


async def publish_for_ever(producer: KafkaProducer, message: Outgoing) -> None:
    """The brokers may take some before they notice that a replica is gone."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            await producer.publish([message])


async def read_and_commit_at_last(one: Member, placed: Placed) -> None:
    """Until the record has been read and its position committed; a lost membership is won back."""
    partition = Partition(placed.topic, placed.partition)
    read = False
    async with asyncio.timeout(2 * PATIENCE_S):
        while True:
            try:
                records = await one.consumer.poll(0.1)
                read = read or placed.offset in {record.offset for record in records}
                if read:
                    return await one.consumer.commit({partition: Committed(placed.offset + 1)})
            except BrokerUnavailable:
                await asyncio.sleep(0.1)
            except CommitRefused:
                read = False


async def test_with_one_of_three_nodes_killed_everything_goes_on(three_nodes: LocalBroker) -> None:
    rig = rig_of(three_nodes)
    async with KafkaAdmin(rig.settings) as admin:
        await admin.create("kept", partitions=3, replication=3, config={"min.insync.replicas": "2"})
        await admin.wait_for({"kept": 3})
    async with producing(rig) as producer, member(rig, "kept") as one:
        await producer.publish(numbered("kept", 30))
        assert len(await one.read(30)) == 30
        three_nodes.kill(2)
        try:
            await published_at_last(producer, *numbered("kept", 30, start=30))
            values: set[bytes | None] = set()
            while len(values) < 30:
                values |= {record.value for record in await one.consumer.poll(0.1)}
            assert values == {f"value {n}".encode() for n in range(30, 60)}
        finally:
            three_nodes.start_node(2)


async def test_too_few_replicas_are_an_outage_that_ends_when_they_are_back(
    three_nodes: LocalBroker,
) -> None:
    rig = rig_of(three_nodes)
    async with KafkaAdmin(rig.settings) as admin:
        await admin.create("strict", partitions=1, replication=3, config={"min.insync.replicas": "3"})
        await admin.wait_for({"strict": 1})
    async with producing(rig) as producer:
        await published_at_last(producer, Outgoing("strict", b"k", b"before"))
        three_nodes.kill(3)
        try:
            with pytest.raises(BrokerUnavailable):
                await publish_for_ever(producer, Outgoing("strict", b"k", b"meanwhile"))
        finally:
            three_nodes.start_node(3)
        await published_at_last(producer, Outgoing("strict", b"k", b"after"))
    async with reading(rig, "strict") as reader:
        values = [record.value for record in await read_to_the_end(reader)]
    assert (values[0], values[-1]) == (b"before", b"after")


@pytest.mark.parametrize("frozen", [False, True], ids=["stopped", "frozen"])
async def test_an_outage_is_told_by_every_call_and_survived_by_every_client(
    one_node: LocalBroker, soon_suspicious: None, frozen: bool
) -> None:
    rig = rig_of(one_node)
    topic = await new_topic(rig)
    partition = Partition(topic, 0)
    async with producing(rig) as producer, member(rig, topic) as one, reading(rig, topic) as reader:
        await producer.publish(numbered(topic, 2))
        await one.read(2)
        if frozen:
            one_node.pause()
        else:
            one_node.stop_node(1)
        try:
            with pytest.raises(BrokerUnavailable):
                await rig.kafka.ping()
            with pytest.raises(BrokerUnavailable, match=topic):
                await producer.publish(numbered(topic, 1, start=2))
            with pytest.raises(BrokerUnavailable):
                await one.consumer.commit({partition: Committed(1)})
            with pytest.raises(BrokerUnavailable):
                await one.consumer.committed([partition])
            with pytest.raises(BrokerUnavailable):
                await one.read(1)
            with pytest.raises(BrokerUnavailable):
                await read_until(reader, lambda found: len(found) > 2)
            with pytest.raises(BrokerUnavailable):
                await rig.kafka.producer().start()
            assert await one.consumer.lag() == {}
        finally:
            if frozen:
                one_node.resume()
            else:
                one_node.start_node(1)
        (placed,) = await published_at_last(producer, *numbered(topic, 1, start=9))
        await read_and_commit_at_last(one, placed)
        await read_until(reader, lambda found: any(record.value == b"value 9" for record in found))


async def test_a_producer_whose_sequence_is_out_of_order_is_replaced_and_the_batch_sent_again(
    one_node: LocalBroker,
) -> None:
    rig = rig_of(one_node)
    topic = await new_topic(rig)
    async with producing(rig) as producer:
        await producer.publish(numbered(topic, 3))
        spoilt = producer._client
        assert spoilt is not None
        spoilt._txn_manager.increment_sequence_number(TopicPartition(topic, 0), 7)
        placed = await producer.publish(numbered(topic, 3, start=3))
        assert [place.offset for place in placed] == [3, 4, 5]
        assert producer._client is not spoilt
    async with reading(rig, topic) as reader:
        values = [record.value for record in await read_to_the_end(reader)]
    assert values == [f"value {n}".encode() for n in range(6)]


async def test_concurrent_publications_survive_the_replacement_of_their_producer(
    one_node: LocalBroker,
) -> None:
    rig = rig_of(one_node)
    topic = await new_topic(rig)
    async with producing(rig) as producer:
        await producer.publish(numbered(topic, 1))
        assert producer._client is not None
        producer._client._txn_manager.increment_sequence_number(TopicPartition(topic, 0), 7)
        calls = [producer.publish(numbered(topic, 5, start=5 * n)) for n in range(1, 9)]
        await asyncio.gather(*calls)
    async with reading(rig, topic) as reader:
        values = {record.value for record in await read_to_the_end(reader)}
    assert values >= {f"value {n}".encode() for n in range(5, 45)}


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_records_of_any_compression_are_read(one_node: LocalBroker, codec: str) -> None:
    rig = rig_of(one_node)
    topic = await new_topic(rig)
    async with AIOKafkaProducer(bootstrap_servers=one_node.bootstrap, compression_type=codec) as foreign:
        await foreign.send_and_wait(topic, bytes(5_000), key=b"k", headers=[("h", b"\x00")])
    async with reading(rig, topic) as reader:
        (record,) = await read_to_the_end(reader)
    assert (record.key, record.value, record.headers) == (b"k", bytes(5_000), (("h", b"\x00"),))


async def test_a_reader_neither_repeats_nor_misses_when_partitions_are_added(
    one_node: LocalBroker,
) -> None:
    rig = rig_of(one_node)
    topic = await new_topic(rig)
    await publish(rig, *numbered(topic, 5))
    async with reading(rig, topic, from_beginning=False) as reader:
        async with KafkaAdmin(rig.settings) as admin:
            await admin.add_partitions(topic, 4)
            await admin.wait_for({topic: 4})
        await publish(rig, *numbered(topic, 20, start=5))
        assert isinstance(reader, kafka_reader.KafkaReader)
        assert reader._client is not None
        await reader._client._client.force_metadata_update()
        records = await read_until(reader, lambda found: len(found) >= 20)
        records += await reader.poll(0.5)
    assert sorted(record.value or b"" for record in records) == sorted(
        f"value {n}".encode() for n in range(5, 25)
    )
    assert {record.partition for record in records} == {0, 1, 2, 3}


async def test_a_member_that_does_not_poll_in_time_leaves_and_joins_again_when_it_does(
    one_node: LocalBroker,
) -> None:
    rig = rig_of(one_node)
    rig.kafka = KafkaBroker(rig.settings.model_copy(update={"max_poll_interval_ms": 5_000}), "slow")
    topic = await new_topic(rig, partitions=2)
    async with member(rig, topic) as slow, member(rig, topic) as keen:
        await shared_out(topic, 2, slow, keen)
        async with asyncio.timeout(PATIENCE_S):
            while len(keen.share) < 2:
                await keen.consumer.poll(0.1)
        await shared_out(topic, 2, slow, keen)


async def test_an_unreachable_broker_is_told_within_the_bound_and_may_be_tried_again(
    one_node: LocalBroker,
) -> None:
    settings = KafkaSettings(bootstrap="127.0.0.1:1", request_timeout_ms=1_000)
    nowhere = KafkaBroker(settings, "nobody")
    consumer = nowhere.consumer(["t"], "g", Member())
    for _ in range(2):
        with pytest.raises(BrokerUnavailable):
            await consumer.start()
    with pytest.raises(BrokerUnavailable):
        await consumer.poll(0.1)
    with pytest.raises(BrokerUnavailable):
        await nowhere.reader(["t"]).start()
    with pytest.raises(BrokerUnavailable):
        await nowhere.producer().publish([Outgoing("t", b"k", b"v")])
