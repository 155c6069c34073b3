"""What a consumer and a reader share: records as the port has them, topics that must exist."""

from __future__ import annotations

from collections.abc import Collection

from aiokafka import AIOKafkaConsumer, ConsumerRecord, errors

from molfleet.broker.port import Incoming


def incoming(record: ConsumerRecord) -> Incoming:
    return Incoming(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=record.key,
        value=record.value,
        headers=tuple(record.headers),
        timestamp_ms=record.timestamp,
    )


async def require(client: AIOKafkaConsumer, topics: Collection[str]) -> None:
    """Raises UnknownTopicOrPartitionError where one does not exist: it would be waited for silently."""
    known = await client.topics()
    if missing := sorted(set(topics) - known):
        raise errors.UnknownTopicOrPartitionError(", ".join(missing))
