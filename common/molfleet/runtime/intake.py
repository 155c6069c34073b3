"""From the bytes of a record to a command, or to the definite reason why it is none."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from molfleet.broker.port import Incoming
from molfleet.errors import Code, Rejected
from molfleet.messages.codec import Codec, InvalidFields, Undecodable, UnknownFingerprint
from molfleet.messages.content import content_of, content_of_fields
from molfleet.messages.directory import SchemaDirectory
from molfleet.messages.envelope import generation_of
from molfleet.messages.record import EPOCH, Command, Part, Record
from molfleet.runtime.announce import Origin

_IDENTITY = ("id", "correlation_id", "user_id", "expires_at")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Not a command that could be answered: it goes to the dead letters."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Taken:
    """A command taken in hand.

    `identity` has what every event needs; `command` is None where `problem` says what is invalid.
    `value` is the command as this version encodes it (the original bytes where it is invalid);
    `started` is monotonic time.
    """

    record: Incoming
    command_type: str
    identity: Command
    command: Command | None
    problem: Rejected | None
    value: bytes
    generation: int
    started: float

    @property
    def key(self) -> str:
        return f"{self.command_type}/{self.identity.id}/g{self.generation}"

    @property
    def whole(self) -> UUID:
        """The id of the command that this one is a part of, else its own."""
        return self.identity.part_of if isinstance(self.identity, Part) else self.identity.id

    @property
    def origin(self) -> Origin:
        return Origin(self.command_type, self.identity, self.record.headers, self.generation)

    def unfit(self, now: datetime) -> Rejected | None:
        """Why the command is not begun: it is invalid, or expired."""
        expires = self.identity.expires_at
        if self.problem is not None or expires is None or now <= expires:
            return self.problem
        return Rejected(
            Code.DEADLINE_EXCEEDED,
            f"The command expired at {expires.isoformat()} before a worker could begin it.",
        )


class Intake:
    """Decodes the records of this worker's topics. `types` maps a topic to what belongs there."""

    def __init__(
        self, codec: Codec, directory: SchemaDirectory, types: Mapping[str, Collection[str]]
    ) -> None:
        self._codec = codec
        self._directory = directory
        self._types = types

    async def read(self, record: Incoming) -> Taken | Unreadable:
        """Raises Unavailable where an unknown schema cannot be looked up now."""
        try:
            return self._taken(record, await self._decode(record.value))
        except InvalidFields as error:
            return self._invalid(record, error)
        except UnknownFingerprint as error:
            return Unreadable(
                "UNKNOWN_SCHEMA", f"No schema is known for the fingerprint {error.fingerprint}."
            )
        except Undecodable as error:
            return Unreadable("UNDECODABLE", str(error))

    def glance(self, record: Incoming) -> tuple[str, dict[str, Any]] | None:
        """Type and plain fields of a record that looks like a good command in our own schema.

        None where `read` has to look closely. The fields are not held against the rules of the type:
        whoever computes the command does that.
        """
        value = record.value or b""
        if not self._codec.is_current(value):
            return None
        try:
            record_type, values = self._codec.glance(value)
        except (Undecodable, UnknownFingerprint):
            return None
        name = record_type.full_name
        return (name, values) if name in self._types[record.topic] else None

    async def decode(self, record: Incoming) -> Record | None:
        """Any record of a topic, or None where it cannot be read. Raises Unavailable."""
        try:
            return await self._decode(record.value)
        except (InvalidFields, UnknownFingerprint, Undecodable):
            return None

    async def same_content(self, taken: Taken, earlier: bytes) -> bool:
        """Whether a command of the same id, kept in a receipt, is this one, `time_stamp` aside.

        The receipt may be of another version of the fleet, whose schema is looked up. Raises Unavailable.
        """
        if taken.value == earlier:
            return True
        with suppress(InvalidFields, UnknownFingerprint, Undecodable):
            await self._decode(earlier)
        return self.digest(taken.value) == self.digest(earlier)

    def digest(self, value: bytes) -> str:
        """Names the content of an encoded command as the current schema reads it, `time_stamp` aside."""
        try:
            command = self._codec.decode(value)
        except InvalidFields as error:
            return content_of_fields(error.record_type.full_name, error.values)
        except (Undecodable, UnknownFingerprint):
            return hashlib.sha256(value).hexdigest()
        return content_of(command) if isinstance(command, Command) else hashlib.sha256(value).hexdigest()

    async def _decode(self, value: bytes | None) -> Record:
        if value is None:
            raise Undecodable("the record has no value")
        try:
            if self._codec.may_block(value):
                return await asyncio.to_thread(self._codec.decode, value)
            return self._codec.decode(value)
        except UnknownFingerprint:
            await self._directory.refresh()
            return self._codec.decode(value)

    def _taken(self, record: Incoming, command: Record) -> Taken | Unreadable:
        if not isinstance(command, Command) or command.full_name not in self._types[record.topic]:
            return Unreadable("WRONG_TYPE", f"{command.full_name} does not belong to {record.topic}.")
        return Taken(
            record=record,
            command_type=command.full_name,
            identity=command,
            command=command,
            problem=None,
            value=self._current(record.value or b"", command),
            generation=generation_of(record.headers),
            started=time.monotonic(),
        )

    def _invalid(self, record: Incoming, error: InvalidFields) -> Taken | Unreadable:
        """A command that says who it is, but has a field that is not valid, is answered all the same."""
        name = error.record_type.full_name
        problems = "; ".join(error.problems)
        if not issubclass(error.record_type, Command) or name not in self._types[record.topic]:
            return Unreadable("WRONG_TYPE", f"{name} does not belong to {record.topic}.")
        known = {field: error.values.get(field) for field in _IDENTITY}
        try:
            identity = Command.model_validate({**known, "expires_at": None, "time_stamp": EPOCH})
        except ValidationError:
            return Unreadable("NO_IDENTITY", f"{name} lacks what its events need: {problems}.")
        return Taken(
            record=record,
            command_type=name,
            identity=identity,
            command=None,
            problem=Rejected(Code.INVALID_COMMAND, f"{name.rpartition('.')[2]}: {problems}."),
            value=record.value or b"",
            generation=generation_of(record.headers),
            started=time.monotonic(),
        )

    def _current(self, value: bytes, command: Command) -> bytes:
        """The command in our own schema: child processes know no other."""
        return value if self._codec.is_current(value) else self._codec.encode_single_object(command)
