"""What a worker tells its child processes about themselves, and how a child finds its handler."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, SecretStr

from molfleet.bundles.signatures import Trust
from molfleet.runtime.handler import ComputeShare, Handler, HandlerTable, LightHandler
from molfleet.settings import Settings


class Job(BaseModel):
    """One attempt at a heavy command. Sent once, as JSON, over the child's own socket.

    `whole` is the command's own id or, for a part, that of the command which it is a part of.
    """

    model_config = ConfigDict(frozen=True)

    table: str
    command_type: str
    command_id: UUID
    attempt: UUID
    digest: str
    generation: int
    whole: UUID
    scratch: str
    share: ComputeShare
    settings: dict[str, Any]


class Residence(BaseModel):
    """A resident process for light commands: what it needs to know before its first batch."""

    model_config = ConfigDict(frozen=True)

    table: str
    worker_kind: str
    version: str
    event_topics: dict[str, str]
    scratch: str
    cache_bytes: int
    trust: Trust
    settings: dict[str, Any]


def load_table(path: str) -> HandlerTable:
    """The handler table at `package.module:NAME`."""
    module, _, name = path.partition(":")
    table: HandlerTable = getattr(importlib.import_module(module), name)
    return table


def preloads(path: str) -> tuple[str, ...]:
    """Modules that the fork server imports for the children of a table: its own, and those of PRELOAD.

    PRELOAD, beside the table, names what handlers import late: there it costs time once, not in every
    child, and no memory in the worker itself.
    """
    module = path.partition(":")[0]
    return (module, *getattr(importlib.import_module(module), "PRELOAD", ()))


def environment(path: str) -> dict[str, str]:
    """Variables that the children of a table begin with: ENVIRONMENT beside it.

    For what libraries read once, when they are loaded; what the operator has set goes before.
    """
    module = path.partition(":")[0]
    return dict(getattr(importlib.import_module(module), "ENVIRONMENT", {}))


def check_settings(path: str, settings: Settings) -> None:
    """What the handlers of a table need of the settings: CHECK beside it. Raises SettingsError."""
    module = path.partition(":")[0]
    getattr(importlib.import_module(module), "CHECK", lambda settings: None)(settings)


def row_of(table: HandlerTable, command_type: str) -> Handler | LightHandler:
    """The row for a command's full name. Raises KeyError."""
    for command, row in table.items():
        if command.full_name == command_type:
            return row
    raise KeyError(command_type)


def reveal(settings: Settings) -> dict[str, Any]:
    """Settings as JSON values with their secrets, for a child's socket and nothing else."""

    def plain(value: Any) -> Any:
        if isinstance(value, SecretStr):
            return value.get_secret_value()
        if isinstance(value, BaseModel):
            return {name: plain(getattr(value, name)) for name in type(value).model_fields}
        return value if value is None or isinstance(value, str | int | float | bool) else str(value)

    return {name: plain(getattr(settings, name)) for name in Settings.model_fields}


def conceal(values: Mapping[str, Any]) -> Settings:
    """The settings again, as a child uses them."""
    return Settings.model_validate(dict(values))
