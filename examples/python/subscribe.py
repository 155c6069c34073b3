"""Print every event of the fleet, whatever schema it was written with. Needs fastavro and aiokafka.

The schemas come from the topic fleet.schemas: fingerprint (hex) -> schema (JSON). So this program
understands events of releases that are newer than itself.

python examples/python/subscribe.py
"""

from __future__ import annotations

import asyncio
import io
import json
import os
from typing import Any

import fastavro
from aiokafka import AIOKafkaConsumer

PREFIX = os.environ.get("MOLFLEET_TOPIC_PREFIX", "")
SCHEMAS_TOPIC = f"{PREFIX}fleet.schemas"
EVENT_TOPICS = [
    f"{PREFIX}{family}.events"
    for family in ("feature-vectors", "training", "predictions.batch", "predictions.single")
]

Schemas = dict[bytes, Any]


def learn(schemas: Schemas, key: bytes, value: bytes) -> None:
    """Remember one record of fleet.schemas."""
    schemas[bytes.fromhex(key.decode())] = fastavro.parse_schema(json.loads(value))


def decode(schemas: Schemas, value: bytes) -> tuple[str, dict[str, Any]] | None:
    """The full name and the fields of an event; None as long as its schema is not known."""
    written = schemas.get(value[2:10])
    if value[:2] != b"\xc3\x01" or written is None:
        return None
    record = fastavro.schemaless_reader(io.BytesIO(value[10:]), written, None)
    assert isinstance(record, dict)
    return written["name"], record


async def main() -> None:
    bootstrap = os.environ.get("MOLFLEET_KAFKA_BOOTSTRAP", "127.0.0.1:9092")
    options = {"bootstrap_servers": bootstrap, "auto_offset_reset": "earliest"}
    async with (
        AIOKafkaConsumer(SCHEMAS_TOPIC, **options) as dictionary,
        AIOKafkaConsumer(*EVENT_TOPICS, **options) as events,
    ):
        schemas: Schemas = {}
        waiting: list[bytes] = []
        while True:
            for batch in (await dictionary.getmany(timeout_ms=100)).values():
                for record in batch:
                    learn(schemas, record.key, record.value)
            for batch in (await events.getmany(timeout_ms=100)).values():
                waiting += [record.value for record in batch]
            decoded = [(value, decode(schemas, value)) for value in waiting]
            waiting = [value for value, event in decoded if event is None]
            for event in (event for _, event in decoded if event is not None):
                print(*event)


if __name__ == "__main__":
    asyncio.run(main())
