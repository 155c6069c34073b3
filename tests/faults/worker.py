"""A real worker process with the toy handlers, that can be told to stand still between two steps.

`python -m tests.faults.worker`; FAULT_STEP names the step after which it waits for ever, FAULT_FILE the
file that it makes when it is there. FAULT_TABLE and FAULT_KIND name other handlers.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from molfleet.blobs.factory import open_store
from molfleet.broker.kafka import KafkaBroker
from molfleet.broker.topics import load_topics
from molfleet.runtime.main import run
from molfleet.runtime.steps import Step
from molfleet.runtime.worker import Worker
from molfleet.settings import load
from molfleet.telemetry import logs


async def stand_still(step: Step) -> None:
    if step == os.environ.get("FAULT_STEP"):
        Path(os.environ["FAULT_FILE"]).touch()
        await asyncio.Event().wait()


def main() -> None:
    settings = load()
    logs.configure(settings.log, worker=settings.worker.name or "")
    worker = Worker(
        settings,
        os.environ.get("FAULT_KIND", "toy"),
        os.environ.get("FAULT_TABLE", "tests.toy:HANDLERS"),
        broker=KafkaBroker(settings.kafka, client_id="fault-worker"),
        store=open_store(settings),
        topics=load_topics().with_prefix(settings.topic_prefix),
        only=[topic for topic in os.environ.get("FAULT_TOPICS", "").split(",") if topic],
        hook=stand_still,
    )
    asyncio.run(run(worker))


if __name__ == "__main__":
    main()
