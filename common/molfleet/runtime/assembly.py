"""From a handler table and the topics to the lanes of one worker."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field

from molfleet.broker.port import Broker, Incoming
from molfleet.broker.topics import Topics
from molfleet.messages.generated import ALL_RECORDS
from molfleet.messages.record import Command, Event, Part, Record
from molfleet.runtime.handler import HandlerTable, LightHandler
from molfleet.runtime.heavy import HeavyLane
from molfleet.runtime.job import Residence, reveal, row_of
from molfleet.runtime.lane import Lane
from molfleet.runtime.light import LightLane
from molfleet.runtime.patience import Patience
from molfleet.runtime.services import Services
from molfleet.telemetry.logs import get_logger

log = get_logger(__name__)

_WAITING_PER_LANE = 32
_BATCHES_IN_HAND = 4


@dataclass
class WorkerLane:
    """One topic of a worker: its consumer, and what runs its commands."""

    lane: Lane
    way: HeavyLane | LightLane
    _running: asyncio.Task[None] | None = None
    _ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def topic(self) -> str:
        return self.lane.topic

    async def start(self) -> None:
        if isinstance(self.way, LightLane):
            await self.way.start()
        self._running = asyncio.create_task(self.lane.run(self._ended))

    @property
    def running(self) -> asyncio.Task[None]:
        if self._running is None:
            raise RuntimeError(f"the lane of {self.topic} is not started")
        return self._running

    @property
    def busy(self) -> bool:
        """Whether a record is in hand, or something is still to be cleared up after one."""
        return self.lane.in_hand > 0 or self.way.busy

    def stop_taking(self) -> None:
        self.lane.stop_taking()
        if isinstance(self.way, HeavyLane):
            self.way.stop_taking()

    async def hand_back(self) -> None:
        """End what still runs, commit what is finished, leave the group."""
        await self.way.hand_back()
        self._ended.set()
        if self._running is not None:
            await asyncio.wait({self._running})

    def not_ready(self) -> list[str]:
        away = self.lane.patience.away
        return away or ([] if self.lane.joined else [f"{self.topic}: not yet a member of its group"])


def assemble_lanes(services: Services, broker: Broker, only: Collection[str]) -> list[WorkerLane]:
    """The lanes of a worker. Raises ValueError for a topic that it does not serve."""
    served = types_by_topic(services.topics, services.table)
    unknown = sorted(set(only) - set(served))
    if unknown:
        raise ValueError(f"this worker does not serve {', '.join(unknown)}; it serves {', '.join(served)}")
    chosen = [topic for topic in served if not only or topic in only]
    for topic in served:
        if topic not in chosen and not services.topics.has_events(topic):
            log.warning("other workers must compute the parts of commands", topic=topic)
    return [_lane(services, broker, topic) for topic in chosen]


def types_by_topic(topics: Topics, table: HandlerTable) -> dict[str, list[str]]:
    """The command types that this table handles, by topic (the control topic is every worker's)."""
    found: dict[str, list[str]] = {}
    for command in table:
        found.setdefault(topics.command_topic_of(command.full_name), []).append(command.full_name)
    return found


def event_topics(topics: Topics) -> dict[str, str]:
    """The topic of every event, by full name; "" where an event is the fleet's own affair."""
    events = (name for name, record in ALL_RECORDS.items() if issubclass(record, Event))
    carried = {name for topic in topics.event_topics for name in topics.types_of(topic)}
    return {name: topics.events_topic_of(name) if name in carried else "" for name in events}


def published_types(topics: Topics, table: HandlerTable) -> list[type[Record]]:
    """All that a worker with this table may publish: events, progress, parts of commands."""
    commands = types_by_topic(topics, table)
    carriers = [*(topic.removesuffix(".commands") + ".events" for topic in commands), topics.progress]
    events = [ALL_RECORDS[name] for topic in carriers for name in topics.types_of(topic)]
    return [*events, *(command for command in table if issubclass(command, Part))]


def check_table(topics: Topics, table: HandlerTable) -> None:
    """Refuse a table that could not answer: raises ValueError naming the row at fault."""
    by_topic = types_by_topic(topics, table)
    for topic, names in by_topic.items():
        wanted = {name for name in topics.types_of(topic) if issubclass(ALL_RECORDS[name], Command)}
        if missing := sorted(wanted - set(names)):
            raise ValueError(f"{topic} carries {', '.join(missing)}, for which there is no handler")
        kinds = {type(row) for command, row in table.items() if command.full_name in names}
        if len(kinds) > 1:
            raise ValueError(f"{topic} mixes heavy and light commands")


def _lane(services: Services, broker: Broker, topic: str) -> WorkerLane:
    settings = services.settings
    types = types_by_topic(services.topics, services.table)[topic]
    patience = Patience(topic, settings.worker.retry_pause_s, services.metrics)
    light = isinstance(row_of(services.table, types[0]), LightHandler)
    processes = settings.worker.single_processes or settings.cores
    capacity = (
        settings.worker.single_batch * processes * _BATCHES_IN_HAND
        if light
        else settings.worker.slots + _WAITING_PER_LANE
    )
    way: list[HeavyLane | LightLane] = []

    def take(records: list[Incoming]) -> None:
        way[0].take(records)

    lane = Lane(
        broker,
        topic,
        services.topics.group_of(topic),
        capacity=capacity,
        take=take,
        patience=patience,
        metrics=services.metrics,
    )
    if light:
        residence = Residence(
            table=services.table_path,
            worker_kind=services.kind,
            version=services.version,
            event_topics=event_topics(services.topics),
            scratch=str(services.scratch),
            cache_bytes=settings.worker.single_cache_bytes // processes,
            trust=services.trust,
            settings=reveal(settings),
        )
        light_way = LightLane(services, lane, residence, processes)
        lane.watch(light_way.starts)
        way.append(light_way)
    else:
        way.append(HeavyLane(services, lane))
    return WorkerLane(lane, way[0])
