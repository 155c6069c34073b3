"""What all generated messages share. The fields themselves come from schemas/avro (see generated.py)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar, Self
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _from_millis(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        return EPOCH + timedelta(milliseconds=value)
    return value


def _to_millis(value: datetime) -> int:
    return (value - EPOCH) // timedelta(milliseconds=1)


#: UTC time; Avro timestamp-millis on the wire, ISO 8601 text accepted from people.
Timestamp = Annotated[
    datetime,
    BeforeValidator(_from_millis),
    PlainSerializer(_to_millis, when_used="unless-none"),
]


class Record(BaseModel):
    """Base of every generated record. Immutable; an unknown field is an error.

    Validating accepts what fastavro decodes without logical types (text ids, integer times) as well
    as Python's own types, so that people and the codec go through one door.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")

    full_name: ClassVar[str]


class Command(Record):
    id: UUID
    correlation_id: UUID
    user_id: UUID | None = None
    time_stamp: Timestamp
    expires_at: Timestamp | None = None


class Event(Record):
    """An event; `answer` copies the identity of the command, the runtime stamps time and version."""

    id: UUID
    correlation_id: UUID
    user_id: UUID | None = None
    time_stamp: Timestamp

    terminal: ClassVar[bool] = False

    @classmethod
    def answer(cls, command: Command, **fields: Any) -> Self:
        """An event of this type about `command`. Time, version and duration are stamped on publication."""
        blank = {"worker_version": "", "elapsed_ms": 0} if cls.terminal else {}
        return cls(
            **{
                "id": command.id,
                "correlation_id": command.correlation_id,
                "user_id": command.user_id,
                "time_stamp": EPOCH,
                **blank,
                **fields,
            }
        )


class TerminalEvent(Event):
    worker_version: str
    elapsed_ms: int

    terminal: ClassVar[bool] = True


class FailureEvent(TerminalEvent):
    code: str
    message: str
    retryable: bool
    details: dict[str, str] = {}
