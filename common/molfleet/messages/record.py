"""What all generated messages share. The fields themselves come from schemas/avro (see generated.py)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _from_millis(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            return EPOCH + timedelta(milliseconds=value)
        except OverflowError:
            raise ValueError("a time must lie in the years 1 to 9999") from None
    return value


def _in_utc(value: datetime) -> datetime:
    """In UTC (a time without offset is taken as such), cut to the millisecond that the wire holds."""
    if value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    elif value.tzinfo is not UTC:
        try:
            value = value.astimezone(UTC)
        except OverflowError:
            raise ValueError("a time must lie in the years 1 to 9999") from None
    return value.replace(microsecond=value.microsecond // 1000 * 1000)


def _to_millis(value: datetime) -> int:
    return (value - EPOCH) // timedelta(milliseconds=1)


#: UTC time; Avro timestamp-millis on the wire, ISO 8601 text accepted from people.
Timestamp = Annotated[
    datetime,
    BeforeValidator(_from_millis),
    AfterValidator(_in_utc),
    PlainSerializer(_to_millis, when_used="unless-none"),
]

#: What Avro's long holds.
Long = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]

#: A value of a map of parameters or hyper-parameters.
ParameterValue = bool | Long | float | str | tuple[float | str, ...] | None


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
    options: dict[str, str] = {}


class Part(Command):
    """A part of another command, computed by any worker. Internal: it has no event on any topic."""

    part_of: UUID


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
    elapsed_ms: Long

    terminal: ClassVar[bool] = True


class FailureEvent(TerminalEvent):
    code: str
    message: str
    retryable: bool
    details: dict[str, str] = {}
