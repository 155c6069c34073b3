"""Events as records to publish: stamped, encoded, with the headers that the contract promises."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4

from molfleet.broker.port import Headers, Outgoing
from molfleet.messages.codec import Codec
from molfleet.messages.envelope import command_headers, event_headers, event_key, generation_of
from molfleet.messages.record import Command, Event, Part, TerminalEvent


@dataclass(frozen=True, slots=True)
class Origin:
    """The command that an event is about, as far as its headers need to know it."""

    command_type: str
    identity: Command
    headers: Headers
    generation: int

    @classmethod
    def of(cls, command: Command, headers: Headers) -> Origin:
        return cls(command.full_name, command, headers, generation_of(headers))


class Announcer:
    """Builds the records of events. `topics` maps an event's full name to its topic.

    An event of a part has the topic "": it lies in the part's receipt and is published nowhere.
    """

    def __init__(
        self,
        codec: Codec,
        topics: Mapping[str, str],
        kind: str,
        version: str,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        new_id: Callable[[], UUID] = uuid4,
    ) -> None:
        self._codec = codec
        self._topics = topics
        self._kind = kind
        self._version = version
        self._now = now
        self._new_id = new_id

    def message(
        self, origin: Origin, event: Event, *, ordinal: int = 1, started: float | None = None
    ) -> Outgoing:
        """The event as it is published. `started` is the monotonic time at which its command began here;
        `ordinal` counts the events of this type about one command, from 1.
        """
        now = self._now()
        stamps: dict[str, object] = {"time_stamp": now}
        if isinstance(event, TerminalEvent):
            elapsed = 0.0 if started is None else time.monotonic() - started
            stamps |= {"worker_version": self._version, "elapsed_ms": round(elapsed * 1000)}
        event = event.model_copy(update=stamps)
        headers = event_headers(
            event,
            fingerprint=self._codec.fingerprint(event),
            command=origin.identity,
            command_type=origin.command_type,
            command_headers=origin.headers,
            generation=origin.generation,
            ordinal=ordinal,
            source_kind=self._kind,
            now=now,
            new_id=self._new_id,
        )
        topic = self._topics[event.full_name]
        value = self._codec.encode(event) if topic else self._codec.encode_single_object(event)
        return Outgoing(topic, event_key(event.correlation_id), value, headers)

    def part_of(self, value: bytes) -> Part:
        """A part of a command as a child process encoded it."""
        record = self._codec.decode(value)
        if not isinstance(record, Part):
            raise TypeError(f"{record.full_name} is not a part of a command")
        return record

    def part(self, origin: Origin, part: Part) -> tuple[bytes, Headers]:
        """Value and headers of a part of the command `origin`, of the same generation and trace."""
        headers = command_headers(
            part,
            fingerprint=self._codec.fingerprint(part),
            now=self._now(),
            generation=origin.generation,
            source=f"/molfleet/{self._kind}",
            parent=origin.headers,
            new_id=self._new_id,
        )
        return self._codec.encode(part), headers

    def event(self, value: bytes) -> Event:
        """An event as a child process encoded it."""
        record = self._codec.decode(value)
        if not isinstance(record, Event):
            raise TypeError(f"{record.full_name} is not an event")
        return record
