"""A command that waits for its parts: they are sent, and their receipts watched, in no compute slot."""

from __future__ import annotations

import asyncio
from uuid import UUID

from molfleet.broker.port import Outgoing
from molfleet.runtime.compute import PartsWanted
from molfleet.runtime.intake import Taken
from molfleet.runtime.patience import Patience
from molfleet.runtime.progress import ProgressFeed
from molfleet.runtime.services import Services

PAUSE_S = 0.5
#: Receipts looked for at once; as all must come, it does not matter which are looked for first.
_WATCHED = 16
#: Of the whole command; what is left is the handler's before and after its parts.
_FIRST, _LAST = 0.02, 0.9


class AwaitedParts:
    """The parts of one command that had no outcome when it last computed."""

    def __init__(self, services: Services, patience: Patience, taken: Taken, wanted: PartsWanted) -> None:
        self._services = services
        self._patience = patience
        self._taken = taken
        self._feed = ProgressFeed(services, taken)
        self._feed.attempt = wanted.attempt
        self._total = wanted.total
        self._wanted = wanted.parts
        self._open: list[tuple[str, UUID]] = []

    async def send(self) -> None:
        """Give them to the fleet. One that is sent twice is answered by its receipt."""
        # Of ten thousand this takes seconds; the loop has leases to renew meanwhile.
        messages = await asyncio.to_thread(self._messages)
        await self._patience(lambda: self._services.producer.publish(messages))

    def _messages(self) -> list[Outgoing]:
        """The parts as they are sent; from here on only their names are held."""
        services, messages = self._services, []
        for number, value in enumerate(self._wanted):
            part = services.announcer.part_of(value)
            topic, key = services.topics.command_topic_of(part.full_name), str(part.id).encode()
            encoded = services.announcer.part(self._taken.origin, part)
            messages.append(Outgoing(topic, key, *encoded, turn=number))
            self._open.append((part.full_name, part.id))
        self._wanted = ()
        return messages

    async def done(self) -> bool:
        """Whether all have an outcome now; reports how far they are."""
        found = True
        while self._open and found:
            watched, rest = self._open[:_WATCHED], self._open[_WATCHED:]
            there = await asyncio.gather(*(self._has_receipt(*name) for name in watched))
            found = all(there)
            self._open = [name for name, known in zip(watched, there, strict=True) if not known] + rest
        total, finished = self._total, self._total - len(self._open)
        self._feed.report(
            {
                "stage": "parts",
                "fraction": _FIRST + (_LAST - _FIRST) * finished / total,
                "message": f"{finished} of {total} parts are computed",
                "eta_s": None,
            }
        )
        return not self._open

    async def _has_receipt(self, command_type: str, command_id: UUID) -> bool:
        services, generation = self._services, self._taken.generation
        get = services.ledger.receipts.get
        receipt = await self._patience(lambda: services.io(get, command_type, command_id, generation))
        return receipt is not None
