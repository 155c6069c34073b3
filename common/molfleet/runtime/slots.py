"""Compute slots of one worker: several commands at once, or one alone."""

from __future__ import annotations

import asyncio
from collections import deque


class Ticket:
    """A place in the queue, then a slot. `granted` completes when the slot is there."""

    def __init__(self, slots: Slots, alone: bool) -> None:
        self._slots = slots
        self.alone = alone
        self.granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def give_back(self) -> None:
        """Leave the queue or free the slot, whichever it is; a second call does nothing."""
        self._slots._give_back(self)


class Slots:
    """First come, first served. One who asks for `alone` waits until nothing else computes.

    A command on which a worker has died before runs alone, so that the next death names its cause.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._holders: set[Ticket] = set()
        self._queue: deque[Ticket] = deque()

    @property
    def used(self) -> int:
        return len(self._holders)

    def ask(self, *, alone: bool = False) -> Ticket:
        ticket = Ticket(self, alone)
        self._queue.append(ticket)
        self._admit()
        return ticket

    def _give_back(self, ticket: Ticket) -> None:
        if ticket in self._holders:
            self._holders.remove(ticket)
        elif ticket in self._queue:
            self._queue.remove(ticket)
        self._admit()

    def _admit(self) -> None:
        while self._queue and len(self._holders) < self.count:
            first = self._queue[0]
            if any(holder.alone for holder in self._holders) or (first.alone and self._holders):
                return
            self._holders.add(self._queue.popleft())
            first.granted.set_result(None)
