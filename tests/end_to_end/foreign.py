"""A program of somebody else: fastavro, aiokafka, and the folder of published schemas. No code of ours.

Reads one JSON document from standard input, {bootstrap, prefix, schemas, topic, command, fields} and
optionally `extra_fields` (written with a schema that has these fields more) and `announce` (put that
schema into fleet.schemas first). Publishes without headers, waits for the terminal event or the dead
letter of its record, and prints it as JSON.
"""

from __future__ import annotations

import asyncio
import importlib.util
import io
import json
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fastavro
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

MARK = b"\xc3\x01"
PATIENCE_S = 90.0


def fingerprint(schema: dict[str, Any]) -> bytes:
    """CRC-64-AVRO of the canonical form, in the order in which it stands in a value."""
    canonical = fastavro.schema.to_parsing_canonical_form(schema)
    return bytes.fromhex(fastavro.schema.fingerprint(canonical, "CRC-64-AVRO"))


def encode(schema: dict[str, Any], fields: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), fields)
    return MARK + fingerprint(schema) + out.getvalue()


def plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


class Program:
    def __init__(self, task: dict[str, Any]) -> None:
        self.task = task
        self.folder = Path(task["schemas"])
        self.index = json.loads((self.folder / "index.json").read_text("utf-8"))
        self.family = task["prefix"] + task["topic"]
        self.key = b"a key of our own"

    def schema(self, file: str) -> dict[str, Any]:
        found = json.loads((self.folder / file).read_text("utf-8"))
        assert isinstance(found, dict)
        return found

    def command(self) -> tuple[dict[str, Any], bytes]:
        """The schema that is written with, and the value."""
        schema = self.schema(f"{self.task['command']}.avsc")
        fields = {**self.task["fields"], "time_stamp": datetime.now(UTC)}
        extra = self.task.get("extra_fields", {})
        for name, value in extra.items():
            schema["fields"].append({"name": name, "type": "string", "default": ""})
            fields[name] = value
        return schema, encode(schema, fields)

    def event(self, value: bytes) -> tuple[str, dict[str, Any]]:
        assert value[:2] == MARK
        written: Any = fastavro.parse_schema(self.schema(self.index[value[2:10].hex()]))
        record = fastavro.schemaless_reader(io.BytesIO(value[10:]), written, None)
        assert isinstance(record, dict)
        return written["name"], record

    async def run(self) -> dict[str, Any]:
        schema, value = self.command()
        options = {"bootstrap_servers": self.task["bootstrap"]}
        async with (
            AIOKafkaProducer(**options, acks="all") as producer,
            AIOKafkaConsumer(
                f"{self.family}.events",
                f"{self.family}.commands.dead-letters",
                **options,
                auto_offset_reset="earliest",
            ) as consumer,
        ):
            if self.task.get("announce"):
                await producer.send_and_wait(
                    f"{self.task['prefix']}fleet.schemas",
                    json.dumps(schema).encode(),
                    fingerprint(schema).hex().encode(),
                )
            await producer.send_and_wait(f"{self.family}.commands", value, self.key)
            async with asyncio.timeout(PATIENCE_S):
                async for record in consumer:
                    if (found := self.about(record, value)) is not None:
                        return found
        raise AssertionError("the consumer ended")

    def about(self, record: Any, value: bytes) -> dict[str, Any] | None:
        """What a record says about our command, if it is the end of it."""
        dead = record.topic.endswith(".dead-letters")
        name, event = ("", {}) if dead else self.event(record.value)
        ours = record.value == value if dead else event["id"] == uuid.UUID(self.task["fields"]["id"])
        if not ours or not (dead or "elapsed_ms" in event):
            return None
        headers = {name: text.decode("utf-8", "backslashreplace") for name, text in record.headers}
        told = {"sent_as": value[2:10].hex(), "key": record.key.decode(), "headers": headers}
        mark = record.value[2:10].hex()
        return {**told, "fingerprint": mark, "dead_letter": dead, "type": name, "event": plain(event)}


def main() -> None:
    for ours in ("molfleet", "workers", "tests"):
        assert importlib.util.find_spec(ours) is None, f"{ours} can be imported here"
    print(json.dumps(asyncio.run(Program(json.load(sys.stdin)).run())))


if __name__ == "__main__":
    main()
