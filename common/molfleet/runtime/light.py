"""The way of light commands: micro-batches on resident processes, answers published in bulk."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from molfleet.broker.port import Incoming
from molfleet.errors import Code, Rejected
from molfleet.runtime.failures import failure_event
from molfleet.runtime.handler import LightHandler
from molfleet.runtime.intake import Taken, Unreadable
from molfleet.runtime.job import Residence, row_of
from molfleet.runtime.lane import Lane
from molfleet.runtime.light_starts import LightStarts
from molfleet.runtime.resident import INVALID
from molfleet.runtime.residents import Answer, HandlerFailed, ProcessLost, ResidentProcess, verdict_of
from molfleet.runtime.send_dead_letter import send_dead_letter
from molfleet.runtime.services import Services
from molfleet.runtime.steps import Step
from molfleet.telemetry.logs import get_logger

log = get_logger(__name__)

#: Deaths after which a record runs alone; it is given up only when it did, since until then it may have
#: been another of its batch that the worker died of.
_ALONE_FROM = 2


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A command that looks good; its fields are held against their rules where it is computed."""

    record: Incoming
    command_type: str
    value: bytes
    group: Hashable
    expires_ms: int | None


#: A record, its type and its answer; None where it went to the dead letters instead.
_Answered = tuple[Incoming, str, Answer | None]


