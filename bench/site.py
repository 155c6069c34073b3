"""Where a benchmark takes place: a real broker, and for each run topics and blobs of its own."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from bench.work import Prepared
from molfleet.broker.kafka import KafkaBroker
from molfleet.broker.port import Outgoing
from molfleet.broker.topics import Topics, load_topics
from molfleet.local.broker import LocalBroker
from molfleet.local.node import last_words
from molfleet.local.tether import spawn
from molfleet.settings import Settings, load

ROOT = Path(__file__).resolve().parents[1]
#: Partitions of any topic: what topics.yaml gives the interactive ones; 32 would only take memory here.
_MOST_PARTITIONS = 12
_AT_ONCE = 1_000
_END_S = 20.0


class RunFailed(Exception):
    """A measured process ended or hung; the message has its last words."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a process reports of itself, in monotonic seconds, which all processes here share."""

    count: int
    began: float
    ended: float

    @property
    def rate(self) -> float:
        """Commands per second."""
        return self.count / (self.ended - self.began)


class Stage:
    """Topics under a prefix of their own, and blobs in a directory of their own."""

    def __init__(self, bootstrap: str, directory: Path) -> None:
        self.directory = directory
        self.environment = {
            "MOLFLEET_KAFKA_BOOTSTRAP": bootstrap,
            "MOLFLEET_BLOBS_URL": f"file://{directory / 'blobs'}",
            "MOLFLEET_TOPIC_PREFIX": f"b{uuid4().hex[:8]}.",
            "MOLFLEET_LOG_LEVEL": "WARNING",
        }
        self.settings: Settings = load(self.environment)
        self.topics: Topics = load_topics().with_prefix(self.settings.topic_prefix)
        self.broker = KafkaBroker(self.settings.kafka, client_id="bench")

    async def fill(self, topic: str, commands: Sequence[Prepared]) -> None:
        """Publish all; returns when the broker has them."""
        producer = self.broker.producer()
        await producer.start()
        try:
            for start in range(0, len(commands), _AT_ONCE):
                some = commands[start : start + _AT_ONCE]
                await producer.publish([Outgoing(topic, one.key, one.value, one.headers) for one in some])
        finally:
            await producer.stop()

    @contextmanager
    def process(self, module: str, **environment: str) -> Iterator[Contestant]:
        """`python -m module` with this stage's settings; ended at the end."""
        name = f"{module}-{uuid4().hex[:6]}"
        log, result = self.directory / f"{name}.log", self.directory / f"{name}.json"
        process = spawn(
            [sys.executable, "-m", module],
            log,
            environment={
                **os.environ,
                **self.environment,
                "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "common")]),
                "BENCH_RESULT": str(result),
                **environment,
            },
        )
        contestant = Contestant(module, process, log, result)
        try:
            yield contestant
        finally:
            contestant.end()


@dataclass
class Contestant:
    """A process that works through a filled topic and says in a file when it began and ended."""

    module: str
    process: subprocess.Popen[bytes]
    log: Path
    result: Path

    def measured(self, timeout_s: float = 300.0) -> Measured:
        """Waits for its report. Raises RunFailed."""
        deadline = time.monotonic() + timeout_s
        while not self.result.exists():
            if self.process.poll() is not None:
                raise RunFailed(f"{self.module} ended: {last_words(self.log)}")
            if time.monotonic() > deadline:
                raise RunFailed(f"{self.module} is not done in {timeout_s:g} s: {last_words(self.log)}")
            time.sleep(0.05)
        return Measured(**json.loads(self.result.read_text("utf-8")))

    def end(self) -> None:
        """SIGTERM, and SIGKILL to what does not end of it."""
        self.process.terminate()
        try:
            self.process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass
class Site:
    """One broker for all runs of a benchmark, in a directory that is removed afterwards."""

    bootstrap: str
    directory: Path

    @asynccontextmanager
    async def stage(self, only: Collection[str] = ()) -> AsyncIterator[Stage]:
        """A stage with the topics named `only` (without prefix), or all; they are deleted at its end."""
        made = Stage(self.bootstrap, self.directory / uuid4().hex[:8])
        prefix = made.settings.topic_prefix
        wanted = [t for t in made.topics.all if not only or t.name.removeprefix(prefix) in only]
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            await admin.create_topics(
                [
                    NewTopic(
                        topic.name, min(topic.partitions, _MOST_PARTITIONS), 1, topic_configs=topic.config
                    )
                    for topic in wanted
                ]
            )
            try:
                yield made
            finally:
                await admin.delete_topics([topic.name for topic in wanted])
        finally:
            await admin.close()


@contextmanager
def open_site() -> Iterator[Site]:
    """Starts Kafka; leaves nothing behind."""
    # A topic made a moment ago has no leader yet: aiokafka logs each retry as an error.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="molfleet-bench-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        with LocalBroker(directory / "kafka") as broker:
            yield Site(broker.bootstrap, directory)
