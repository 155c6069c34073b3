"""What the ways of a command share: one frozen bundle of the worker's adapters and facts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from molfleet.blobs.port import BlobStore
from molfleet.broker.port import Producer
from molfleet.broker.topics import Topics
from molfleet.bundles.signatures import Trust
from molfleet.ledger.attempts import Attempts
from molfleet.ledger.checkpoints import Checkpoints
from molfleet.ledger.leases import Leases
from molfleet.ledger.receipts import Receipts
from molfleet.runtime.announce import Announcer
from molfleet.runtime.control import Cancellations
from molfleet.runtime.forkserver import ForkServer
from molfleet.runtime.handler import HandlerTable
from molfleet.runtime.intake import Intake
from molfleet.runtime.slots import Slots
from molfleet.runtime.steps import Hook
from molfleet.settings import Settings
from molfleet.telemetry.metrics import Metrics

T = TypeVar("T")


@dataclass(frozen=True)
class Ledger:
    """The durable facts about heavy commands, and the store that keeps them."""

    store: BlobStore
    receipts: Receipts
    leases: Leases
    attempts: Attempts
    checkpoints: Checkpoints


@dataclass(frozen=True)
class Services:
    settings: Settings
    trust: Trust
    kind: str
    worker: str
    version: str
    topics: Topics
    table: HandlerTable
    table_path: str
    intake: Intake
    announcer: Announcer
    producer: Producer
    ledger: Ledger
    forks: ForkServer
    slots: Slots
    cancellations: Cancellations
    metrics: Metrics
    scratch: Path
    hook: Hook
    now: Callable[[], datetime]
    new_id: Callable[[], UUID]
    threads: ThreadPoolExecutor

    async def io(self, function: Callable[..., T], *args: Any) -> T:
        """A blocking call of the ledger or the store, off the loop."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, lambda: function(*args))
