"""`python -m bench.worker`: the real worker with the no-op handlers, metered.

BENCH_TOPICS are its topics; at SIGTERM it writes what it asked of the blob store to BENCH_REQUESTS, and
with BENCH_PROFILE a cProfile of its own (the parent) process there.
"""

from __future__ import annotations

import asyncio
import cProfile
import json
import os
from pathlib import Path

from bench.meter import CountingStore, Meter, MeteredBroker
from molfleet.blobs.factory import open_store
from molfleet.broker.topics import load_topics
from molfleet.runtime.main import run
from molfleet.runtime.worker import Worker
from molfleet.settings import load
from molfleet.telemetry import logs


def main() -> None:
    settings = load()
    logs.configure(settings.log, worker="bench")
    broker = MeteredBroker(settings.kafka, client_id="bench-worker")
    broker.meter = Meter.from_environment()
    store = CountingStore(open_store(settings), broker.meter)
    worker = Worker(
        settings,
        "bench",
        "bench.no_ops:HANDLERS",
        broker=broker,
        store=store,
        topics=load_topics().with_prefix(settings.topic_prefix),
        only=[settings.topic_prefix + topic for topic in os.environ["BENCH_TOPICS"].split(",")],
    )
    if target := os.environ.get("BENCH_PROFILE"):
        profile = cProfile.Profile()
        profile.runcall(asyncio.run, run(worker))
        profile.dump_stats(target)
    else:
        asyncio.run(run(worker))
    if requests := os.environ.get("BENCH_REQUESTS"):
        Path(requests).write_text(json.dumps(store.counts), "utf-8")


if __name__ == "__main__":
    main()