class LightLane:
    """Runs the light commands of one topic."""

    def __init__(self, services: Services, lane: Lane, residence: Residence, processes: int) -> None:
        self._services = services
        self._lane = lane
        self.starts = LightStarts(lane)
        self._residents = [
            ResidentProcess(
                services.forks,
                residence.model_copy(update={"scratch": f"{residence.scratch}/resident-{number}"}),
            )
            for number in range(processes)
        ]
        self._idle = list(self._residents)
        self._arrived: deque[Incoming] = deque()
        self._queue: deque[_Waiting] = deque()
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._dispatcher: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await asyncio.gather(*(process.start() for process in self._residents))
        self._dispatcher = asyncio.create_task(self._dispatch())

    @property
    def busy(self) -> bool:
        return bool(self._tasks)

    def take(self, records: list[Incoming]) -> None:
        self._arrived.extend(records)
        self._changed.set()

    async def hand_back(self) -> None:
        """End what still runs, uncommitted."""
        tasks = [task for task in (self._dispatcher, *self._tasks) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(process.stop() for process in self._residents))

    async def _dispatch(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self._admit_arrived()
                while self._queue and self._idle:
                    await self._run_next()
            except Exception:
                log.exception("light commands cannot go on", topic=self._lane.topic)
                return self._lane.patience.broken(self._lane.topic)

    async def _admit_arrived(self) -> None:
        while self._arrived:
            record = self._arrived.popleft()
            suspicion = self.starts.suspicion(record)
            if suspicion >= _ALONE_FROM:
                await self._until_settled()
                await self._run_suspect(record, suspicion)
                continue
            if self.starts.to_begin(record):
                await self._begin(record)
            waiting = self._glance(record) or await self._accept(record)
            if waiting is not None:
                self._queue.append(waiting)

    async def _begin(self, record: Incoming) -> None:
        await self._lane.patience(lambda: self.starts.begin(record))

    def _glance(self, record: Incoming) -> _Waiting | None:
        """The command in a record that needs no closer look, which is nearly every one."""
        glanced = self._services.intake.glance(record)
        if glanced is None:
            return None
        command_type, fields = glanced
        self._services.metrics.began(command_type, _place(record))
        group = self._row(command_type).group(fields)
        return _Waiting(record, command_type, record.value or b"", group, fields["expires_at"])

    async def _accept(self, record: Incoming) -> _Waiting | None:
        """The command in a record, unless it is settled without computing."""
        taken = await self._read(record)
        if isinstance(taken, Unreadable):
            await send_dead_letter(self._services, self._lane, record, taken.reason, taken.message)
            self._finish([record])
            return None
        if (verdict := taken.unfit(self._services.now())) is not None:
            await self._publish([(record, taken.command_type, self._failure(taken, verdict))])
            return None
        self._services.metrics.began(taken.command_type, _place(record))
        fields = taken.command.model_dump() if taken.command is not None else {}
        group = self._row(taken.command_type).group(fields)
        return _Waiting(record, taken.command_type, taken.value, group, fields.get("expires_at"))

    async def _read(self, record: Incoming) -> Taken | Unreadable:
        return await self._lane.patience(lambda: self._services.intake.read(record))

    def _row(self, command_type: str) -> LightHandler:
        row = row_of(self._services.table, command_type)
        if not isinstance(row, LightHandler):
            raise TypeError(f"{command_type} is not a light command")
        return row

    async def _run_suspect(self, record: Incoming, suspicion: int) -> None:
        """A record that a worker may have died of: alone, committed alone, given up past the limit."""
        limit = max(self._services.settings.worker.crash_limit, _ALONE_FROM + 1)
        if suspicion < limit:
            await self._begin(record)
            waiting = self._glance(record) or await self._accept(record)
            if waiting is not None:
                await self._run(self._idle.pop(), [waiting])
        else:
            await self._give_up(record, suspicion)
        await self._lane.commit()

    async def _give_up(self, record: Incoming, deaths: int) -> None:
        message = f"The command was given up after the worker that computed it died {deaths} times."
        await send_dead_letter(self._services, self._lane, record, Code.WORKER_CRASHED, message)
        taken = await self._read(record)
        if isinstance(taken, Unreadable):
            self._finish([record])
            return
        verdict = Rejected(Code.WORKER_CRASHED, message, details={"deaths": str(deaths)})
        await self._publish([(record, taken.command_type, self._failure(taken, verdict))])

    async def _until_settled(self) -> None:
        while self._queue or self._tasks:
            while self._queue and self._idle:
                await self._run_next()
            await asyncio.wait(set(self._tasks), return_when=asyncio.FIRST_COMPLETED)

    async def _run_next(self) -> None:
        """Give the oldest command, and what may go with it, to an idle process."""
        first = self._queue[0]
        share = -(-len(self._queue) // len(self._idle))
        limit = min(self._services.settings.worker.single_batch, share)
        batch: list[_Waiting] = []
        rest: deque[_Waiting] = deque()
        while self._queue and len(batch) < limit:
            waiting = self._queue.popleft()
            (batch if waiting.group == first.group else rest).append(waiting)
        self._queue.extendleft(reversed(rest))
        process = next((p for p in self._idle if p.last_group == first.group), self._idle[0])
        self._idle.remove(process)
        process.last_group = first.group
        task = asyncio.create_task(self._run_guarded(process, batch))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run_guarded(self, process: ResidentProcess, batch: list[_Waiting]) -> None:
        try:
            await self._run(process, batch)
        except Exception:
            log.exception("a batch cannot be finished", topic=self._lane.topic)
            self._lane.patience.broken(self._lane.topic)

    async def _run(self, process: ResidentProcess, batch: list[_Waiting]) -> None:
        services = self._services
        try:
            await services.hook(Step.LIGHT_STARTED)
            answers = await self._lane.patience(lambda: self._answers(process, batch))
            await services.hook(Step.LIGHT_COMPUTED)
        except asyncio.CancelledError:
            for waiting in batch:
                self._lane.abandoned(waiting.record)
            raise
        finally:
            self._idle.append(process)
            self._changed.set()
        services.metrics.batch_ran(batch[0].command_type, len(batch))
        await self._publish(answers)

    async def _answers(self, process: ResidentProcess, batch: Sequence[_Waiting]) -> list[_Answered]:
        """In order; what has expired in the queue is not begun."""
        now_ms = self._services.now().timestamp() * 1000
        late = [one.expires_ms is not None and one.expires_ms < now_ms for one in batch]
        timely = [one for one, expired in zip(batch, late, strict=True) if not expired]
        computed = iter(await self._compute(process, timely) if timely else [])
        answered: list[_Answered] = []
        for one, expired in zip(batch, late, strict=True):
            answer = None if expired else next(computed)
            if answer is None or answer.code == INVALID:
                answer = await self._refusal(one.record)
            answered.append((one.record, one.command_type, answer))
        return answered

    async def _compute(
        self, process: ResidentProcess, batch: Sequence[_Waiting], *, again: bool = False
    ) -> list[Answer]:
        """The answers to a batch; where it kills or stalls the process, to each of its commands singly.

        A process may die of other things than its batch: a single command is believed to kill only when
        it does so twice.
        """
        deadline_s = self._services.settings.worker.single_deadline_s
        try:
            return await process.run([(one.value, one.record.headers) for one in batch], deadline_s)
        except (ProcessLost, HandlerFailed) as error:
            if len(batch) > 1:
                log.warning("a batch failed and is run singly", size=len(batch), reason=str(error))
                return [answer for one in batch for answer in await self._compute(process, [one])]
            if isinstance(error, ProcessLost) and not error.stalled and not again:
                return await self._compute(process, batch, again=True)
            return [await self._failed(batch[0].record, verdict_of(error, deadline_s))]

    async def _failed(self, record: Incoming, verdict: Rejected) -> Answer:
        taken = await self._read(record)
        if isinstance(taken, Unreadable):
            raise TypeError(f"what was computed cannot be read: {taken.message}")
        return self._failure(taken, verdict)

    async def _refusal(self, record: Incoming) -> Answer | None:
        """The answer to a command that a closer look finds invalid or expired; None for a dead letter."""
        taken = await self._read(record)
        if isinstance(taken, Unreadable):
            await send_dead_letter(self._services, self._lane, record, taken.reason, taken.message)
            return None
        verdict = taken.unfit(self._services.now())
        return self._failure(taken, verdict or Rejected(Code.INTERNAL, "The command was refused."))

    def _failure(self, taken: Taken, verdict: Rejected) -> Answer:
        event = failure_event(self._row(taken.command_type), taken.identity, taken.command, verdict)
        message = self._services.announcer.message(taken.origin, event, started=taken.started)
        return Answer(str(verdict.code), message)

    async def _publish(self, answered: Sequence[_Answered]) -> None:
        services = self._services
        messages = [answer.message for _, _, answer in answered if answer is not None]
        await self._lane.patience(lambda: services.producer.publish(messages))
        await services.hook(Step.LIGHT_PUBLISHED)
        ended: dict[str, list[tuple[Hashable, str]]] = {}
        for record, command_type, answer in answered:
            code = answer.code if answer is not None else Code.INVALID_COMMAND
            ended.setdefault(command_type, []).append((_place(record), code))
        for command_type, codes in ended.items():
            services.metrics.all_ended(command_type, codes)
        self._finish([record for record, _, _ in answered])

    def _finish(self, records: Sequence[Incoming]) -> None:
        for record in records:
            self.starts.finished(record)
            self._lane.finished(record)


def _place(record: Incoming) -> tuple[str, int, int]:
    return record.topic, record.partition, record.offset
