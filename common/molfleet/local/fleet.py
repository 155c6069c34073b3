"""A whole fleet on this machine: a broker, the topics, blobs in a directory, three workers.

`python -m molfleet.local.fleet up` leaves it running (`make up`), `down` stops it.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from molfleet.broker.topics import load_topics
from molfleet.local.broker import LocalBroker
from molfleet.local.jars import JarsError
from molfleet.local.node import LocalBrokerError, until
from molfleet.local.workers import LocalWorkers, WorkerFailed
from molfleet.operations.topics import apply_topics
from molfleet.settings import Settings, load

HOME = Path(".local")
_STATE = "workers.json"


def environment_of(broker: LocalBroker, directory: Path) -> dict[str, str]:
    """The MOLFLEET_* variables of a local fleet whose blobs lie below `directory`."""
    return {
        "MOLFLEET_KAFKA_BOOTSTRAP": broker.bootstrap,
        "MOLFLEET_BLOBS_URL": f"file://{(directory / 'blobs').resolve()}",
    }


def prepare_topics(settings: Settings) -> None:
    """Create the topics, with one replica each: a local broker has no second node."""
    topics = load_topics().with_prefix(settings.topic_prefix)
    asyncio.run(apply_topics(settings.kafka, topics, replication=1))


def up(directory: Path = HOME) -> None:
    """Start a fleet that stays. Raises LocalBrokerError, JarsError, WorkerFailed."""
    broker = LocalBroker(directory / "kafka", keep=True, detached=True)
    broker.start()
    environment = environment_of(broker, directory)
    prepare_topics(load(environment))
    workers = LocalWorkers(directory / "logs", environment, detached=True)
    try:
        workers.start()
    except BaseException:
        workers.stop()
        broker.stop()
        raise
    rows = [{"kind": worker.kind, "pid": worker.process.pid} for worker in workers.processes]
    (directory / _STATE).write_text(json.dumps(rows), "utf-8")
    write_environment(directory / "fleet.env", environment)
    print(
        f"The fleet is up: Kafka at {broker.bootstrap}, blobs in {directory / 'blobs'}, logs in "
        f"{directory / 'logs'}.\n"
        f"  . {directory / 'fleet.env'}      # its settings, for this shell\n"
        "  .venv/bin/molfleet doctor      # is everything well?\n"
        "  make down"
    )


def write_environment(path: Path, environment: Mapping[str, str]) -> None:
    """Settings as a file that a shell can source."""
    lines = [f"export {name}='{value}'\n" for name, value in environment.items()]
    path.write_text("".join(lines), "utf-8")


def down(directory: Path = HOME) -> None:
    """Stop what `up` started; what is not running is no error."""
    state = directory / _STATE
    workers = _running(json.loads(state.read_text("utf-8"))) if state.is_file() else []
    for worker in workers:
        with suppress(psutil.Error):
            worker.send_signal(signal.SIGTERM)
    if not until(lambda: not any(_alive(worker) for worker in workers), time.monotonic() + 35):
        for worker in workers:
            with suppress(psutil.Error):
                worker.kill()
    state.unlink(missing_ok=True)
    broker = LocalBroker.attach(directory / "kafka")
    if broker is not None:
        broker.stop()
    (directory / "fleet.env").unlink(missing_ok=True)
    print("The fleet is down." if workers or broker else "No fleet was up.")


def _running(rows: list[dict[str, str | int]]) -> list[psutil.Process]:
    """The processes of these rows that still are what they were."""
    found = []
    for row in rows:
        with suppress(psutil.Error):
            process = psutil.Process(int(row["pid"]))
            if any(argument.startswith("workers.") for argument in process.cmdline()):
                found.append(process)
    return found


def _alive(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def main(arguments: list[str]) -> int:
    if arguments not in (["up"], ["down"]):
        print("usage: python -m molfleet.local.fleet up|down", file=sys.stderr)
        return 2
    try:
        (up if arguments == ["up"] else down)()
    except (LocalBrokerError, JarsError, WorkerFailed, OSError) as error:
        print(f"molfleet: {error}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
