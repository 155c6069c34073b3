"""Hears events as a subscriber does: when an event about each command was first seen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from molfleet.broker.port import Broker, Reader


@dataclass
class Ears:
    """`seen`: ce_subject -> monotonic time; `count`: events in all. Nothing is decoded."""

    reader: Reader
    seen: dict[bytes, float] = field(default_factory=dict)
    count: int = 0
    _came: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self) -> None:
        while True:
            records = await self.reader.poll(0.2)
            now = time.monotonic()
            for record in records:
                self.seen.setdefault(dict(record.headers)["ce_subject"] or b"", now)
            self.count += len(records)
            self._came.set()

    async def more(self) -> None:
        """Returns when something may have come."""
        self._came.clear()
        await self._came.wait()

    async def heard(self, subject: bytes, timeout_s: float = 60.0) -> float:
        """When the event about a command was seen. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while subject not in self.seen:
                await self.more()
        return self.seen[subject]


@asynccontextmanager
async def listening(broker: Broker, topic: str) -> AsyncIterator[Ears]:
    """Ears on what comes to a topic from now on."""
    reader = broker.reader([topic], from_beginning=False)
    await reader.start()
    ears = Ears(reader)
    task = asyncio.create_task(ears.listen())
    try:
        yield ears
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await reader.stop()
