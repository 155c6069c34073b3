"""The three real workers on the real broker, and a client that speaks with them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from molfleet.broker.port import Incoming
from molfleet.client import FleetClient
from molfleet.client.fleet import OnProgress
from molfleet.client.outcome import Outcome
from molfleet.local.workers import KINDS, LocalWorkers
from molfleet.messages.generated import BlobRef
from molfleet.messages.record import Command, FailureEvent, TerminalEvent
from molfleet.runtime import letters
from molfleet.runtime.letters import DeadLetter
from tests.faults.fleet import FaultFleet

T = TypeVar("T", bound=TerminalEvent)
INPUTS = "inputs"
PATIENCE_S = 120.0


class RealFleet(FaultFleet):
    """Worker processes as deployments start them, one of each kind, that serve all tests of a run."""

    def __init__(
        self,
        bootstrap: str,
        directory: Path,
        environment: Mapping[str, str] | None = None,
        kinds: Sequence[str] = KINDS,
    ) -> None:
        # Nothing dies here, so nobody needs to be declared dead soon: a busy machine is no fault.
        session = {
            "MOLFLEET_KAFKA_SESSION_TIMEOUT_MS": "45000",
            "MOLFLEET_KAFKA_HEARTBEAT_INTERVAL_MS": "3000",
        }
        super().__init__(bootstrap, directory, {**session, **(environment or {})})
        self.logs = directory / "logs"
        self.processes = LocalWorkers(self.logs, self.environment, kinds)
        self.client = FleetClient(self.settings, broker=self.broker, store=self.store)

    async def start(self) -> None:
        await self.create_topics()
        await asyncio.to_thread(self.processes.start, PATIENCE_S)
        self.store.ensure_bucket(INPUTS)
        self.store.ensure_bucket(self.settings.output_bucket)
        await self.client.__aenter__()

    async def close(self) -> None:
        await self.client.__aexit__(None, None, None)
        await asyncio.to_thread(self.processes.stop)

    def dead(self) -> list[str]:
        """Workers that have ended; nothing restarts them."""
        return [worker.kind for worker in self.processes.processes if worker.process.poll() is not None]

    def put(self, data: bytes, key: str, bucket: str = INPUTS) -> BlobRef:
        """A blob as somebody else would have left it there: named by bucket and key alone."""
        self.store.ensure_bucket(bucket)
        self.store.put(bucket, key, data)
        return BlobRef(bucket=bucket, key=key)

    def get(self, ref: BlobRef) -> bytes:
        """A blob's bytes, which are what the reference in an event says."""
        data, info = self.store.read(ref.bucket, ref.key)
        assert ref.size == len(data) == info.size
        assert ref.sha256 == hashlib.sha256(data).hexdigest()
        return data

    def exists(self, ref: BlobRef) -> bool:
        return any(info.key == ref.key for info in self.store.list(ref.bucket, ref.key))

    def outputs_of(self, command: Command) -> list[str]:
        """Keys of all blobs that any attempt at a command has left in the output bucket."""
        listed = self.store.list(self.settings.output_bucket, "molfleet/")
        return [info.key for info in listed if f"/{command.id}/" in info.key]

    async def run(self, command: Command, on_progress: OnProgress | None = None) -> Outcome:
        return await self.client.run(command, on_progress=on_progress, timeout_s=PATIENCE_S)

    async def success(self, command: Command, kind: type[T]) -> T:
        outcome = await self.run(command)
        assert isinstance(outcome.event, kind), outcome.why
        return outcome.event

    async def failure(self, command: Command) -> FailureEvent:
        outcome = await self.run(command)
        assert isinstance(outcome.event, FailureEvent), outcome
        assert outcome.dead_letter is None, outcome.why
        return outcome.event

    async def records_of(self, command: Command) -> list[Incoming]:
        """The records of its event topic that are about a command, as they lie there."""
        topic = self.topics.command_topic_of(command.full_name).replace(".commands", ".events")
        subject = ("ce_subject", str(command.id).encode())
        return [record for record in await self.read(topic) if subject in record.headers]

    async def letters(self, topic: str) -> list[DeadLetter]:
        """The dead letters of a topic."""
        return [letters.read(record) for record in await self.read(self.topics.dead_letters_of(topic))]
