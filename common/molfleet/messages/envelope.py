"""Keys, ids and headers of messages. Pure: clock and ids are the caller's."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID, uuid4, uuid5

from molfleet.broker.port import Headers
from molfleet.messages.record import Command, Event, TerminalEvent

GENERATION = "molfleet-generation"

#: The headers of a command that its events depend on.
CARRIED = frozenset({"traceparent", "tracestate", "ConversationId", GENERATION})

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_GENERATION = re.compile(r"[1-9][0-9]{0,8}")
_MAX_TRACESTATE = 4096
_MAX_CONVERSATION = 256


def terminal_event_id(command_type: str, command_id: UUID, generation: int = 1) -> UUID:
    """Id of the terminal event of a command; `command_type` is the full name of the command's record.

    Success and failure share it, so that whoever sees both knows them for one outcome.
    """
    return uuid5(command_id, f"{command_type}:terminal{_suffix(generation)}")


def event_id(event_type: str, command_id: UUID, ordinal: int, generation: int = 1) -> UUID:
    """Id of the `ordinal`-th event (from 1) of that type about a command."""
    return uuid5(command_id, f"{event_type}:{ordinal}{_suffix(generation)}")


def event_key(correlation_id: UUID) -> bytes:
    """The Kafka key of every event."""
    return str(correlation_id).encode()


def generation_of(headers: Headers) -> int:
    """The generation that a command's headers name; 1 where absent or malformed."""
    text = _text(headers, GENERATION)
    return int(text) if text is not None and _GENERATION.fullmatch(text) else 1


def event_headers(
    event: Event,
    *,
    fingerprint: str,
    command: Command,
    command_type: str,
    command_headers: Headers,
    generation: int,
    ordinal: int,
    source_kind: str,
    now: datetime,
    new_id: Callable[[], UUID] = uuid4,
) -> Headers:
    """Headers of an event about `command`, whose record has the full name `command_type`.

    `ordinal` counts the events of this type about the command, from 1 (a terminal event has none). The
    trace goes on from the command's headers under a new span; a new one begins where there is none.
    Malformed headers of the command are passed over.
    """
    if isinstance(event, TerminalEvent):
        own_id = terminal_event_id(command_type, command.id, generation)
    else:
        own_id = event_id(event.full_name, command.id, ordinal, generation)
    correlation_id = str(event.correlation_id)
    return _headers(
        message_id=own_id,
        source=f"/molfleet/{source_kind}",
        type_=event.full_name,
        subject=command.id,
        fingerprint=fingerprint,
        now=now,
        trace=_child_trace(command_headers, new_id),
        rest=[
            ("CorrelationId", correlation_id),
            ("ConversationId", _text(command_headers, "ConversationId") or correlation_id),
            ("InitiatorId", str(command.id)),
            *_generation_header(generation),
        ],
    )


def command_headers(
    command: Command,
    *,
    fingerprint: str,
    now: datetime,
    generation: int = 1,
    source: str = "/molfleet/client",
    parent: Headers = (),
    new_id: Callable[[], UUID] = uuid4,
) -> Headers:
    """Headers of a command to publish. `parent` may hold the publisher's own traceparent."""
    correlation_id = str(command.correlation_id)
    return _headers(
        message_id=command.id,
        source=source,
        type_=command.full_name,
        subject=command.id,
        fingerprint=fingerprint,
        now=now,
        trace=_child_trace(parent, new_id),
        rest=[
            ("CorrelationId", correlation_id),
            ("ConversationId", correlation_id),
            *_generation_header(generation),
        ],
    )


def _headers(
    *,
    message_id: UUID,
    source: str,
    type_: str,
    subject: UUID,
    fingerprint: str,
    now: datetime,
    trace: list[tuple[str, str]],
    rest: list[tuple[str, str]],
) -> Headers:
    time = now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    headers = [
        ("content-type", "application/avro"),
        ("ce_id", str(message_id)),
        ("ce_source", source),
        ("ce_type", type_),
        ("ce_specversion", "1.0"),
        ("ce_time", time),
        ("ce_subject", str(subject)),
        ("ce_dataschema", f"urn:molfleet:schema:{fingerprint}"),
        *trace,
        ("MessageId", str(message_id)),
        *rest,
    ]
    return tuple((name, value.encode()) for name, value in headers)


def _child_trace(headers: Headers, new_id: Callable[[], UUID]) -> list[tuple[str, str]]:
    """W3C trace context, https://www.w3.org/TR/trace-context/: the same trace, a new parent id."""
    span = new_id().hex[16:]
    found = _TRACEPARENT.fullmatch(_text(headers, "traceparent") or "")
    if found is None or not _is_trace(*found.groups()):
        return [("traceparent", f"00-{new_id().hex}-{span}-00")]
    trace = [("traceparent", f"00-{found[2]}-{span}-{found[4]}")]
    state = _text(headers, "tracestate", _MAX_TRACESTATE)
    return [*trace, ("tracestate", state)] if state else trace


def _is_trace(version: str, trace: str, span: str, flags: str, more: str | None) -> bool:
    if version == "ff" or (version == "00" and more is not None):
        return False
    return trace.strip("0") != "" and span.strip("0") != ""


def _generation_header(generation: int) -> list[tuple[str, str]]:
    return [(GENERATION, str(generation))] if generation > 1 else []


def _suffix(generation: int) -> str:
    return f":g{generation}" if generation > 1 else ""


def _text(headers: Headers, name: str, limit: int = _MAX_CONVERSATION) -> str | None:
    """The last header of that name as text; None where absent, not UTF-8 or longer than `limit` bytes."""
    for key, value in reversed(headers):
        if key == name:
            if not value or len(value) > limit:
                return None
            try:
                return value.decode()
            except UnicodeDecodeError:
                return None
    return None
