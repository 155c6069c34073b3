"""What all commands share: exit codes, expected errors as one line, settings, JSON or text."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer
from typer.core import TyperGroup

if TYPE_CHECKING:
    from rich.console import Console

    from molfleet.settings import Settings

T = TypeVar("T")


class Exit(IntEnum):
    """The exit codes of docs/OPERATING.md."""

    SUCCESS = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    TIMEOUT = 4
    INTERRUPTED = 130


Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
EnvFile = Annotated[
    Path | None,
    typer.Option("--env-file", envvar="MOLFLEET_ENV_FILE", help="File of MOLFLEET_* settings."),
]

_env_file: ContextVar[Path | None] = ContextVar("env_file", default=None)


class Usage(Exception):
    """The command line asks for something that cannot be; the message says what and what could."""


def use_env_file(path: Path | None) -> None:
    """Settings are read from this file too, below the environment."""
    if path is not None and not path.is_file():
        raise Usage(f"--env-file {path}: there is no such file.")
    _env_file.set(path)


def env_file() -> Path | None:
    """What --env-file named."""
    return _env_file.get()


def settings() -> Settings:
    """The settings of this process. Raises SettingsError."""
    from molfleet import settings as module

    loaded = module.load(env_file=env_file())
    _quiet()
    return loaded


def _quiet() -> None:
    """A command's terminal shows its own words; what libraries log would only repeat the error."""
    import logging

    from molfleet.settings import LogSettings
    from molfleet.telemetry import logs

    logs.configure(LogSettings(level="ERROR", format="console"))
    for name in ("aiokafka", "asyncio", "boto3", "botocore", "urllib3"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


class Root(TyperGroup):
    """A group whose commands end in one line and an exit code where something expected goes wrong."""

    def invoke(self, ctx: Any) -> Any:
        with expected_errors():
            return super().invoke(ctx)


@contextmanager
def expected_errors() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        fail(Exit.INTERRUPTED, "Interrupted.")
    except TimeoutError as error:
        fail(Exit.TIMEOUT, str(error) or "Nothing came in time.")
    except BrokenPipeError:
        sys.stderr.close()
        raise typer.Exit(Exit.SUCCESS) from None
    except Exception as error:
        code = _known(error)
        if code is None:
            raise
        hint = "\nmolfleet doctor looks at what can be reached and says what to do."
        fail(code, str(error) + (hint if code is Exit.UNREACHABLE else ""))


def _known(error: Exception) -> Exit | None:
    """The exit code of an error that people can do something about; None for a defect of ours."""
    from molfleet.blobs.port import BlobDenied, BlobError
    from molfleet.broker.port import BrokerDenied, MessageTooLarge
    from molfleet.errors import Rejected, Unavailable
    from molfleet.settings import SettingsError

    if isinstance(error, Unavailable | BrokerDenied | BlobDenied):
        return Exit.UNREACHABLE
    if isinstance(error, Usage | SettingsError | BlobError | MessageTooLarge | OSError):
        return Exit.USAGE
    return Exit.FAILED if isinstance(error, Rejected) else None


def fail(code: Exit, message: str) -> NoReturn:
    """Say why on stderr and leave with `code`."""
    print(f"molfleet: {message}", file=sys.stderr)
    raise typer.Exit(code)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run asynchronous work; Ctrl-C cancels it and lets it clean up."""
    return asyncio.run(work)


def print_json(value: object) -> None:
    """One JSON document on stdout."""
    print(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def print_json_line(value: object) -> None:
    """One JSON document on one line, at once."""
    print(json.dumps(value, ensure_ascii=False, default=str), flush=True)


def console(*, stderr: bool = False) -> Console:
    """The terminal; no colours where it is none."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=not sys.stdout.isatty())
