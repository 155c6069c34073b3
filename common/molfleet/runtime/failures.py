"""Failure events that can always be published: valid text, bounded size, whatever the verdict says."""

from __future__ import annotations

from collections.abc import Sequence

from molfleet.errors import Code, Rejected
from molfleet.messages.codec import MAX_BYTES
from molfleet.messages.record import Command, Event, FailureEvent
from molfleet.runtime.handler import Handler, LightHandler
from molfleet.settings import Settings
from molfleet.telemetry.logs import get_logger

log = get_logger(__name__)

_MAX_MESSAGE = 4_000
_MAX_DETAIL = 1_000
_MAX_DETAILS = 50
#: Bytes that the key and the headers of an event may take beside its value.
_HEADERS_ROOM = 8 << 10


def failure_event(
    row: Handler | LightHandler,
    identity: Command,
    command: Command | None,
    verdict: Rejected,
    emitted: Sequence[Event] = (),
) -> FailureEvent:
    """The failure event of a row, completed by the row's own function where it has one."""
    details = list(verdict.details.items())[:_MAX_DETAILS]
    failure = row.failure.answer(
        identity,
        code=str(verdict.code),
        message=_plain(verdict.message, _MAX_MESSAGE),
        retryable=verdict.retryable,
        details={_plain(name, _MAX_DETAIL): _plain(value, _MAX_DETAIL) for name, value in details},
    )
    if isinstance(row, Handler) and row.failed is not None:
        try:
            return row.failed(command, failure, emitted)
        except Exception:
            log.exception("a failure event could not be completed by its handler")
    return failure


def largest_event(settings: Settings) -> int:
    """Bytes that an event's value may have: what is published, and what readers of ours decode."""
    return min(settings.kafka.max_request_bytes, MAX_BYTES) - _HEADERS_ROOM


def too_large(name: str, size: int, limit: int) -> Rejected:
    return Rejected(
        Code.RESULT_TOO_LARGE, f"{name} has {size} bytes, more than the {limit} that may be published."
    )


def _plain(text: object, limit: int) -> str:
    """Text that an event can carry: handlers pass on whatever they found in files."""
    found = str(text)
    if len(found) > limit:
        found = f"{found[: limit - 1]}…"
    return found.encode("utf-8", "replace").decode()
