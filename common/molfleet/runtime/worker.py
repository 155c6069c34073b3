"""One worker: its lanes, what they share, and its life from start to SIGTERM."""

from __future__ import annotations

import asyncio
import os
import socket
import tempfile
from collections.abc import Awaitable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import molfleet
from molfleet.blobs.port import BlobError, BlobStore
from molfleet.blobs.proof import prove_conditions
from molfleet.broker.port import Broker, BrokerDenied
from molfleet.broker.topics import Topics
from molfleet.errors import Unavailable
from molfleet.ledger.attempts import Attempts
from molfleet.ledger.checkpoints import Checkpoints
from molfleet.ledger.leases import Leases
from molfleet.ledger.receipts import Receipts
from molfleet.messages.directory import SchemaDirectory
from molfleet.messages.factory import open_codec
from molfleet.runtime.announce import Announcer
from molfleet.runtime.assembly import (
    WorkerLane,
    assemble_lanes,
    check_table,
    event_topics,
    published_types,
    types_by_topic,
)
from molfleet.runtime.control import Cancellations, ControlReader
from molfleet.runtime.forkserver import ForkServer
from molfleet.runtime.intake import Intake
from molfleet.runtime.job import check_settings, environment, load_table, preloads
from molfleet.runtime.keys import trust_of
from molfleet.runtime.patience import Patience
from molfleet.runtime.services import Ledger, Services
from molfleet.runtime.slots import Slots
from molfleet.runtime.steps import Hook, no_hook
from molfleet.runtime.waiting import unless
from molfleet.settings import Settings
from molfleet.telemetry import health, logs
from molfleet.telemetry.metrics import Metrics

log = logs.get_logger(__name__)

T = TypeVar("T")
_PROBE_S = 10.0
_NO_SUCH_KEY = "probe/none"


