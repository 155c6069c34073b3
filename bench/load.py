"""The load generator: as many commands as are wanted in flight, or so many per second."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.ears import Ears
from bench.work import Prepared
from molfleet.broker.port import Outgoing, Producer

_CHUNK = 64
_PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Sustained:
    """`rate` in events per second; `generator` is the processor time of this process, in cores."""

    rate: float
    generator: float


@dataclass(frozen=True, slots=True)
class Load:
    """Publishes prepared commands to one topic; `ears` hear the events about them."""

    producer: Producer
    topic: str
    ears: Ears

    async def send(self, commands: Sequence[Prepared]) -> None:
        await self.producer.publish([Outgoing(self.topic, c.key, c.value, c.headers) for c in commands])

    async def sustained(
        self, commands: Sequence[Prepared], in_flight: int, warm_s: float, seconds: float
    ) -> Sustained:
        """The rate with `in_flight` commands always on their way, measured after `warm_s`.

        The commands are sent over and over: they keep no receipt, so each sending is computed.
        """
        sent, endless = 0, itertools.cycle(commands)
        start = self.ears.count
        await self._first(commands[0])
        sent += 1
        began = time.monotonic()
        mark: tuple[float, int, float] | None = None
        while (now := time.monotonic()) < began + warm_s + seconds:
            if mark is None and now >= began + warm_s:
                mark = now, self.ears.count, time.process_time()
            while sent - (self.ears.count - start) < in_flight:
                await self.send(list(itertools.islice(endless, _CHUNK)))
                sent += _CHUNK
            async with asyncio.timeout(_PATIENCE_S):
                await self.ears.more()
        assert mark is not None
        at, heard, cpu = mark
        span = now - at
        rate = Sustained((self.ears.count - heard) / span, (time.process_time() - cpu) / span)
        async with asyncio.timeout(_PATIENCE_S):
            while self.ears.count - start < sent:
                await self.ears.more()
        return rate

    async def latencies(self, commands: Sequence[Prepared], per_second: float) -> list[float]:
        """Milliseconds from the moment at which each command was due to its event being seen.

        Open loop: a command is published when it is due, whatever became of those before it, and a
        generator that is late counts against the result.
        """
        await self._first(commands[0])
        due: dict[bytes, float] = {}
        tasks = []
        began = time.monotonic() + 0.1
        for number, command in enumerate(commands[1:]):
            at = due[command.subject] = began + number / per_second
            await asyncio.sleep(max(0.0, at - time.monotonic()))
            tasks.append(asyncio.create_task(self.send([command])))
        await asyncio.gather(*tasks)
        return [(await self.ears.heard(subject) - at) * 1000 for subject, at in due.items()]

    async def _first(self, command: Prepared) -> None:
        """The first command loads the model; it is not measured."""
        await self.send([command])
        await self.ears.heard(command.subject)
