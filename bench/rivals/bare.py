"""The least that does the work: one process, one loop over aiokafka, in batches.

Take what is there, decode, answer, send all, await all acknowledgements, commit. No isolation of a
command that crashes, no dead letters, no rebalance handling, no retries, no metrics.
"""

from __future__ import annotations

import asyncio
import time

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from bench.meter import Meter
from bench.rivals.events import Answerer
from molfleet.broker.topics import load_topics
from molfleet.messages.generated import SingleStructurePredict, SingleStructurePredicted
from molfleet.settings import load

_BATCH = 500


async def work() -> None:
    settings, meter, answerer = load(), Meter.from_environment(), Answerer()
    topics = load_topics().with_prefix(settings.topic_prefix)
    source = topics.command_topic_of(SingleStructurePredict.full_name)
    target = topics.events_topic_of(SingleStructurePredicted.full_name)
    consumer = AIOKafkaConsumer(
        source,
        bootstrap_servers=settings.kafka.bootstrap,
        group_id=topics.group_of(source),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka.bootstrap,
        acks="all",
        enable_idempotence=True,
        max_batch_size=128 << 10,
    )
    await producer.start()
    await consumer.start()
    done = 0
    while True:
        batches = await consumer.getmany(timeout_ms=500, max_records=_BATCH)
        if not batches:
            continue
        meter.records_came()
        started = time.monotonic()
        acknowledged = []
        for records in batches.values():
            for record in records:
                command = answerer.command(record.value)
                key, value, headers = answerer.event(command, record.headers, started)
                acknowledged.append(await producer.send(target, value, key, headers=list(headers)))
        await asyncio.gather(*acknowledged)
        await consumer.commit()
        done += len(acknowledged)
        meter.committed(done)


if __name__ == "__main__":
    asyncio.run(work())
