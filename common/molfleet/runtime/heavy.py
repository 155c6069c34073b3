"""The way of one heavy command, from its record to its committed outcome (docs/ARCHITECTURE.md)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from molfleet.broker.port import Incoming
from molfleet.errors import Code, Rejected
from molfleet.ledger.keys import Keys
from molfleet.ledger.leases import Held
from molfleet.ledger.receipts import Receipt
from molfleet.runtime.conclude import Conclusion, conclude, outgoing
from molfleet.runtime.dead_letters import dead_letter
from molfleet.runtime.heavy_attempts import run_attempts
from molfleet.runtime.intake import Taken, Unreadable
from molfleet.runtime.lane import Lane
from molfleet.runtime.lease_keeper import LeaseKeeper
from molfleet.runtime.services import Services
from molfleet.runtime.steps import Step
from molfleet.telemetry import logs
from molfleet.telemetry.metrics import DONE

T = TypeVar("T")
log = logs.get_logger(__name__)

_CONFLICT = "CONFLICT"
_REPEATED = "REPEATED"


class HeavyLane:
    """Runs the heavy commands of one topic, each in a task of its own."""

    def __init__(self, services: Services, lane: Lane) -> None:
        self._services = services
        self._lane = lane
        self._tasks: set[asyncio.Task[None]] = set()
        self._one_at_a_time: dict[str, asyncio.Lock] = {}
        self._crashed: BaseException | None = None

    def take(self, records: list[Incoming]) -> None:
        for record in records:
            task = asyncio.create_task(self._run(record))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def hand_back(self) -> None:
        """End what still runs; its offsets stay uncommitted and its leases are released."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, record: Incoming) -> None:
        try:
            await self._way(record)
        except asyncio.CancelledError:
            self._lane.abandoned(record)
            raise
        except Exception:
            # A fault of the runtime itself: the record stays in hand and uncommitted, and the growing
            # age of what is in flight shows it; committing past it would lose it.
            log.exception("a command cannot be finished", topic=record.topic, offset=record.offset)
            self._lane.patience.broken(f"{record.topic}-{record.partition}@{record.offset}")

    async def _way(self, record: Incoming) -> None:
        taken = await self._patiently(lambda: self._services.intake.read(record))
        if isinstance(taken, Unreadable):
            await self._dead_letter(record, taken.reason, taken.message)
            self._lane.finished(record)
            return
        await self._services.hook(Step.DECODED)
        identity, metrics = taken.identity, self._services.metrics
        with logs.about(taken.command_type, identity.id, identity.correlation_id):
            metrics.began(taken.command_type, identity.id)
            try:
                async with self._alone_with(taken.key):
                    code = await self._settle(taken)
            except asyncio.CancelledError:
                metrics.handed_back(taken.command_type, identity.id)
                log.info("handed back")
                raise
            metrics.ended(taken.command_type, identity.id, code)
            log.info("command finished", outcome=code)

    async def _settle(self, taken: Taken) -> str:
        """Bring one command to its published outcome, whoever computes it."""
        services = self._services
        while True:
            receipt = await self._io(
                services.ledger.receipts.get, taken.command_type, taken.identity.id, taken.generation
            )
            if receipt is not None:
                return await self._answer(taken, receipt, first=False)
            if (verdict := self._verdict_before(taken)) is not None:
                conclusion = Conclusion(services.new_id(), verdict)
                return await self._answer(taken, await self._conclude(taken, conclusion))
            past = await self._io(
                services.ledger.attempts.get, taken.command_type, taken.identity.id, taken.generation
            )
            async with self._slot(taken, alone=past.worker_deaths > 0) as got:
                if not got:
                    continue
                held = await self._io(
                    services.ledger.leases.acquire, self._lease_key(taken), services.worker
                )
                if not isinstance(held, Held):
                    keeper = LeaseKeeper(services, held)
                    try:
                        await services.hook(Step.LEASED)
                        code = await self._with_lease(taken, keeper)
                    finally:
                        await keeper.release()
                        await services.hook(Step.RELEASED)
                    if code is not None:
                        return code
                    continue
            await asyncio.sleep(min(max(held.expires_in_s, 0.1), services.settings.lease_ttl_s / 3))

    async def _with_lease(self, taken: Taken, keeper: LeaseKeeper) -> str | None:
        """Compute and answer while holding the lease; None when another worker took it."""
        ledger = self._services.ledger
        name = (taken.command_type, taken.identity.id, taken.generation)
        receipt = await self._io(ledger.receipts.get, *name)
        if receipt is not None:
            return await self._answer(taken, receipt, first=False)
        conclusion = await run_attempts(self._services, self._lane.patience, taken, keeper)
        if conclusion is None:
            return None
        await self._services.hook(Step.COMPUTED)
        code = await self._answer(taken, await self._conclude(taken, conclusion))
        if conclusion.kept_checkpoints:
            await self._io(ledger.checkpoints.delete_all, *name)
        return code

    def _verdict_before(self, taken: Taken) -> Rejected | None:
        """Why a command is not begun: invalid, cancelled or expired."""
        if taken.problem is not None:
            return taken.problem
        why = self._services.cancellations.of(
            taken.identity.id, generation=taken.generation, delivered_ms=taken.record.timestamp_ms
        )
        if why is not None:
            return Rejected(Code.CANCELLED, why)
        expires = taken.identity.expires_at
        if expires is not None and self._services.now() > expires:
            return Rejected(
                Code.DEADLINE_EXCEEDED,
                f"The command expired at {expires.isoformat()} before a worker could begin it.",
            )
        return None

    async def _conclude(self, taken: Taken, conclusion: Conclusion) -> Receipt:
        receipt = await self._patiently(lambda: conclude(self._services, taken, conclusion))
        await self._services.hook(Step.RECEIPT_WRITTEN)
        return receipt

    async def _answer(self, taken: Taken, receipt: Receipt, *, first: bool = True) -> str:
        """Publish what the receipt holds, byte for byte, then let the offset be committed."""
        record, services = taken.record, self._services
        if not services.intake.same_content(taken, receipt.command):
            await self._dead_letter(
                record,
                _CONFLICT,
                f"Another {taken.command_type} with id {taken.identity.id} and other content was answered "
                "before; one id names one command.",
            )
            code = _CONFLICT
        else:
            if receipt.dead_letter:
                code = receipt.code or Code.WORKER_CRASHED
                await self._dead_letter(record, code, "The failure event says why.")
                await services.hook(Step.DEAD_LETTERED)
            await self._patiently(lambda: services.producer.publish(outgoing(receipt)))
            await services.hook(Step.PUBLISHED)
            code = (receipt.code or DONE) if first else _REPEATED
        self._lane.finished(record)
        await self._lane.commit()
        await services.hook(Step.FINISHED)
        return code

    async def _dead_letter(self, record: Incoming, reason: str, message: str) -> None:
        topic = self._services.topics.dead_letters_of(record.topic)
        letter = dead_letter(record, topic, self._lane.group, reason, message)
        await self._patiently(lambda: self._services.producer.publish([letter]))
        self._services.metrics.dead_lettered(record.topic, reason)
        log.warning("dead letter", topic=record.topic, offset=record.offset, code=reason, reason=message)

    @asynccontextmanager
    async def _slot(self, taken: Taken, *, alone: bool) -> AsyncIterator[bool]:
        """A compute slot; False, without one, when the command is cancelled while it waits."""
        cancelled: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def wake() -> None:
            if not cancelled.done():
                cancelled.set_result(None)

        forget = self._services.cancellations.watch(taken.identity.id, wake)
        ticket = self._services.slots.ask(alone=alone)
        try:
            await asyncio.wait({ticket.granted, cancelled}, return_when=asyncio.FIRST_COMPLETED)
            yield ticket.granted.done()
        finally:
            forget()
            ticket.give_back()

    @asynccontextmanager
    async def _alone_with(self, key: str) -> AsyncIterator[None]:
        """Deliveries of one command take turns here, so that only the first computes."""
        lock = self._one_at_a_time.setdefault(key, asyncio.Lock())
        try:
            async with lock:
                yield
        finally:
            if not lock.locked():
                self._one_at_a_time.pop(key, None)

    def _lease_key(self, taken: Taken) -> str:
        keys = Keys(self._services.settings.topic_prefix)
        return keys.lease(taken.command_type, taken.identity.id, taken.generation)

    async def _io(self, function: Callable[..., T], *args: object) -> T:
        return await self._patiently(lambda: self._services.io(function, *args))

    async def _patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        return await self._lane.patience(call)
