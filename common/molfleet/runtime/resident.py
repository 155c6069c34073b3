"""A resident process for light commands: loads models once, answers micro-batches until told to end."""

from __future__ import annotations

import itertools
import json
import socket
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from molfleet.blobs.factory import open_store
from molfleet.blobs.port import BlobStore
from molfleet.broker.port import Headers
from molfleet.errors import Unavailable
from molfleet.ledger.transfer import resolve, version
from molfleet.messages.codec import InvalidFields
from molfleet.messages.factory import open_codec
from molfleet.messages.generated import BlobRef
from molfleet.messages.record import Command, FailureEvent, TerminalEvent
from molfleet.runtime import frames
from molfleet.runtime.announce import Announcer, Origin
from molfleet.runtime.failures import failure_event, largest_event, too_large
from molfleet.runtime.handler import LightHandler
from molfleet.runtime.job import Residence, conceal, load_table, row_of
from molfleet.settings import Settings
from molfleet.telemetry.metrics import DONE

_VERSION_LIFE_S = 1.0

#: The code of an answer that is none: the fields of the command break the rules of its type.
INVALID = "invalid"
_INVALID = (INVALID.encode(), b"", b"", b"", frames.pack_headers(()))


class ResidentContext:
    """Implements runtime.handler.LightContext."""

    def __init__(self, residence: Residence, settings: Settings, store: BlobStore) -> None:
        self._store = store
        self._settings = settings
        self._numbers = itertools.count(1)
        self._versions: dict[tuple[str, str], tuple[float, str]] = {}
        self.scratch = Path(residence.scratch)
        self.cache_bytes = residence.cache_bytes
        self.trust = residence.trust
        self.resident: Any = None

    def version(self, ref: BlobRef) -> str:
        place, now = (ref.bucket, ref.key), time.monotonic()
        known = self._versions.get(place)
        if known is None or now - known[0] > _VERSION_LIFE_S:
            if len(self._versions) > 10_000:
                self._versions.clear()
            known = now, version(self._store, ref, state_bucket=self._settings.state_bucket)
            self._versions[place] = known
        return known[1]

    def fetch(self, ref: BlobRef) -> Path:
        target = self.scratch / f"model-{next(self._numbers)}"
        limit = self._settings.blobs.max_model_bytes
        resolve(self._store, ref, target, limit, state_bucket=self._settings.state_bucket)
        return target


class _Resident:
    def __init__(self, residence: Residence) -> None:
        settings = conceal(residence.settings)
        self._residence = residence
        self._codec = open_codec(settings)
        self._largest = largest_event(settings)
        self._context = ResidentContext(residence, settings, open_store(settings))
        self._table = load_table(residence.table)
        self._announcer = Announcer(
            self._codec, residence.event_topics, residence.worker_kind, residence.version
        )
        self._built: dict[str, Any] = {}

    def run(self, message: Sequence[bytes]) -> list[bytes]:
        """Answer one micro-batch of commands of one type: value and headers of each, in turn."""
        started = time.monotonic()
        read = [self._decoded(value) for value in message[1::2]]
        commands = [command for command in read if command is not None]
        headers = [frames.headers_from(packed) for packed in message[2::2]]
        events = iter(self._events(commands) if commands else [])
        answer = [b"answers"]
        for command, given in zip(read, headers, strict=True):
            answer += _INVALID if command is None else self._answer(command, given, next(events), started)
        return answer

    def _decoded(self, value: bytes) -> Command | None:
        """The command, or None where its fields are invalid. Raises what no worker should have sent."""
        try:
            command = self._codec.decode(value)
        except InvalidFields:
            return None
        if not isinstance(command, Command):
            raise TypeError(f"{command.full_name} is not a command")
        return command

    def _events(self, commands: Sequence[Command]) -> Sequence[TerminalEvent]:
        """One event per command, by the row's own function."""
        command_type = commands[0].full_name
        row = self._row(command_type)
        if command_type not in self._built:
            self._built[command_type] = row.resident(self._context)
        self._context.resident = self._built[command_type]
        events = row.run(commands, self._context)
        if len(events) != len(commands):
            raise RuntimeError(f"{len(commands)} commands gave {len(events)} events")
        return events

    def _row(self, command_type: str) -> LightHandler:
        row = row_of(self._table, command_type)
        if not isinstance(row, LightHandler):
            raise TypeError(f"{command_type} is not a light command")
        return row

    def _answer(
        self, command: Command, headers: Headers, event: TerminalEvent, started: float
    ) -> tuple[bytes, bytes, bytes, bytes, bytes]:
        origin = Origin.of(command, headers)
        message = self._announcer.message(origin, event, started=started)
        size, limit = len(message.value or b""), self._largest
        if size > limit:
            verdict = too_large(event.full_name, size, limit)
            event = failure_event(self._row(command.full_name), command, command, verdict)
            message = self._announcer.message(origin, event, started=started)
        return (
            (event.code if isinstance(event, FailureEvent) else DONE).encode(),
            message.topic.encode(),
            message.key or b"",
            message.value or b"",
            frames.pack_headers(message.headers),
        )


def main(sock: socket.socket) -> None:
    """Speaks with the worker: residence, then batches in; answers or one word of trouble out."""
    first = frames.receive(sock)
    if first is None:
        return
    residence = Residence.model_validate_json(first[0])
    tempfile.tempdir = residence.scratch
    resident = _Resident(residence)
    frames.send(sock, [b"ready"])
    while (message := frames.receive(sock)) is not None:
        try:
            answer = resident.run(message)
        except Unavailable as error:
            answer = [b"unavailable", str(error).encode()]
        except Exception as error:
            fields = {"message": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()}
            answer = [b"error", json.dumps(fields).encode()]
        frames.send(sock, answer)
