"""What every rival does with one command: our codec, our headers, the fields that our worker fills."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from bench.no_ops import answer
from molfleet.broker.port import Headers
from molfleet.messages.codec import Codec
from molfleet.messages.envelope import event_headers, event_key, generation_of
from molfleet.messages.generated import SingleStructurePredict


class Answerer:
    """Decodes a command's value, builds the event about it, encodes that."""

    def __init__(self) -> None:
        self._codec = Codec()

    def command(self, value: bytes | None) -> SingleStructurePredict:
        command = self._codec.decode(value)
        if not isinstance(command, SingleStructurePredict):
            raise TypeError(f"{command.full_name} does not belong here")
        return command

    def event(
        self, command: SingleStructurePredict, headers: Headers, started: float
    ) -> tuple[bytes, bytes, Headers]:
        """Key, value and headers of the event."""
        now = datetime.now(UTC)
        elapsed_ms = round((time.monotonic() - started) * 1000)
        stamps = {"time_stamp": now, "worker_version": "rival", "elapsed_ms": elapsed_ms}
        event = answer(command).model_copy(update=stamps)
        event_own = event_headers(
            event,
            fingerprint=self._codec.fingerprint(event),
            command=command,
            command_type=command.full_name,
            command_headers=headers,
            generation=generation_of(headers),
            ordinal=1,
            source_kind="rival",
            now=now,
        )
        return event_key(event.correlation_id), self._codec.encode(event), event_own
