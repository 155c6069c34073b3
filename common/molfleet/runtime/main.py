"""Start one worker process from its settings: the only place where the runtime builds adapters."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Collection
from importlib.metadata import entry_points
from pathlib import Path

from pydantic import SecretStr

from molfleet.blobs.factory import open_store
from molfleet.blobs.proof import UnfitStore
from molfleet.broker.kafka import KafkaBroker
from molfleet.broker.topics import load_topics
from molfleet.runtime.waiting import Stopped
from molfleet.runtime.worker import Worker
from molfleet.settings import Settings, SettingsError, load
from molfleet.telemetry import logs

GROUP = "molfleet.workers"
log = logs.get_logger(__name__)


def worker_tables() -> dict[str, str]:
    """Installed workers: name -> package.module:HANDLERS, from the entry points `molfleet.workers`."""
    return {point.name: f"{point.value}:HANDLERS" for point in entry_points(group=GROUP)}


def main(kind: str, topics: Collection[str] = (), env_file: Path | None = None) -> None:
    """Run a worker until SIGTERM or SIGINT. Exits 2 where settings or installation are at fault."""
    tables = worker_tables()
    if kind not in tables:
        sys.exit(
            _refused(
                f"there is no worker called {kind!r}; installed: {', '.join(sorted(tables)) or 'none'}"
            )
        )
    try:
        settings = load(env_file=env_file)
        logs.configure(settings.log, worker=settings.worker.name or kind, hide=_secrets(settings))
        worker = Worker(
            settings,
            kind,
            tables[kind],
            broker=KafkaBroker(settings.kafka, client_id=f"molfleet-{kind}"),
            store=open_store(settings),
            topics=load_topics().with_prefix(settings.topic_prefix),
            only=topics,
        )
    except SettingsError as error:
        sys.exit(_refused(str(error)))
    try:
        asyncio.run(run(worker))
    except (UnfitStore, ValueError) as error:
        log.error("the worker cannot start", reason=str(error))
        sys.exit(2)


async def run(worker: Worker) -> None:
    """Run a worker that SIGTERM and SIGINT stop."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, worker.stop)
    try:
        await worker.run()
    except Stopped:
        log.info("stopped before it was ready")


def _refused(message: str) -> int:
    print(f"molfleet worker: {message}", file=sys.stderr)
    return 2


def _secrets(settings: Settings) -> tuple[SecretStr | None, ...]:
    kafka = settings.kafka
    return (kafka.sasl_password, kafka.ssl_key_password, settings.schema_registry_auth)
