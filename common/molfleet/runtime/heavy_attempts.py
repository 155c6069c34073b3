"""Attempts at one heavy command under a lease, until one of them says what the outcome is."""

from __future__ import annotations

import asyncio
import shutil
import time
from contextlib import suppress
from dataclasses import replace
from uuid import UUID

from molfleet.blobs.port import BlobError
from molfleet.errors import Code, Rejected, Unavailable
from molfleet.ledger.attempts import AttemptRecord, Ending
from molfleet.ledger.encoding import UnreadableEntry
from molfleet.messages.codec import DecodingError
from molfleet.messages.record import Event
from molfleet.runtime.compute import Attempt, Away, Died, Done, Outcome, PartsWanted, Refused, Stopped
from molfleet.runtime.conclude import Conclusion, delete_outputs
from molfleet.runtime.handler import ComputeShare, Handler
from molfleet.runtime.intake import Taken
from molfleet.runtime.job import Job, reveal, row_of
from molfleet.runtime.lease_keeper import LeaseKeeper
from molfleet.runtime.patience import Patience
from molfleet.runtime.progress import ProgressFeed
from molfleet.runtime.services import Services
from molfleet.runtime.steps import Step
from molfleet.telemetry.logs import get_logger

log = get_logger(__name__)

_HAND_BACK_S = 5.0


async def run_attempts(
    services: Services, patience: Patience, taken: Taken, keeper: LeaseKeeper, past: AttemptRecord
) -> Conclusion | PartsWanted | None:
    """What the first attempt that comes to something comes to; None when another took the lease.

    `past` is what came before, deaths of earlier workers counted.
    """
    runner = _Runner(services, patience, taken, keeper)
    while not keeper.lost:
        if (verdict := runner.given_up(past)) is not None:
            return Conclusion(services.new_id(), verdict, attempts=past.begun, dead_letter=True)
        conclusion = await runner.attempt(services.new_id())
        if conclusion is not None:
            return conclusion
        past = await runner.past()
    return None


async def hand_back(services: Services, taken: Taken, attempt_id: UUID) -> None:
    """Say that this worker did not die; if the store is away, its next taker counts one death."""
    name = (taken.command_type, taken.identity.id, taken.generation)
    with suppress(Unavailable, BlobError, UnreadableEntry, TimeoutError):
        async with asyncio.timeout(_HAND_BACK_S):
            await services.io(services.ledger.attempts.end, *name, attempt_id, Ending.HANDED_BACK)


