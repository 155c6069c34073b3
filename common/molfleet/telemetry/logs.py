"""Structured logs: one JSON object per line on stderr, for our own loggers and for libraries'.

Fields of every line: `time` (ISO 8601, UTC), `level`, `event`, `logger`, `worker`; within a command also
`command_type`, `command_id` and `correlation_id`. Secrets are masked by type, by key and by value.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast
from uuid import UUID

import structlog
from pydantic import SecretBytes, SecretStr
from structlog.contextvars import bound_contextvars
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from molfleet.settings import LogSettings

MASK = "**********"

_SECRET_KEY = re.compile(
    r"passw|secret|token|credential|authorization|api_?key|access_?key|private_?key|registry_auth", re.I
)
_URL_USER = re.compile(r"(?<=://)[^\s/@:]+:[^\s/@]+(?=@)")

#: Libraries that speak of every request at INFO, and how loud they may be when we are at INFO.
_CHATTY = ("aiokafka", "boto3", "botocore", "s3transfer", "urllib3", "asyncio")


def configure(
    settings: LogSettings,
    *,
    worker: str = "",
    hide: Iterable[SecretStr | None] = (),
    stream: TextIO | None = None,
) -> None:
    """Route structlog and the standard library's logging to `stream` (default: stderr).

    `worker` is put on every line; the values in `hide` are masked wherever they appear. May be called
    again, in a child process for instance: the last call holds.
    """
    out = sys.stderr if stream is None else stream
    level = logging.getLevelName(settings.level)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        _Constant("worker", worker),
    ]
    mask = _Mask(secret.get_secret_value() for secret in hide if secret is not None)
    renderer: Processor
    if settings.format == "json":
        renderer = structlog.processors.JSONRenderer(ensure_ascii=False)
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=out.isatty(), timestamp_key="time")
    ending: list[Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        mask,
        renderer,
    ]

    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=ending))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(level if level != logging.INFO else logging.WARNING)
    logging.captureWarnings(True)


def get_logger(name: str) -> FilteringBoundLogger:
    """A logger: `log.info("what happened", field=value)`."""
    return cast(FilteringBoundLogger, structlog.stdlib.get_logger(name))


@contextmanager
def about(command_type: str, command_id: UUID | str, correlation_id: UUID | str) -> Iterator[None]:
    """Every line logged within this block, in this task, names the command."""
    with bound_contextvars(
        command_type=command_type, command_id=str(command_id), correlation_id=str(correlation_id)
    ):
        yield


class _Constant:
    """A processor that puts one field on every line."""

    def __init__(self, key: str, value: str) -> None:
        self._key, self._value = key, value

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        if self._value:
            event.setdefault(self._key, self._value)
        return event


class _Mask:
    """A processor that masks secrets, however deep they lie."""

    def __init__(self, values: Iterable[str]) -> None:
        found = sorted({value for value in values if value}, key=len, reverse=True)
        self._values = re.compile("|".join(map(re.escape, found))) if found else None

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        for key, value in event.items():
            event[key] = self._clean(key, value)
        return event

    def _clean(self, key: str, value: Any) -> Any:
        if isinstance(value, SecretStr | SecretBytes):
            return MASK
        if isinstance(value, dict):
            return {name: self._clean(str(name), inner) for name, inner in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._clean(key, inner) for inner in value]
        if value is None or isinstance(value, bool | int | float):
            return value
        if _SECRET_KEY.search(key):
            return MASK
        text = _URL_USER.sub(MASK, str(value))
        return self._values.sub(MASK, text) if self._values else text
