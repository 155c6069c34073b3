"""From a conclusion to the one receipt of a command: built, held to its limits, written if absent."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import UUID

from molfleet.blobs.port import BlobError
from molfleet.broker.port import Outgoing
from molfleet.errors import Rejected, Unavailable
from molfleet.ledger.receipts import Receipt, StoredEvent, StoredOutput
from molfleet.messages.record import Event, TerminalEvent
from molfleet.runtime.failures import failure_event, largest_event, too_large
from molfleet.runtime.handler import Handler
from molfleet.runtime.intake import Taken
from molfleet.runtime.job import row_of
from molfleet.runtime.services import Services

Outputs = Mapping[tuple[str, str], str]


@dataclass(frozen=True)
class Conclusion:
    """What an attempt came to: a success event, or the verdict that becomes the failure event.

    `attempts` counts those begun; `emitted` are the events handed over before; `outputs` maps
    (bucket, key) to sha256; `started` is the monotonic time at which the attempt began.
    """

    attempt: UUID
    result: Event | Rejected
    attempts: int = 0
    emitted: tuple[Event, ...] = ()
    outputs: Outputs = field(default_factory=dict)
    dead_letter: bool = False
    started: float | None = None


async def conclude(services: Services, taken: Taken, conclusion: Conclusion) -> Receipt:
    """Write the receipt if there is none; returns the one that counts, ours or an earlier winner's.

    Raises Unavailable; calling it again is safe.
    """
    ours = _receipt(services, taken, conclusion)
    winner = await services.io(services.ledger.receipts.put_if_absent, ours)
    kept = {(output.bucket, output.key) for output in winner.outputs}
    await delete_outputs(services, [place for place in conclusion.outputs if place not in kept])
    return winner


async def delete_outputs(services: Services, outputs: Iterable[tuple[str, str]]) -> None:
    """Remove what an attempt without a receipt has written, as far as the store lets us."""
    for bucket, key in outputs:
        with suppress(Unavailable, BlobError):
            await services.io(services.ledger.store.delete, bucket, key)


def outgoing(receipt: Receipt) -> list[Outgoing]:
    """The receipt's events as they are published, in order; those of a part are not."""
    return [
        Outgoing(event.topic, event.key, event.value, event.headers)
        for event in receipt.events
        if event.topic
    ]


def _receipt(services: Services, taken: Taken, conclusion: Conclusion) -> Receipt:
    started = taken.started if conclusion.started is None else conclusion.started
    row = row_of(services.table, taken.command_type)
    early = row.early if isinstance(row, Handler) else ()
    late = [event for event in conclusion.emitted if not isinstance(event, early)]
    result = conclusion.result
    if not isinstance(result, Rejected):
        terminal = _success(result)
        last = services.announcer.message(taken.origin, terminal, started=started)
        size, limit = len(last.value or b""), largest_event(services.settings)
        if size > limit:
            result = too_large(terminal.full_name, size, limit)
    if isinstance(result, Rejected):
        failure = failure_event(row, taken.identity, taken.command, result, conclusion.emitted)
        last = services.announcer.message(taken.origin, failure, started=started)
    verdict = result if isinstance(result, Rejected) else None
    events = [_stored(services, taken, event, n, late) for n, event in enumerate(late)]
    named = conclusion.outputs if verdict is None else _named_by(late, conclusion.outputs)
    return Receipt(
        command_type=taken.command_type,
        command_id=taken.identity.id,
        generation=taken.generation,
        attempt=conclusion.attempt,
        command=taken.value,
        command_headers=taken.record.headers,
        events=(*events, _as_stored(last)),
        outputs=tuple(StoredOutput(*place, sha256) for place, sha256 in named.items()),
        attempts=conclusion.attempts,
        timings={"elapsed_s": round(time.monotonic() - started, 3)},
        versions={"molfleet": services.version},
        outcome="done" if verdict is None else "failed",
        code=None if verdict is None else str(verdict.code),
        dead_letter=conclusion.dead_letter,
        created=services.now(),
    )


def _success(event: Event) -> TerminalEvent:
    if not isinstance(event, TerminalEvent):
        raise TypeError(f"a handler returned {event.full_name}, which is not a terminal event")
    return event


def _stored(
    services: Services, taken: Taken, event: Event, index: int, late: Sequence[Event]
) -> StoredEvent:
    ordinal = 1 + sum(other.full_name == event.full_name for other in late[:index])
    return _as_stored(services.announcer.message(taken.origin, event, ordinal=ordinal))


def _as_stored(message: Outgoing) -> StoredEvent:
    return StoredEvent(message.topic, message.key, message.value or b"", message.headers)


def _named_by(events: Sequence[Event], outputs: Outputs) -> Outputs:
    """The outputs that these events speak of; the others are nobody's."""
    text = "".join(event.model_dump_json() for event in events)
    return {place: digest for place, digest in outputs.items() if place[1] in text}