class Worker:
    """Takes the commands of `table_path` (package.module:HANDLERS), or only those of `topics`.

    The adapters are given, so that tests run a worker on the ports' fakes; `hook` is called between two
    steps of a command's way.
    """

    def __init__(
        self,
        settings: Settings,
        kind: str,
        table_path: str,
        *,
        broker: Broker,
        store: BlobStore,
        topics: Topics,
        only: Collection[str] = (),
        hook: Hook = no_hook,
    ) -> None:
        self._settings = settings
        self._kind = kind
        self._table_path = table_path
        self._broker = broker
        self._store = store
        self._topics = topics
        self._only = only
        self._hook = hook
        check_settings(table_path, settings)
        self._trust = trust_of(settings)
        self.name = settings.worker.name or f"{kind}-{socket.gethostname()}-{os.getpid()}"
        self.metrics = Metrics(worker=self.name, version=molfleet.__version__)
        self._patience = Patience(kind, settings.worker.retry_pause_s, self.metrics)
        self._missing: list[str] = ["starting"]
        self._lanes: list[WorkerLane] = []
        self._stop = asyncio.Event()
        self._now = asyncio.Event()

    def stop(self) -> None:
        """Stop taking, finish what fits in the grace period, hand the rest back. Twice: at once."""
        if self._stop.is_set():
            self._now.set()
        self._stop.set()

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    def not_ready(self) -> list[str]:
        """Why this worker is not ready, as sentences; empty when it is."""
        lanes = (reason for lane in self._lanes for reason in lane.not_ready())
        return [*self._missing, *self._patience.away, *lanes]

    async def run(self) -> None:
        """From start to stop. Raises what no waiting can mend (an unfit store, a wrong table)."""
        async with AsyncExitStack() as life:
            services = await self._build(life)
            cancellations = services.cancellations
            control = ControlReader(
                self._broker,
                self._topics.control,
                services.intake.decode,
                cancellations,
                self._patience,
            )
            lanes = assemble_lanes(services, self._broker, self._only)
            reading = asyncio.create_task(control.run())
            life.callback(reading.cancel)
            await self._or_stopped(_caught_up(control, reading))
            await self._or_stopped(services.forks.warm())
            for lane in lanes:
                life.push_async_callback(lane.hand_back)
                await self._or_stopped(self._patience(lane.start))
            self._lanes, self._missing = lanes, []
            probing = asyncio.create_task(self._probe(lanes))
            life.callback(probing.cancel)
            log.info("worker started", kind=self._kind, topics=[lane.topic for lane in lanes])
            await self._work(lanes, {reading, probing})
            log.info("worker stopped")

    async def _build(self, life: AsyncExitStack) -> Services:
        settings = self._settings
        table = load_table(self._table_path)
        check_table(self._topics, table)
        s3 = ["molfleet.blobs.s3"] if settings.blobs.url.startswith("s3:") else []
        own = preloads(self._table_path)
        modules = [*own, "molfleet.runtime.child", "molfleet.runtime.resident", *s3]
        forks = ForkServer(modules, environment(self._table_path))
        forks.boot()
        server = await health.serve(settings.worker, self.not_ready, self.metrics.render)
        if server is not None:
            life.push_async_callback(server.stop)
        threads = ThreadPoolExecutor(max_workers=16, thread_name_prefix="io")
        life.callback(threads.shutdown, wait=False, cancel_futures=True)
        scratch = Path(
            life.enter_context(
                tempfile.TemporaryDirectory(
                    prefix="molfleet-", dir=settings.worker.scratch, ignore_cleanup_errors=True
                )
            )
        )
        codec = open_codec(settings)
        directory = SchemaDirectory(codec, self._broker, self._topics.schemas)
        # A dead letter is its record and the headers that say why, so it may be larger than any other.
        largest = max(topic.max_message_bytes for topic in self._topics.all)
        producer = self._broker.producer(max_bytes=largest)
        life.push_async_callback(producer.stop)
        await self._or_stopped(self._patience(lambda: asyncio.to_thread(self._prepare_store)))
        await self._or_stopped(self._patience(producer.start))
        await self._or_stopped(self._patience(directory.publish_all))
        types = published_types(self._topics, table)
        await self._or_stopped(self._patience(lambda: asyncio.to_thread(codec.prepare, types)))
        bucket, prefix = settings.state_bucket, settings.topic_prefix
        return Services(
            settings=settings,
            trust=self._trust,
            kind=self._kind,
            worker=self.name,
            version=molfleet.__version__,
            topics=self._topics,
            table=table,
            table_path=self._table_path,
            intake=Intake(codec, directory, types_by_topic(self._topics, table)),
            announcer=Announcer(codec, event_topics(self._topics), self._kind, molfleet.__version__),
            producer=producer,
            ledger=Ledger(
                self._store,
                Receipts(self._store, bucket, prefix),
                Leases(self._store, bucket, settings.lease_ttl_s),
                Attempts(self._store, bucket, prefix),
                Checkpoints(self._store, bucket, prefix),
            ),
            forks=forks,
            slots=Slots(settings.worker.slots),
            cancellations=Cancellations(),
            metrics=self.metrics,
            scratch=scratch,
            hook=self._hook,
            now=lambda: datetime.now(UTC),
            new_id=uuid4,
            threads=threads,
        )

    def _prepare_store(self) -> None:
        for bucket in (self._settings.state_bucket, self._settings.output_bucket):
            self._store.ensure_bucket(bucket)
        prove_conditions(self._store, self._settings.state_bucket)

    async def _work(self, lanes: list[WorkerLane], helpers: set[asyncio.Task[None]]) -> None:
        """Until told to stop; then what is in hand gets the grace period."""
        stopping = asyncio.create_task(self._stop.wait())
        running = {lane.running for lane in lanes} | helpers
        try:
            await asyncio.wait({stopping, *running}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
        self._missing = ["stopping"]
        for lane in lanes:
            lane.stop_taking()
        if self._stop.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(self._settings.worker.grace_s):
                    await self._idle(lanes)
        await asyncio.gather(*(lane.hand_back() for lane in lanes))
        for task in running:
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                raise error
        if not self._stop.is_set():
            raise RuntimeError("a part of the worker ended by itself")

    async def _idle(self, lanes: list[WorkerLane]) -> None:
        while any(lane.busy for lane in lanes) and not self._now.is_set():
            await asyncio.sleep(0.05)

    async def _probe(self, lanes: list[WorkerLane]) -> None:
        """Keep readiness and lag current: what is away is seen even by an idle worker."""
        while True:
            missing = [
                *await self._missed("broker", self._ask_broker(lanes)),
                *await self._missed("blob store", asyncio.to_thread(self._ask_store)),
            ]
            if not self._stop.is_set():
                self._missing = missing
            ready = not self.not_ready()
            self.metrics.readiness_changed(ready)
            await asyncio.sleep(_PROBE_S if ready else 1.0)

    async def _missed(self, what: str, question: Awaitable[None]) -> list[str]:
        try:
            await question
        except (Unavailable, BrokerDenied, BlobError) as error:
            return [f"{what}: {error}"]
        except Exception as error:  # a fault of a probe must not end the work
            log.exception("a probe failed", of=what)
            return [f"{what}: {error!r}"]
        return []

    async def _ask_broker(self, lanes: list[WorkerLane]) -> None:
        await self._broker.ping()
        lag: dict[tuple[str, int], int] = {}
        for lane in lanes:
            lag |= {(p.topic, p.number): n for p, n in (await lane.lane.lag()).items()}
        self.metrics.lag_measured(lag)

    def _ask_store(self) -> None:
        next(self._store.list(self._settings.state_bucket, _NO_SUCH_KEY), None)

    async def _or_stopped(self, waiting: Awaitable[T]) -> T:
        """Wait during the start; a stop that comes meanwhile ends it."""
        return await unless(self._stop, waiting)


async def _caught_up(control: ControlReader, reading: asyncio.Task[None]) -> None:
    """Returns when all cancellations so far are known. Raises what ended the reading."""
    ready = asyncio.create_task(control.ready.wait())
    try:
        await asyncio.wait({ready, reading}, return_when=asyncio.FIRST_COMPLETED)
        if not ready.done():
            reading.result()
    finally:
        ready.cancel()
