"""The local broker as a process: it dies with its starter, unless it is told to stay."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from molfleet.broker.kafka import KafkaBroker
from molfleet.broker.kafka_admin import KafkaAdmin
from molfleet.broker.port import BrokerUnavailable, Outgoing
from molfleet.local.broker import LocalBroker
from molfleet.local.node import LocalBrokerError, until
from molfleet.settings import KafkaSettings

pytestmark = pytest.mark.real

START = """
import sys, threading
from pathlib import Path
from molfleet.local.broker import LocalBroker

def start():
    global broker
    broker = LocalBroker(Path(sys.argv[1]), detached=sys.argv[2] == "detached").start()
    print(broker.bootstrap, broker.nodes[0].pid, flush=True)

# On a thread that ends: what is tethered must live on with the process, not with this thread.
thread = threading.Thread(target=start)
thread.start()
thread.join()
sys.stdin.read()
"""


def starter(directory: Path, how: str) -> tuple[subprocess.Popen[str], str, int]:
    process = subprocess.Popen(
        [sys.executable, "-c", START, str(directory), how],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    bootstrap, pid = process.stdout.readline().split()
    return process, bootstrap, int(pid)


def ended(process: subprocess.Popen[str]) -> None:
    process.wait(timeout=30)
    for stream in (process.stdin, process.stdout):
        assert stream is not None
        stream.close()


def settings(bootstrap: str) -> KafkaSettings:
    return KafkaSettings(bootstrap=bootstrap, request_timeout_ms=5_000)


async def put(bootstrap: str, topic: str, values: Sequence[bytes]) -> None:
    async with KafkaAdmin(settings(bootstrap)) as admin:
        await admin.create(topic, partitions=1, replication=1, config={})
        await admin.wait_for({topic: 1})
    producer = KafkaBroker(settings(bootstrap), "test").producer()
    await producer.publish([Outgoing(topic, b"k", value) for value in values])
    await producer.stop()


async def get(bootstrap: str, topic: str) -> list[bytes | None]:
    reader = KafkaBroker(settings(bootstrap), "test").reader([topic])
    await reader.start()
    found: list[bytes | None] = []
    while not await reader.caught_up():
        found += [record.value for record in await reader.poll(0.1)]
    await reader.stop()
    return found


async def test_a_broker_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
    process, bootstrap, pid = starter(tmp_path, "tethered")
    await KafkaBroker(settings(bootstrap), "test").ping()
    process.send_signal(signal.SIGKILL)
    ended(process)
    assert until(lambda: not psutil.pid_exists(pid) or _is_zombie(pid), _soon())
    assert LocalBroker.attach(tmp_path) is None


async def test_a_detached_broker_stays_is_found_again_and_can_be_stopped(tmp_path: Path) -> None:
    process, bootstrap, _ = starter(tmp_path, "detached")
    process.send_signal(signal.SIGKILL)
    ended(process)
    broker = LocalBroker.attach(tmp_path)
    assert broker is not None
    try:
        assert broker.bootstrap == bootstrap
        await KafkaBroker(settings(bootstrap), "test").ping()
        with pytest.raises(LocalBrokerError, match="already runs"):
            LocalBroker(tmp_path).start()
    finally:
        broker.stop()
    with pytest.raises(BrokerUnavailable):
        await KafkaBroker(settings(bootstrap), "test").ping()
    assert LocalBroker.attach(tmp_path) is None


async def test_data_is_kept_over_a_restart_only_when_that_is_asked_for(tmp_path: Path) -> None:
    with LocalBroker(tmp_path) as broker:
        await put(broker.bootstrap, "kept", [b"one", b"two"])
    with LocalBroker(tmp_path, keep=True) as broker:
        assert await get(broker.bootstrap, "kept") == [b"one", b"two"]
    with LocalBroker(tmp_path) as broker:
        async with KafkaAdmin(settings(broker.bootstrap)) as admin:
            assert await admin.existing(["kept"]) == {}


def test_a_port_of_the_users_choice_is_taken_or_named(tmp_path: Path) -> None:
    with LocalBroker(tmp_path / "one") as broker:
        port = int(broker.bootstrap.rpartition(":")[2])
        with pytest.raises(LocalBrokerError, match=f"port {port} is in use"):
            LocalBroker(tmp_path / "two", port=port).start()
    with LocalBroker(tmp_path / "two", port=port) as broker:
        assert broker.bootstrap == f"127.0.0.1:{port}"


def test_a_node_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(LocalBrokerError, match="not-a-number"):
        LocalBroker(tmp_path, overrides={"num.io.threads": "not-a-number"}).start()


def _is_zombie(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _soon() -> float:
    return time.monotonic() + 20
