"""The way of one heavy command, from its record to its committed outcome (docs/ARCHITECTURE.md)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any, TypeVar

from molfleet.broker.port import Incoming
from molfleet.errors import Code, Rejected
from molfleet.ledger.attempts import AttemptRecord
from molfleet.ledger.checkpoints import PARTS
from molfleet.ledger.keys import Keys
from molfleet.ledger.leases import Held
from molfleet.ledger.receipts import Receipt
from molfleet.runtime.compute import PartsWanted
from molfleet.runtime.conclude import Conclusion, conclude, outgoing
from molfleet.runtime.heavy_attempts import hand_back, run_attempts
from molfleet.runtime.intake import Taken, Unreadable
from molfleet.runtime.lane import Lane
from molfleet.runtime.lease_keeper import LeaseKeeper
from molfleet.runtime.parts import PAUSE_S, AwaitedParts
from molfleet.runtime.send_dead_letter import send_dead_letter
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
        self._waiting: set[asyncio.Task[Any]] = set()
        self._one_at_a_time: dict[str, tuple[asyncio.Lock, int]] = {}
        self._stopping = False

    @property
    def busy(self) -> bool:
        return bool(self._tasks)

    def take(self, records: list[Incoming]) -> None:
        for record in records:
            task = asyncio.create_task(self._run(record))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def stop_taking(self) -> None:
        """Give back at once what only waits for a slot, or for another's lease."""
        self._stopping = True
        for task in self._waiting:
            task.cancel()

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
            await send_dead_letter(self._services, self._lane, record, taken.reason, taken.message)
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
        services, ledger = self._services, self._services.ledger
        name = (taken.command_type, taken.identity.id, taken.generation)
        alone, begun, awaited = False, False, None
        while True:
            receipt = await self._io(ledger.receipts.get, *name)
            if receipt is not None:
                return await self._answer(taken, receipt, first=False)
            if (verdict := self._cancelled(taken)) is not None:
                conclusion = Conclusion(services.new_id(), verdict)
                return await self._answer(taken, await self._conclude(taken, conclusion))
            if awaited is not None:
                with self._parked():
                    if not await awaited.done():
                        await asyncio.sleep(PAUSE_S)
                        continue
                awaited = None
            async with self._slot(taken, alone=alone, begun=begun) as got:
                if not got:
                    continue
                held = await self._io(ledger.leases.acquire, self._lease_key(taken), services.worker)
                if not isinstance(held, Held):
                    keeper, came = LeaseKeeper(services, held), None
                    try:
                        await services.hook(Step.LEASED)
                        past = await self._io(ledger.attempts.bury, *name)
                        if not begun and any(name.endswith(PARTS) for name in past.checkpoints):
                            begun = True  # it may have expired since: now it needs a slot all the same
                        elif past.worker_deaths == 0 or alone or services.slots.count == 1:
                            came = await self._with_lease(taken, keeper, past, begun=begun)
                        else:
                            alone = True
                    finally:
                        await keeper.release()
                        await services.hook(Step.RELEASED)
                    if isinstance(came, str):
                        return came
                    if came is not None:
                        begun, awaited = True, AwaitedParts(services, self._lane.patience, taken, came)
                        await awaited.send()
                        await services.hook(Step.PARTS_SENT)
                    continue
            alone = False
            with self._parked():
                await asyncio.sleep(min(max(held.expires_in_s, 0.1), services.settings.lease_ttl_s / 3))

    async def _with_lease(
        self, taken: Taken, keeper: LeaseKeeper, past: AttemptRecord, *, begun: bool
    ) -> str | PartsWanted | None:
        """Compute and answer while holding the lease; None when another worker took it.

        What has `begun`, since it has parts, does not expire any more.
        """
        services, ledger = self._services, self._services.ledger
        name = (taken.command_type, taken.identity.id, taken.generation)
        receipt = await self._io(ledger.receipts.get, *name)
        if receipt is not None:
            return await self._answer(taken, receipt, first=False)
        if not begun and (verdict := taken.unfit(services.now())) is not None:
            conclusion: Conclusion | PartsWanted | None = Conclusion(
                services.new_id(), verdict, attempts=past.begun
            )
        else:
            conclusion = await run_attempts(services, self._lane.patience, taken, keeper, past)
        if conclusion is None or isinstance(conclusion, PartsWanted):
            return conclusion
        try:
            await services.hook(Step.COMPUTED)
            receipt = await self._conclude(taken, conclusion)
        except asyncio.CancelledError:
            # The receipt may be on its way to the store: the outputs stay.
            await hand_back(services, taken, conclusion.attempt)
            raise
        return await self._answer(taken, receipt)

    def _cancelled(self, taken: Taken) -> Rejected | None:
        why = self._services.cancellations.of(
            taken.identity.id,
            taken.whole,
            generation=taken.generation,
            delivered_ms=taken.record.timestamp_ms,
        )
        return None if why is None else Rejected(Code.CANCELLED, why)

    async def _conclude(self, taken: Taken, conclusion: Conclusion) -> Receipt:
        receipt = await self._patiently(lambda: conclude(self._services, taken, conclusion))
        await self._services.hook(Step.RECEIPT_WRITTEN)
        return receipt

    async def _answer(self, taken: Taken, receipt: Receipt, *, first: bool = True) -> str:
        """Publish what the receipt holds, byte for byte, then let the offset be committed."""
        record, services = taken.record, self._services
        if not await self._patiently(lambda: services.intake.same_content(taken, receipt.command)):
            await send_dead_letter(
                self._services,
                self._lane,
                record,
                _CONFLICT,
                f"Another {taken.command_type} with id {taken.identity.id} and other content was answered "
                "before; one id names one command.",
            )
            code = _CONFLICT
        else:
            if receipt.dead_letter:
                code = receipt.code or Code.WORKER_CRASHED
                await send_dead_letter(
                    self._services, self._lane, record, code, "The failure event says why."
                )
                await services.hook(Step.DEAD_LETTERED)
            await self._patiently(lambda: services.producer.publish(outgoing(receipt)))
            await services.hook(Step.PUBLISHED)
            code = (receipt.code or DONE) if first else _REPEATED
        self._lane.finished(record)
        await self._lane.commit()
        await services.hook(Step.FINISHED)
        if (receipt.attempts or receipt.code == Code.CANCELLED) and code != _CONFLICT:
            # A replay of what failed need not compute again what its parts have computed.
            shared = receipt.code in (None, Code.CANCELLED)
            name = (taken.command_type, taken.identity.id, taken.generation)
            await self._io(partial(services.ledger.checkpoints.delete_all, shared=shared), *name)
        return code

    @asynccontextmanager
    async def _slot(self, taken: Taken, *, alone: bool, begun: bool) -> AsyncIterator[bool]:
        """A compute slot; False, without one, when the command is cancelled while it waits.

        What is not begun in any case needs none.
        """
        services = self._services
        if not begun and taken.unfit(services.now()) is not None:
            yield True
            return
        cancelled = asyncio.Event()
        forget = services.cancellations.watch(taken.identity.id, taken.whole, wake=cancelled.set)
        ticket = services.slots.ask(alone=alone)
        waiting: asyncio.Future[Any] = asyncio.ensure_future(cancelled.wait())
        try:
            with self._parked():
                await asyncio.wait({ticket.granted, waiting}, return_when=asyncio.FIRST_COMPLETED)
            yield ticket.granted.done()
        finally:
            waiting.cancel()
            forget()
            ticket.give_back()

    @asynccontextmanager
    async def _alone_with(self, key: str) -> AsyncIterator[None]:
        """Deliveries of one command take turns here, so that only the first computes."""
        lock, users = self._one_at_a_time.get(key, (asyncio.Lock(), 0))
        self._one_at_a_time[key] = lock, users + 1
        try:
            with self._parked():
                await lock.acquire()
            try:
                yield
            finally:
                lock.release()
        finally:
            lock, users = self._one_at_a_time.pop(key)
            if users > 1:
                self._one_at_a_time[key] = lock, users - 1

    @contextmanager
    def _parked(self) -> Iterator[None]:
        """Around a wait for others' work: a worker that stops does not begin what waits here."""
        task = asyncio.current_task()
        if task is None or self._stopping:
            raise asyncio.CancelledError
        self._waiting.add(task)
        try:
            yield
        finally:
            self._waiting.discard(task)

    def _lease_key(self, taken: Taken) -> str:
        keys = Keys(self._services.settings.topic_prefix)
        return keys.lease(taken.command_type, taken.identity.id, taken.generation)

    async def _io(self, function: Callable[..., T], *args: object) -> T:
        return await self._patiently(lambda: self._services.io(function, *args))

    async def _patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        return await self._lane.patience(call)