class _Runner:
    def __init__(self, services: Services, patience: Patience, taken: Taken, keeper: LeaseKeeper) -> None:
        self._services = services
        self._patience = patience
        self._taken = taken
        self._keeper = keeper
        self._name = (taken.command_type, taken.identity.id, taken.generation)
        row = row_of(services.table, taken.command_type)
        if not isinstance(row, Handler):
            raise TypeError(f"{taken.command_type} is not a heavy command")
        self._row = row
        self._began = 0.0

    async def past(self) -> AttemptRecord:
        attempts = self._services.ledger.attempts
        return await self._patience(lambda: self._services.io(attempts.get, *self._name))

    def given_up(self, past: AttemptRecord) -> Rejected | None:
        limits = self._services.settings.worker
        if past.child_deaths >= limits.child_attempts:
            who, deaths = "the process that computed it", past.child_deaths
        elif past.worker_deaths >= limits.crash_limit:
            who, deaths = "the worker that computed it", past.worker_deaths
        else:
            return None
        return Rejected(
            Code.WORKER_CRASHED,
            f"The command was given up after {who} died {deaths} times without a result.",
            details={"deaths": str(deaths)},
        )

    async def attempt(self, attempt_id: UUID) -> Conclusion | PartsWanted | None:
        """One attempt; None where it came to nothing (its child died, its lease was taken)."""
        services = self._services
        self._began = time.monotonic()
        feed, early = ProgressFeed(services, self._taken), list[asyncio.Task[None]]()
        attempt = Attempt(
            services.forks,
            deadline_s=services.settings.worker.deadline_s,
            on_progress=feed.report,
            on_emitted=lambda event: self._emitted(event, attempt, early),
        )
        scratch = services.scratch / str(attempt_id)
        beginning = asyncio.ensure_future(self._begin(attempt_id))
        try:
            feed.attempt = begun = await asyncio.shield(beginning)
            await services.hook(Step.ATTEMPT_RECORDED)
            services.metrics.attempted(self._taken.command_type)
            scratch.mkdir(parents=True)
            outcome = await self._watched(attempt, self._job(attempt_id, str(scratch)))
            await asyncio.gather(*early)
            return await self._weigh(outcome, attempt_id, attempt, begun)
        except asyncio.CancelledError:
            # A beginning that is just being written must not look like the death of this worker.
            await asyncio.wait({beginning}, timeout=_HAND_BACK_S)
            await hand_back(services, self._taken, attempt_id)
            await delete_outputs(services, attempt.report.outputs)
            raise
        finally:
            for task in (beginning, *early):
                task.cancel()
            feed.close()
            await asyncio.to_thread(shutil.rmtree, scratch, ignore_errors=True)

    async def _weigh(
        self, outcome: Outcome, attempt_id: UUID, attempt: Attempt, begun: int
    ) -> Conclusion | PartsWanted | None:
        report = attempt.report
        match outcome:
            case Done(event):
                result: Event | Rejected = self._result(event)
            case Refused(verdict, traceback):
                if traceback:
                    log.error("the handler failed unexpectedly", traceback=traceback)
                result = verdict
            case PartsWanted():
                await self._end(attempt_id, Ending.NOT_COUNTED)
                log.info("the command waits for its parts", open=len(outcome.parts), parts=outcome.total)
                return replace(outcome, attempt=begun)
            case Away(message):
                await self._end(attempt_id, Ending.NOT_COUNTED)
                await delete_outputs(self._services, report.outputs)
                log.warning("the attempt needs what is away", reason=message)
                await self._wait_for_store()
                return None
            case Stopped(reason):
                await delete_outputs(self._services, report.outputs)
                log.warning("the attempt was stopped", reason=reason)
                return None
            case Died(exit_code):
                await self._end(attempt_id, Ending.CHILD_DIED)
                await delete_outputs(self._services, report.outputs)
                log.warning("the computing process died", exit_code=exit_code)
                return None
        return Conclusion(
            attempt_id,
            result,
            attempts=begun,
            emitted=tuple(self._services.announcer.event(event) for event in report.emitted),
            outputs=dict(report.outputs),
            started=self._began,
        )

    def _result(self, event: bytes) -> Event | Rejected:
        try:
            return self._services.announcer.event(event)
        except DecodingError as error:
            return Rejected(Code.INTERNAL, f"The handler's event cannot be read: {error}")

    async def _watched(self, attempt: Attempt, job: Job) -> Outcome:
        """The attempt's outcome, under cancellation and a lease that may be taken."""
        taken, cancellations = self._taken, self._services.cancellations
        ids = (taken.identity.id, taken.whole)

        def cancel() -> None:
            why = cancellations.of(
                *ids, generation=taken.generation, delivered_ms=taken.record.timestamp_ms
            )
            if why is not None:
                attempt.stop(Refused(Rejected(Code.CANCELLED, why)))

        forget = (
            cancellations.watch(*ids, wake=cancel),
            self._keeper.watch(lambda: attempt.stop(Stopped("another worker took the lease"))),
        )
        cancel()
        if self._keeper.lost:
            attempt.stop(Stopped("another worker took the lease"))
        try:
            return await attempt.run(job, taken.value, self._services.hook)
        finally:
            for stop_watching in forget:
                stop_watching()

    async def _emitted(self, event: bytes, attempt: Attempt, early: list[asyncio.Task[None]]) -> None:
        """Events that may not wait for the receipt are published as they come."""
        record = self._services.announcer.event(event)
        if not isinstance(record, self._row.early):
            return
        announcer = self._services.announcer
        same = sum(isinstance(announcer.event(e), type(record)) for e in attempt.report.emitted)
        message = announcer.message(self._taken.origin, record, ordinal=same)
        publish = self._services.producer.publish

        async def send() -> None:
            await self._patience(lambda: publish([message]))

        early.append(asyncio.create_task(send()))

    async def _begin(self, attempt_id: UUID) -> int:
        services = self._services
        record = await self._patience(
            lambda: services.io(services.ledger.attempts.begin, *self._name, attempt_id, services.worker)
        )
        return record.begun

    async def _end(self, attempt_id: UUID, how: Ending) -> None:
        services = self._services
        await self._patience(
            lambda: services.io(services.ledger.attempts.end, *self._name, attempt_id, how)
        )

    async def _wait_for_store(self) -> None:
        """Returns when the state store answers; the lane shows as paused meanwhile."""
        services = self._services
        await asyncio.sleep(services.settings.worker.retry_pause_s)
        await self._patience(lambda: services.io(services.ledger.attempts.get, *self._name))

    def _job(self, attempt_id: UUID, scratch: str) -> Job:
        services, taken = self._services, self._taken
        settings = services.settings
        return Job(
            table=services.table_path,
            command_type=taken.command_type,
            command_id=taken.identity.id,
            attempt=attempt_id,
            digest=services.intake.digest(taken.value),
            generation=taken.generation,
            whole=taken.whole,
            scratch=scratch,
            share=ComputeShare(
                processes=settings.processes_per_command,
                memory_bytes=settings.worker.memory_bytes,
                record_time_limit_s=settings.worker.record_time_limit_s,
                max_input_bytes=settings.blobs.max_input_bytes,
                split_records=settings.worker.split_records,
                part_records=settings.worker.part_records,
                trust=services.trust,
                signing_key_file=settings.bundles.signing_key_file,
            ),
            settings=reveal(settings),
        )
