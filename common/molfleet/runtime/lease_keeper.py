"""Keeps one lease alive while its command computes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from molfleet.blobs.port import BlobError
from molfleet.errors import Unavailable
from molfleet.ledger.encoding import UnreadableEntry
from molfleet.ledger.leases import Lease, LeaseLost
from molfleet.runtime.services import Services
from molfleet.telemetry.logs import get_logger

log = get_logger(__name__)

_RELEASE_S = 5.0


class LeaseKeeper:
    """Renews thrice per life. A store that is away loses no lease; one that is seen taken is lost."""

    def __init__(self, services: Services, lease: Lease) -> None:
        self._services = services
        self._lease = lease
        self._watchers: set[Callable[[], None]] = set()
        self._task = asyncio.create_task(self._renew())
        self.lost = False

    def watch(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Call `wake` when the lease is seen taken; returns how to stop watching."""
        self._watchers.add(wake)
        return lambda: self._watchers.discard(wake)

    async def release(self) -> None:
        """Give the lease up, if the store answers soon; otherwise its age will do. A stop lets it end."""
        releasing = asyncio.create_task(self._release())
        try:
            await asyncio.shield(releasing)
        except asyncio.CancelledError:
            await releasing
            raise

    async def _release(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if self.lost:
            return
        with suppress(Unavailable, BlobError, UnreadableEntry, LeaseLost, TimeoutError):
            async with asyncio.timeout(_RELEASE_S):
                await self._services.io(self._services.ledger.leases.release, self._lease)

    async def _renew(self) -> None:
        pause = self._services.settings.lease_ttl_s / 3
        while True:
            await asyncio.sleep(pause)
            try:
                self._lease = await self._services.io(self._services.ledger.leases.renew, self._lease)
            except LeaseLost as error:
                log.warning("the lease was taken by another worker", reason=str(error))
                self.lost = True
                for wake in tuple(self._watchers):
                    wake()
                return
            except (Unavailable, BlobError, UnreadableEntry) as error:
                log.warning("the lease cannot be renewed now", reason=str(error))
