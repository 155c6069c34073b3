"""The topic of schemas: where a reader finds the schema of a fingerprint that it does not know."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

from molfleet.broker.port import Broker, Incoming, Outgoing
from molfleet.messages.codec import Codec
from molfleet.messages.published import published_schemas

log = logging.getLogger(__name__)


class SchemaDirectory:
    """Fills and reads fleet.schemas: fingerprint (hex) -> self-contained schema JSON.

    Both methods raise BrokerUnavailable.
    """

    def __init__(self, codec: Codec, broker: Broker, topic: str) -> None:
        self._codec = codec
        self._broker = broker
        self._topic = topic

    async def publish_all(self) -> None:
        """Publish those of our schemas whose fingerprints the topic lacks."""
        held: dict[bytes | None, bytes | None] = {}
        async with aclosing(self._records()) as records:
            async for record in records:
                held[record.key] = record.value
        ours = {mark.encode(): text.encode() for mark, text in published_schemas().items()}
        missing = [Outgoing(self._topic, key, value) for key, value in ours.items() if not held.get(key)]
        if missing:
            producer = self._broker.producer()
            await producer.start()
            try:
                await producer.publish(missing)
            finally:
                await producer.stop()

    async def refresh(self) -> None:
        """Read the topic anew into the codec; what is no schema is logged and passed over."""
        async with aclosing(self._records()) as records:
            async for record in records:
                self._learn(record)

    def _learn(self, record: Incoming) -> None:
        if record.value is None:
            return
        try:
            self._codec.learn(record.value.decode())
        except ValueError as error:
            log.warning("%s, offset %d holds no schema: %s", record.topic, record.offset, error)

    async def _records(self) -> AsyncGenerator[Incoming, None]:
        """All that the topic holds now."""
        reader = self._broker.reader([self._topic])
        await reader.start()
        try:
            while not await reader.caught_up():
                for record in await reader.poll(1.0):
                    yield record
        finally:
            await reader.stop()
