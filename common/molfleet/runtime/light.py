"""The way of light commands: micro-batches on resident processes, answers published in bulk."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from molfleet.broker.port import Incoming, Outgoing
from molfleet.errors import Code, Rejected
from molfleet.messages.envelope import event_key
from molfleet.runtime.dead_letters import dead_letter
from molfleet.runtime.failures import failure_event
from molfleet.runtime.handler import LightHandler
from molfleet.runtime.intake import Taken, Unreadable
from molfleet.runtime.job import Residence, row_of
from molfleet.runtime.lane import Lane
from molfleet.runtime.light_starts import LightStarts
from molfleet.runtime.residents import Answer, HandlerFailed, ProcessLost, ResidentProcess
from molfleet.runtime.services import Services
from molfleet.runtime.steps import Step
from molfleet.telemetry.logs import get_logger
from molfleet.telemetry.metrics import DONE

log = get_logger(__name__)

#: Deaths after which a record runs alone; it is given up only when it did, since until then it may have
#: been another of its batch that the worker died of.
_ALONE_FROM = 2


@dataclass(frozen=True, slots=True)
class _Waiting:
    taken: Taken
    row: LightHandler
    group: Hashable
    arrived: float


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
            except asyncio.CancelledError:
                raise
            except Exception:
                log.exception("light commands cannot go on", topic=self._lane.topic)
                self._lane.patience.broken(self._lane.topic)
                return

    async def _admit_arrived(self) -> None:
        while self._arrived:
            record = self._arrived.popleft()
            suspicion = self.starts.suspicion(record)
            if suspicion >= _ALONE_FROM:
                await self._settled()
                await self._run_suspect(record, suspicion)
                continue
            await self._begin(record)
            waiting = await self._accept(record)
            if waiting is not None:
                self._queue.append(waiting)

    async def _begin(self, record: Incoming) -> None:
        await self._lane.patience(lambda: self.starts.begin(record))

    async def _accept(self, record: Incoming) -> _Waiting | None:
        """The command in a record, unless it is settled without computing."""
        services = self._services
        taken = await self._lane.patience(lambda: services.intake.read(record))
        if isinstance(taken, Unreadable):
            await self._dead_letter(record, taken.reason, taken.message)
            self._finish([record])
            return None
        row = row_of(services.table, taken.command_type)
        if not isinstance(row, LightHandler):
            raise TypeError(f"{taken.command_type} is not a light command")
        verdict = taken.unfit(services.now())
        if verdict is not None:
            await self._publish([(taken, self._failure(taken, row, verdict))])
            return None
        services.metrics.began(taken.command_type, _place(record))
        return _Waiting(taken, row, row.group(taken.command), time.monotonic())

    async def _run_suspect(self, record: Incoming, suspicion: int) -> None:
        """A record that a worker may have died of: alone, committed alone, given up past the limit."""
        limit = max(self._services.settings.worker.crash_limit, _ALONE_FROM + 1)
        if suspicion < limit:
            await self._begin(record)
            waiting = await self._accept(record)
            if waiting is not None:
                await self._run(self._idle.pop(), [waiting])
        else:
            await self._give_up(record, suspicion)
        await self._lane.commit()

    async def _give_up(self, record: Incoming, deaths: int) -> None:
        taken = await self._lane.patience(lambda: self._services.intake.read(record))
        message = f"The command was given up after the worker that computed it died {deaths} times."
        await self._dead_letter(record, Code.WORKER_CRASHED, message)
        if isinstance(taken, Unreadable):
            self._finish([record])
            return
        row = row_of(self._services.table, taken.command_type)
        verdict = Rejected(Code.WORKER_CRASHED, message, details={"deaths": str(deaths)})
        await self._publish([(taken, self._failure(taken, row, verdict))])

    async def _settled(self) -> None:
        """Returns when nothing runs and nothing waits here."""
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
                self._lane.abandoned(waiting.taken.record)
            raise
        finally:
            self._idle.append(process)
            self._changed.set()
        services.metrics.batch_ran(batch[0].taken.command_type, len(batch))
        await self._publish(answers)

    async def _answers(
        self, process: ResidentProcess, batch: Sequence[_Waiting]
    ) -> list[tuple[Taken, Answer]]:
        """In order; what has expired in the queue is not begun."""
        verdicts = [waiting.taken.unfit(self._services.now()) for waiting in batch]
        timely = [waiting for waiting, verdict in zip(batch, verdicts, strict=True) if verdict is None]
        computed = iter(await self._compute(process, timely) if timely else [])
        return [
            (
                waiting.taken,
                next(computed) if verdict is None else self._failure(waiting.taken, waiting.row, verdict),
            )
            for waiting, verdict in zip(batch, verdicts, strict=True)
        ]

    async def _compute(
        self, process: ResidentProcess, batch: Sequence[_Waiting], *, again: bool = False
    ) -> list[Answer]:
        """The answers to a batch; where it kills or stalls the process, to each of its commands singly.

        A process may die of other things than its batch: a single command is believed to kill only when
        it does so twice.
        """
        deadline_s = self._services.settings.worker.single_deadline_s
        commands = [(waiting.taken.value, waiting.taken.record.headers) for waiting in batch]
        try:
            return await process.run(commands, deadline_s)
        except (ProcessLost, HandlerFailed) as error:
            if len(batch) > 1:
                log.warning("a batch failed and is run singly", size=len(batch), reason=str(error))
                return [answer for one in batch for answer in await self._compute(process, [one])]
            if isinstance(error, ProcessLost) and not error.stalled and not again:
                return await self._compute(process, batch, again=True)
            return [self._failure(batch[0].taken, batch[0].row, _verdict(error, deadline_s))]

    def _failure(self, taken: Taken, row: LightHandler | object, verdict: Rejected) -> Answer:
        if not isinstance(row, LightHandler):
            raise TypeError(f"{taken.command_type} is not a light command")
        event = failure_event(row, taken.identity, taken.command, verdict)
        message = self._services.announcer.message(taken.origin, event, started=taken.started)
        return Answer(str(verdict.code), message.topic, message.value or b"", message.headers)

    async def _publish(self, answered: Sequence[tuple[Taken, Answer]]) -> None:
        services = self._services
        messages = [
            Outgoing(answer.topic, event_key(taken.identity.correlation_id), answer.value, answer.headers)
            for taken, answer in answered
        ]
        await self._lane.patience(lambda: services.producer.publish(messages))
        await services.hook(Step.LIGHT_PUBLISHED)
        for taken, answer in answered:
            place = _place(taken.record)
            services.metrics.began(taken.command_type, place)
            services.metrics.ended(taken.command_type, place, answer.code or DONE)
        self._finish([taken.record for taken, _ in answered])

    def _finish(self, records: Sequence[Incoming]) -> None:
        for record in records:
            self.starts.finished(record)
            self._lane.finished(record)

    async def _dead_letter(self, record: Incoming, reason: str, message: str) -> None:
        topic = self._services.topics.dead_letters_of(record.topic)
        letter = dead_letter(record, topic, self._lane.group, reason, message)
        await self._lane.patience(lambda: self._services.producer.publish([letter]))
        self._services.metrics.dead_lettered(record.topic, reason)
        log.warning("dead letter", topic=record.topic, offset=record.offset, code=reason, reason=message)


def _verdict(error: ProcessLost | HandlerFailed, deadline_s: float) -> Rejected:
    if isinstance(error, HandlerFailed):
        log.error("the handler failed unexpectedly", reason=str(error), traceback=error.traceback)
        return Rejected(Code.INTERNAL, f"Unexpected {error}")
    if error.stalled:
        return Rejected(Code.DEADLINE_EXCEEDED, f"The prediction took longer than {deadline_s:g} s.")
    return Rejected(Code.PREDICTION_ERROR, "The process that computed the prediction died of it.")


def _place(record: Incoming) -> tuple[str, int, int]:
    return record.topic, record.partition, record.offset
