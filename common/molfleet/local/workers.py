"""Worker processes on this machine: started, waited for, stopped."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from types import TracebackType
from typing import Self

from molfleet.local.node import HOST, free_ports, last_words, until
from molfleet.local.tether import spawn

KINDS = ("feature-vectors", "modeler", "predictor")


class WorkerFailed(Exception):
    """A worker ended, or was not ready in time; the message names its log."""


@dataclass
class WorkerProcess:
    kind: str
    port: int
    log: Path
    process: Popen[bytes]

    def ready(self) -> bool:
        """Whether it answers that it is ready. Raises WorkerFailed if it has ended."""
        if self.process.poll() is not None:
            raise WorkerFailed(f"the worker {self.kind} ended: {last_words(self.log)}")
        return not self.missing()

    def ended(self) -> bool:
        return self.process.poll() is not None

    def missing(self) -> list[str]:
        """Why it is not ready, in its own words."""
        try:
            with urllib.request.urlopen(f"http://{HOST}:{self.port}/readyz", timeout=2):
                return []
        except urllib.error.HTTPError as answer:
            return list(json.loads(answer.read())["reasons"])
        except OSError:
            return ["it does not answer yet"]


class LocalWorkers:
    """`with LocalWorkers(directory, environment) as workers: ...`: one process of each kind.

    They die with the process that started them unless `detached`. `environment` holds MOLFLEET_*
    variables; logs go to `<directory>/<kind>.log`.
    """

    def __init__(
        self,
        directory: Path,
        environment: Mapping[str, str],
        kinds: Sequence[str] = KINDS,
        *,
        detached: bool = False,
    ) -> None:
        self._directory = directory
        self._environment = dict(environment)
        self._kinds = kinds
        self._detached = detached
        # Tethered programs die with the thread that started them, so this one lives until `stop`.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="local-workers")
        self.processes: list[WorkerProcess] = []

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self, timeout_s: float = 90.0) -> Self:
        """Start all and wait until each is ready. Raises WorkerFailed."""
        for kind in self._kinds:
            self.add(kind)
        self.wait_ready(timeout_s)
        return self

    def add(self, kind: str) -> WorkerProcess:
        """Start one more worker of a kind."""
        number = sum(other.kind == kind for other in self.processes) + 1
        name = kind if number == 1 else f"{kind}-{number}"
        (port,) = free_ports(1)
        log = self._directory / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        environment = {
            **os.environ,
            **self._environment,
            "MOLFLEET_WORKER_HTTP_PORT": str(port),
            "MOLFLEET_WORKER_NAME": name,
        }
        command = [sys.executable, "-m", f"workers.{kind.replace('-', '_')}"]
        process = self._thread.submit(
            lambda: spawn(command, log, tethered=not self._detached, environment=environment)
        ).result()
        worker = WorkerProcess(name, port, log, process)
        self.processes.append(worker)
        return worker

    def wait_ready(self, timeout_s: float = 90.0) -> None:
        deadline = time.monotonic() + timeout_s
        for worker in self.processes:
            if not until(worker.ready, deadline):
                raise WorkerFailed(
                    f"the worker {worker.kind} is not ready after {timeout_s:g} s: "
                    f"{'; '.join(worker.missing())}; see {worker.log}"
                )

    def stop(self, timeout_s: float = 30.0) -> None:
        """SIGTERM to all, SIGKILL to those that do not end in time."""
        for worker in self.processes:
            if worker.process.poll() is None:
                worker.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + timeout_s
        for worker in self.processes:
            if not until(worker.ended, deadline):
                worker.process.kill()
                worker.process.wait()
        self._thread.shutdown()
