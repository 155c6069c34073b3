"""Cancellations: what the control topic asks for, known to every worker."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from uuid import UUID

from molfleet.broker.port import Broker, BrokerDenied, Incoming, Reader
from molfleet.errors import Unavailable
from molfleet.messages.generated import CancelCommand
from molfleet.messages.record import Record
from molfleet.runtime.patience import Patience
from molfleet.telemetry.logs import get_logger

log = get_logger(__name__)

_MAX_REASON = 1_000


class Cancellations:
    """Which commands are cancelled, and since when (the broker's time, in milliseconds)."""

    def __init__(self) -> None:
        self._asked: dict[UUID, tuple[int, str]] = {}
        self._waiting: dict[UUID, set[Callable[[], None]]] = {}

    def ask(self, command_id: UUID, timestamp_ms: int, reason: str | None) -> None:
        earlier = self._asked.get(command_id)
        if earlier is None or earlier[0] <= timestamp_ms:
            self._asked[command_id] = (timestamp_ms, (reason or "")[:_MAX_REASON])
        for wake in tuple(self._waiting.get(command_id, ())):
            wake()

    def of(self, *command_ids: UUID, generation: int, delivered_ms: int) -> str | None:
        """The sentence for a command that is cancelled by any of these ids, else None.

        A cancellation may come before its target. A later generation is the operator's own wish, so
        only what was asked after it was sent cancels it.
        """
        for command_id in command_ids:
            asked = self._asked.get(command_id)
            if asked is not None and (generation == 1 or asked[0] >= delivered_ms):
                return f"The command was cancelled{': ' + asked[1] if asked[1] else '.'}"
        return None

    def watch(self, *command_ids: UUID, wake: Callable[[], None]) -> Callable[[], None]:
        """Call `wake` whenever a cancellation of these ids arrives; returns how to stop watching."""
        for command_id in command_ids:
            self._waiting.setdefault(command_id, set()).add(wake)

        def forget() -> None:
            for command_id in command_ids:
                watchers = self._waiting.get(command_id, set())
                watchers.discard(wake)
                if not watchers:
                    self._waiting.pop(command_id, None)

        return forget


class ControlReader:
    """Reads all of the control topic from the beginning; `ready` once it has caught up."""

    def __init__(
        self,
        broker: Broker,
        topic: str,
        decode: Callable[[Incoming], Awaitable[Record | None]],
        cancellations: Cancellations,
        patience: Patience,
    ) -> None:
        self._broker = broker
        self._topic = topic
        self._decode = decode
        self._cancellations = cancellations
        self._patience = patience
        self.ready = asyncio.Event()

    async def run(self) -> None:
        while True:
            reader = self._broker.reader([self._topic])
            try:
                await self._patience(reader.start)
                await self._read(reader)
            except (Unavailable, BrokerDenied) as error:
                log.warning("the control topic cannot be read", reason=str(error))
                await asyncio.sleep(1.0)
            finally:
                with suppress(Unavailable, BrokerDenied):
                    await reader.stop()

    async def _read(self, reader: Reader) -> None:
        while True:
            if not self.ready.is_set() and await reader.caught_up():
                self.ready.set()
            for record in await reader.poll(0.5):
                await self._note(record)

    async def _note(self, record: Incoming) -> None:
        command = await self._decode(record)
        if isinstance(command, CancelCommand):
            self._cancellations.ask(command.command_id, record.timestamp_ms, command.reason)
        else:
            log.warning(
                "a record of the control topic is no CancelCommand",
                partition=record.partition,
                offset=record.offset,
            )
