"""Send one command to the fleet and print how it ends. Needs fastavro and aiokafka, nothing of molfleet.

python examples/python/publish_and_wait.py CalculateFeatureVectors '{
    "source": {"bucket": "inputs", "key": "molecules.sdf"},
    "featurizers": [{"type": "ECFP", "size": 2048, "radius": 2}]}'
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fastavro
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

PUBLISHED = Path(__file__).resolve().parents[2] / "schemas" / "published"
INDEX: dict[str, str] = json.loads((PUBLISHED / "index.json").read_text("utf-8"))

#: Where each command goes; its events come from the topic of the same family.
FAMILIES = {
    "CalculateFeatureVectors": "feature-vectors",
    "TrainModel": "training",
    "PredictProperties": "predictions.batch",
    "SingleStructurePredict": "predictions.single",
}


def schema(file: str) -> Any:
    return fastavro.parse_schema(json.loads((PUBLISHED / file).read_text("utf-8")))


def encode(name: str, fields: dict[str, Any]) -> bytes:
    """Avro single-object encoding: C3 01, the fingerprint of the schema, the record."""
    file = f"{name}.avsc"
    fingerprint = next(known for known, held in INDEX.items() if held == file)
    out = io.BytesIO(b"\xc3\x01" + bytes.fromhex(fingerprint))
    out.seek(10)
    fastavro.schemaless_writer(out, schema(file), fields)
    return out.getvalue()


def decode(value: bytes) -> tuple[str, dict[str, Any]]:
    """The name of the record, and its fields."""
    written = schema(INDEX[value[2:10].hex()])
    record = fastavro.schemaless_reader(io.BytesIO(value[10:]), written, None)
    assert isinstance(record, dict)
    return str(written["name"]).rpartition(".")[2], record


async def run(name: str, fields: dict[str, Any]) -> int:
    bootstrap = os.environ.get("MOLFLEET_KAFKA_BOOTSTRAP", "127.0.0.1:9092")
    family = os.environ.get("MOLFLEET_TOPIC_PREFIX", "") + FAMILIES[name]
    command_id = uuid.uuid4()
    command = {
        "id": command_id,
        "correlation_id": uuid.uuid4(),
        "time_stamp": datetime.now(UTC),
        **fields,
    }
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    consumer = AIOKafkaConsumer(f"{family}.events", bootstrap_servers=bootstrap)
    async with producer, consumer:
        # Listen first: the answer to a small command may come before the publication is acknowledged.
        await consumer.seek_to_end()
        for partition in consumer.assignment():
            await consumer.position(partition)
        key = str(command_id).encode()
        await producer.send_and_wait(f"{family}.commands", encode(name, command), key)
        async for record in consumer:
            kind, event = decode(record.value)
            if event["id"] == command_id:
                print(kind, json.dumps(event, default=str, indent=2))
                if "elapsed_ms" in event:  # only terminal events say how long the command took
                    return 1 if kind.endswith("Failed") else 0
    return 1


if __name__ == "__main__":
    sys.exit(asyncio.run(run(sys.argv[1], json.loads(sys.argv[2]))))
