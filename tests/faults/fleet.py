"""A fleet of real worker processes on a real broker, and the audit of what it did."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import psutil
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from molfleet.blobs.factory import open_store
from molfleet.broker.kafka import KafkaBroker
from molfleet.broker.port import BrokerUnavailable, Headers, Incoming, Outgoing, Partition
from molfleet.broker.topics import Topics, load_topics
from molfleet.local.node import free_ports, last_words
from molfleet.local.tether import spawn
from molfleet.local.workers import WorkerProcess
from molfleet.messages.codec import Codec, DecodingError
from molfleet.messages.directory import SchemaDirectory
from molfleet.messages.record import Command, Event, TerminalEvent
from molfleet.operations.audit import check
from molfleet.operations.history_reader import read_history
from molfleet.runtime.intake import Intake
from molfleet.runtime.steps import Step
from molfleet.settings import load
from tests.harness import until

ROOT = Path(__file__).resolve().parents[2]
SESSION_MS = 6_000
PATIENCE_S = 60.0


@dataclass
class FaultWorker(WorkerProcess):
    """One worker process; `stood_still` is there once it waits between two steps."""

    stood_still: Path = field(default_factory=Path)

    def family(self) -> list[psutil.Process]:
        """The process and all that it started, down the whole chain."""
        root = psutil.Process(self.process.pid)
        return [root, *root.children(recursive=True)]

    def kill(self) -> list[psutil.Process]:
        """kill -9 of the worker alone; returns who was its family."""
        family = self.family()
        self.process.kill()
        self.process.wait()
        return family

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)


class FaultFleet:
    """Topics under a prefix of their own, blobs in a directory (or what `environment` names)."""

    def __init__(
        self, bootstrap: str, directory: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.directory = directory
        self.environment = {
            "MOLFLEET_KAFKA_BOOTSTRAP": bootstrap,
            "MOLFLEET_KAFKA_SESSION_TIMEOUT_MS": str(SESSION_MS),
            "MOLFLEET_KAFKA_HEARTBEAT_INTERVAL_MS": "1000",
            "MOLFLEET_BLOBS_URL": f"file://{directory / 'blobs'}",
            "MOLFLEET_TOPIC_PREFIX": f"t{uuid4().hex[:8]}.",
            "MOLFLEET_WORKER_SINGLE_PROCESSES": "1",
            "MOLFLEET_WORKER_RETRY_PAUSE_S": "0.5",
            "MOLFLEET_WORKER_GRACE_S": "5",
            **(environment or {}),
        }
        self.settings = load(self.environment)
        self.topics: Topics = load_topics().with_prefix(self.settings.topic_prefix)
        self.broker = KafkaBroker(self.settings.kafka, client_id="fault-tests")
        self.store = open_store(self.settings)
        self.codec = Codec()
        self.workers: list[FaultWorker] = []

    async def create_topics(self, partitions: int = 2) -> None:
        """All topics, with few partitions: what is tested here does not grow with their number."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.settings.kafka.bootstrap)
        await admin.start()
        try:
            await admin.create_topics(
                [
                    NewTopic(
                        topic.name,
                        min(partitions, topic.partitions),
                        1,
                        topic_configs={"max.message.bytes": topic.config["max.message.bytes"]},
                    )
                    for topic in self.topics.all
                ]
            )
        finally:
            await admin.close()

    async def start_worker(
        self,
        *,
        pause_at: Step | None = None,
        only: Sequence[str] = (),
        may_die: bool = False,
        **settings: str,
    ) -> FaultWorker:
        """A ready worker process (or, with `may_die`, one that has ended already).

        `pause_at` makes it stand still after that step.
        """
        number = len(self.workers) + 1
        (port,) = free_ports(1)
        stood_still = self.directory / f"worker-{number}.stood-still"
        log = self.directory / f"worker-{number}.log"
        environment = {
            **os.environ,
            **self.environment,
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "common")]),
            "MOLFLEET_WORKER_HTTP_PORT": str(port),
            "MOLFLEET_WORKER_NAME": f"worker-{number}",
            "FAULT_STEP": pause_at or "",
            "FAULT_FILE": str(stood_still),
            "FAULT_TOPICS": ",".join(self.settings.topic_prefix + topic for topic in only),
            **{f"MOLFLEET_{name.upper()}": value for name, value in settings.items()},
        }
        process: subprocess.Popen[bytes] = spawn(
            [sys.executable, "-m", "tests.faults.worker"], log, environment=environment
        )
        worker = FaultWorker(f"worker-{number}", port, log, process, stood_still)
        self.workers.append(worker)
        await until(lambda: (may_die and worker.process.poll() is not None) or worker.ready(), PATIENCE_S)
        return worker

    def stop(self) -> None:
        for worker in self.workers:
            if worker.process.poll() is None:
                worker.signal(signal.SIGCONT)
                worker.process.kill()
            worker.process.wait()

    async def send(self, *commands: Command, headers: Headers = ()) -> None:
        await self.send_raw(
            *(
                (self.topics.command_topic_of(command.full_name), self.codec.encode(command), headers)
                for command in commands
            )
        )

    async def send_raw(self, *records: tuple[str, bytes | None, Headers]) -> None:
        producer = self.broker.producer()
        await producer.start()
        try:
            await producer.publish(
                [Outgoing(topic, uuid4().bytes, value, headers) for topic, value, headers in records]
            )
        finally:
            await producer.stop()

    async def read(self, *topics: str) -> list[Incoming]:
        """All that these topics hold now."""
        reader = self.broker.reader(topics)
        await reader.start()
        found: list[Incoming] = []
        try:
            while not await reader.caught_up():
                found += await reader.poll(0.2)
        finally:
            await reader.stop()
        return found

    async def events(self, command: Command) -> list[Event]:
        """The events about a command, progress aside."""
        topics = set(self.topics.event_topics) - {self.topics.progress}
        found = []
        for record in await self.read(*topics):
            try:
                event = self.codec.decode(record.value)
            except DecodingError as error:
                raise AssertionError(f"an event that cannot be decoded: {error}") from error
            if isinstance(event, Event) and event.id == command.id:
                found.append(event)
        return found

    async def outcome(self, command: Command, patience_s: float = PATIENCE_S) -> TerminalEvent:
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            # Brokers that have just come back may not know each other yet.
            with suppress(BrokerUnavailable):
                for event in await self.events(command):
                    if isinstance(event, TerminalEvent):
                        return event
        logs = "\n".join(last_words(worker.log, 12) for worker in self.workers)
        raise AssertionError(f"{command.full_name} {command.id} has no outcome\n{logs}")

    async def at_rest(self, patience_s: float = PATIENCE_S) -> None:
        """Returns when everything that was sent is committed."""
        deadline = time.monotonic() + patience_s
        while (left := await self._uncommitted()) and time.monotonic() < deadline:
            pass
        assert not left, f"never committed: {left}"

    async def _uncommitted(self) -> list[str]:
        found = []
        for topic in self.topics.command_topics:
            ends: dict[int, int] = {}
            for record in await self.read(topic):
                ends[record.partition] = max(ends.get(record.partition, 0), record.offset + 1)
            if not ends:
                continue
            committed = await self._committed(topic, list(ends))
            found += [
                f"{topic}/{partition}@{committed.get(partition, 0)} of {end}"
                for partition, end in ends.items()
                if committed.get(partition, 0) < end
            ]
        return found

    async def _committed(self, topic: str, partitions: list[int]) -> dict[int, int]:
        consumer = self.broker.consumer([topic], self.topics.group_of(topic), _Nobody())
        positions = await consumer.committed([Partition(topic, number) for number in partitions])
        return {partition.number: position.offset for partition, position in positions.items()}

    async def audit(self) -> None:
        """The invariants G1-G5 over everything that the topics and the store hold; the fleet is at rest."""
        await self.at_rest()
        codec = Codec()
        directory = SchemaDirectory(codec, self.broker, self.topics.schemas)
        types = {topic: self.topics.types_of(topic) for topic in self.topics.command_topics}
        history = await read_history(
            self.broker,
            self.store,
            Intake(codec, directory, types),
            self.topics,
            state_bucket=self.settings.state_bucket,
            state_prefix=self.settings.topic_prefix,
        )
        violations = check(history, strict=True)
        assert not violations, "\n".join(str(violation) for violation in violations)


async def gone(processes: Sequence[psutil.Process], patience_s: float = 10.0) -> None:
    """Returns when none of the processes runs any more."""
    await until(lambda: not any(_alive(process) for process in processes), patience_s)


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class _Nobody:
    async def revoked(self, partitions: object) -> None: ...

    async def assigned(self, partitions: object) -> None: ...
