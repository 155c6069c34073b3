"""One Kafka process of the local broker: its ports, its properties file, its signals."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

HOST = "127.0.0.1"


class LocalBrokerError(Exception):
    """The broker did not start or stop as asked; the message names the port or the log to look at."""


@dataclass
class Node:
    """One broker, which is a controller as well. Ports by listener name."""

    number: int
    directory: Path
    ports: Mapping[str, int]
    pid: int | None = None
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def log(self) -> Path:
        return self.directory / "server.log"

    @property
    def properties(self) -> Path:
        return self.directory / "server.properties"

    def signal(self, number: signal.Signals) -> None:
        if self.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def running(self) -> bool:
        if self.process is not None:
            return self.process.poll() is None
        return self.pid is not None and _is_our_java(self.pid, self.properties)

    def gone(self, timeout_s: float) -> bool:
        """Whether the process ends within that time."""
        return until(lambda: not self.running(), time.monotonic() + timeout_s)


def properties(
    node: Node, nodes: Sequence[Node], listeners: Sequence[str], overrides: Mapping[str, str]
) -> str:
    """What a node's properties file says beyond the template: addresses, directories, replication."""
    replicas = min(3, len(nodes))
    in_sync = 2 if replicas == 3 else 1
    addresses = [f"{name}://{HOST}:{node.ports[name]}" for name in listeners]
    controller = f"CONTROLLER://{HOST}:{node.ports['CONTROLLER']}"
    values = {
        "node.id": str(node.number),
        "process.roles": "broker,controller",
        "controller.quorum.voters": ",".join(
            f"{peer.number}@{HOST}:{peer.ports['CONTROLLER']}" for peer in nodes
        ),
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "listeners": ",".join([*addresses, controller]),
        "advertised.listeners": ",".join(addresses),
        "listener.security.protocol.map": ",".join(
            ["CONTROLLER:PLAINTEXT", *(f"{name}:{name}" for name in listeners)]
        ),
        "log.dirs": str(node.directory / "data"),
        "default.replication.factor": str(replicas),
        "min.insync.replicas": str(in_sync),
        "offsets.topic.replication.factor": str(replicas),
        "transaction.state.log.replication.factor": str(replicas),
        "transaction.state.log.min.isr": str(in_sync),
        "share.coordinator.state.topic.replication.factor": str(replicas),
        "share.coordinator.state.topic.min.isr": str(in_sync),
        **overrides,
    }
    return "".join(f"{name}={value}\n" for name, value in values.items())


def free_ports(count: int) -> list[int]:
    """Ports that are free now; held open together, so that none is named twice."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def listening(port: int) -> bool:
    """Whether something takes connections there."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((HOST, port)) == 0


def refuse_busy(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise LocalBrokerError(
                f"port {port} is in use; name another one, or stop what has it"
            ) from None


def until(condition: Callable[[], bool], deadline: float) -> bool:
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _is_our_java(pid: int, properties: Path) -> bool:
    """Whether that process is still the node that was started, and not one that got its number."""
    import psutil

    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and str(properties) in process.cmdline()
    except psutil.Error:
        return False


def last_words(log: Path, lines: int = 5) -> str:
    """The end of a log, without the stack traces that would fill it."""
    text = log.read_text("utf-8", "replace").splitlines() if log.is_file() else []
    told = [line for line in text if not line.startswith(("\tat ", "\t... "))]
    return f"{' | '.join(told[-lines:])} (all of it in {log})"
