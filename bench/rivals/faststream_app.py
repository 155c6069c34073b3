"""FastStream with manual acknowledgement, our codec as its decoder and our headers.

BENCH_FASTSTREAM=each: one message at a time, as its documentation shows manual acknowledgement: answer,
publish (which awaits the brokers), acknowledge (which commits). BENCH_FASTSTREAM=batch: its batch
subscriber, all answers published together, one acknowledgement per batch.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any

from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage

from bench.meter import Meter
from bench.rivals.events import Answerer
from molfleet.broker.port import Headers
from molfleet.broker.topics import load_topics
from molfleet.messages.generated import SingleStructurePredict, SingleStructurePredicted
from molfleet.settings import load

_BATCH = 500


class Application:
    def __init__(self) -> None:
        settings = load()
        self.meter = Meter.from_environment()
        self.answerer = Answerer()
        self.broker = KafkaBroker(
            settings.kafka.bootstrap,
            acks="all",
            enable_idempotence=True,
            max_batch_size=128 << 10,
            logger=None,
        )
        topics = load_topics().with_prefix(settings.topic_prefix)
        self.source = topics.command_topic_of(SingleStructurePredict.full_name)
        self.target = topics.events_topic_of(SingleStructurePredicted.full_name)
        self.group = topics.group_of(self.source)
        self.done = 0

    async def publish(self, command: SingleStructurePredict, headers: Headers, started: float) -> None:
        key, value, own = self.answerer.event(command, headers, started)
        await self.broker.publish(
            value, self.target, key=key, headers={name: (text or b"").decode() for name, text in own}
        )

    async def acknowledge(self, message: KafkaMessage, count: int) -> None:
        await message.ack()
        self.done += count
        self.meter.committed(self.done)

    def subscribe_each(self) -> None:
        async def decode(message: KafkaMessage) -> SingleStructurePredict:
            self.meter.records_came()
            return self.answerer.command(message.body)

        @self.broker.subscriber(
            self.source,
            group_id=self.group,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            ack_policy=AckPolicy.MANUAL,
            decoder=decode,
        )
        async def handle(command: SingleStructurePredict, message: KafkaMessage) -> None:
            record: Any = message.raw_message
            await self.publish(command, record.headers, time.monotonic())
            await self.acknowledge(message, 1)

    def subscribe_batch(self) -> None:
        async def decode(message: KafkaMessage) -> list[SingleStructurePredict]:
            self.meter.records_came()
            records: Any = message.raw_message
            return [self.answerer.command(record.value) for record in records]

        @self.broker.subscriber(
            self.source,
            group_id=self.group,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            ack_policy=AckPolicy.MANUAL,
            decoder=decode,
            batch=True,
            max_records=_BATCH,
        )
        async def handle(commands: list[SingleStructurePredict], message: KafkaMessage) -> None:
            started = time.monotonic()
            records: Any = message.raw_message
            await asyncio.gather(
                *(
                    self.publish(command, record.headers, started)
                    for command, record in zip(commands, records, strict=True)
                )
            )
            await self.acknowledge(message, len(commands))


async def work() -> None:
    application = Application()
    each = os.environ.get("BENCH_FASTSTREAM", "each") == "each"
    (application.subscribe_each if each else application.subscribe_batch)()
    await application.broker.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(work())
