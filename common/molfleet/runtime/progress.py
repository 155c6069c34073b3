"""Progress of a heavy command as events on a topic of its own. They may be lost; nothing waits for them."""

from __future__ import annotations

import asyncio
from typing import Any

from molfleet.broker.port import BrokerDenied, MessageTooLarge, Outgoing
from molfleet.errors import Unavailable
from molfleet.messages.generated import CommandProgressed
from molfleet.messages.record import Part
from molfleet.runtime.intake import Taken
from molfleet.runtime.services import Services
from molfleet.telemetry.logs import get_logger

log = get_logger(__name__)

_PAUSE_S = 0.25


class ProgressFeed:
    """Publishes the latest report at most four times a second; what comes faster is passed over.

    A part of a command has none: its whole tells how far all of them are.
    """

    def __init__(self, services: Services, taken: Taken) -> None:
        self._services = services
        self._taken = taken
        self.attempt = 0
        self._ordinal = 0
        self._latest: dict[str, Any] | None = None
        self._sender: asyncio.Task[None] | None = None

    def report(self, fields: dict[str, Any]) -> None:
        if isinstance(self._taken.identity, Part):
            return
        self._latest = fields
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send())

    def close(self) -> None:
        if self._sender is not None:
            self._sender.cancel()

    async def _send(self) -> None:
        while (fields := self._latest) is not None:
            self._latest = None
            self._ordinal += 1
            try:
                await self._services.producer.publish([self._message(fields)])
            except (Unavailable, BrokerDenied, MessageTooLarge, ValueError, TypeError) as error:
                log.debug("a report of progress is lost", reason=str(error))
                return
            await asyncio.sleep(_PAUSE_S)

    def _message(self, fields: dict[str, Any]) -> Outgoing:
        event = CommandProgressed.answer(
            self._taken.identity,
            command_type=self._taken.command_type,
            attempt=self.attempt,
            worker=self._services.worker,
            **fields,
        )
        return self._services.announcer.message(self._taken.origin, event, ordinal=self._ordinal)
