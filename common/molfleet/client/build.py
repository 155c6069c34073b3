"""New commands: the identity is filled in, so that a caller names only what it wants done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

from molfleet.messages.generated import ALL_RECORDS
from molfleet.messages.record import Command, Part

C = TypeVar("C", bound=Command)


def _now() -> datetime:
    return datetime.now(UTC)


def new(
    command_type: type[C],
    *,
    new_id: Callable[[], UUID] = uuid4,
    now: Callable[[], datetime] = _now,
    **fields: Any,
) -> C:
    """A command with a fresh `id` and `correlation_id` and the current time, unless `fields` give them.

    Raises pydantic.ValidationError that names every field at fault.
    """
    identity = {"id": new_id(), "correlation_id": new_id(), "time_stamp": now()}
    return command_type.model_validate({**identity, **fields})


def uuid_of(name: str) -> UUID:
    """A stable id for something that has only a name, such as a model file."""
    return uuid5(NAMESPACE_URL, f"molfleet:{name}")


def command_types() -> list[type[Command]]:
    """Every command that a publisher may send; the parts of commands are the fleet's own affair."""
    return [
        kind for kind in ALL_RECORDS.values() if issubclass(kind, Command) and not issubclass(kind, Part)
    ]
