"""What a worker counts and measures, as Prometheus metrics in a registry of its own."""

from __future__ import annotations

import threading
import time
from collections import Counter as Counts
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

#: The outcome of a command that ended in its success event; all others are named by their Code.
DONE = "DONE"

#: Seconds, from an interactive answer to a training of a day.
_DURATIONS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
    *(60, 120, 300, 600, 1_800, 3_600, 7_200, 14_400, 43_200, 86_400),
)
_BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class Metrics:
    """One per worker process; its methods are named by what happened. Safe to call from threads.

    `clock` gives seconds that only grow. A command is known by its type and id while it is in flight.
    """

    def __init__(
        self, *, worker: str = "", version: str = "", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.registry = CollectorRegistry()
        self._clock = clock
        self._in_flight = _InFlight(clock)
        self.registry.register(self._in_flight)
        ProcessCollector(registry=self.registry)
        Info("molfleet_worker", "Which worker this is.", registry=self.registry).info(
            {"worker": worker, "version": version}
        )
        self._outcomes = self._counter(
            "commands", "Commands by outcome: DONE, or the failure's code.", "command", "code"
        )
        self._durations = Histogram(
            "molfleet_command_duration_seconds",
            "From the first step of a command here to its outcome.",
            ("command",),
            buckets=_DURATIONS,
            registry=self.registry,
        )
        self._attempts = self._counter(
            "attempts", "Attempts at heavy commands; more than commands means crashes.", "command"
        )
        self._handed_back = self._counter(
            "handed_back", "Commands given back without an outcome (shutdown, lease lost).", "command"
        )
        self._dead_letters = self._counter(
            "dead_letters", "Records moved to a dead-letter topic, by reason.", "topic", "reason"
        )
        self._batch_sizes = Histogram(
            "molfleet_light_batch_size",
            "Light commands run as one micro-batch.",
            ("command",),
            buckets=_BATCHES,
            registry=self.registry,
        )
        self._lag = self._gauge("lag_records", "Records behind the end.", "topic", "partition")
        self._paused = self._gauge("lane_paused", "1 while a lane waits for what is away.", "lane")
        self._ready = self._gauge("ready", "1 while the worker is ready.")
        self._lag_seen: set[tuple[str, str]] = set()

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"molfleet_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"molfleet_{name}", text, labels, registry=self.registry)

    def began(self, command_type: str, command_id: Hashable) -> None:
        """A command was taken in hand; a second delivery of one in flight changes nothing."""
        self._in_flight.add(command_type, command_id)

    def ended(self, command_type: str, command_id: Hashable, code: str = DONE) -> None:
        """It reached its outcome: DONE or a Code."""
        started = self._in_flight.remove(command_type, command_id)
        self._outcomes.labels(command_type, code).inc()
        if started is not None:
            self._durations.labels(command_type).observe(self._clock() - started)

    def all_ended(self, command_type: str, ended: Sequence[tuple[Hashable, str]]) -> None:
        """As `ended` for each (id, code): light commands come in their thousands."""
        durations, now = self._durations.labels(command_type), self._clock()
        for command_id, _ in ended:
            started = self._in_flight.remove(command_type, command_id)
            if started is not None:
                durations.observe(now - started)
        for code, count in Counts(code for _, code in ended).items():
            self._outcomes.labels(command_type, code).inc(count)

    def handed_back(self, command_type: str, command_id: Hashable) -> None:
        """It was given up here without an outcome; another worker will take it."""
        if self._in_flight.remove(command_type, command_id) is not None:
            self._handed_back.labels(command_type).inc()

    def attempted(self, command_type: str) -> None:
        """A child process begins a heavy command."""
        self._attempts.labels(command_type).inc()

    def batch_ran(self, command_type: str, size: int) -> None:
        """A micro-batch of `size` light commands came back."""
        self._batch_sizes.labels(command_type).observe(size)

    def dead_lettered(self, topic: str, reason: str) -> None:
        """A record of `topic` went to its dead-letter topic."""
        self._dead_letters.labels(topic, reason).inc()

    def lag_measured(self, lag: Mapping[tuple[str, int], int]) -> None:
        """The lag of every partition assigned now; those no longer assigned vanish."""
        seen = set()
        for (topic, partition), records in lag.items():
            labels = (topic, str(partition))
            seen.add(labels)
            self._lag.labels(*labels).set(records)
        for labels in self._lag_seen - seen:
            self._lag.remove(*labels)
        self._lag_seen = seen

    def lane_paused(self, lane: str) -> None:
        """Something that this lane needs is away."""
        self._paused.labels(lane).set(1)

    def lane_resumed(self, lane: str) -> None:
        self._paused.labels(lane).set(0)

    def readiness_changed(self, ready: bool) -> None:
        self._ready.set(int(ready))

    def render(self) -> tuple[bytes, str]:
        """The registry as Prometheus reads it, and its content type."""
        return generate_latest(self.registry), CONTENT_TYPE_LATEST


class _InFlight(Collector):
    """Start times of commands in hand; ages are computed when somebody looks."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._started: dict[str, dict[Hashable, float]] = {}

    def add(self, command_type: str, command_id: Hashable) -> None:
        with self._lock:
            self._started.setdefault(command_type, {}).setdefault(command_id, self._clock())

    def remove(self, command_type: str, command_id: Hashable) -> float | None:
        with self._lock:
            return self._started.get(command_type, {}).pop(command_id, None)

    def collect(self) -> Iterator[Metric]:
        now = self._clock()
        count = GaugeMetricFamily("molfleet_in_flight", "Commands in hand.", labels=["command"])
        age = GaugeMetricFamily(
            "molfleet_oldest_in_flight_seconds",
            "Age of the command longest in hand; with the lag this tells busy from stuck.",
            labels=["command"],
        )
        with self._lock:
            for command_type, started in self._started.items():
                count.add_metric([command_type], len(started))
                age.add_metric([command_type], now - min(started.values(), default=now))
        yield count
        yield age
