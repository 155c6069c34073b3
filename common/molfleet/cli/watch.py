"""molfleet watch: everything that the fleet says, as it says it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from molfleet.cli import frame

if TYPE_CHECKING:
    from molfleet.client.listener import Heard


def watch(
    command_id: Annotated[UUID | None, typer.Argument(help="Only this command; ends when it ends.")] = None,
    correlation_id: Annotated[UUID | None, typer.Option("--correlation", help="Only this saga.")] = None,
    progress: Annotated[bool, typer.Option(help="Show progress too.")] = True,
    from_beginning: Annotated[
        bool, typer.Option("--from-beginning", help="All that the topics still hold, not only what comes.")
    ] = False,
    count: Annotated[int | None, typer.Option(min=1, help="Stop after so many.")] = None,
    timeout: Annotated[
        float | None, typer.Option("--timeout", min=0.0, help="Stop after so many seconds.")
    ] = None,
    json: frame.Json = False,
) -> None:
    """Follow events, progress and dead letters until Ctrl-C.

    With --json each is one line of JSON. Example: molfleet watch --no-progress
    """
    frame.run(_watch(command_id, correlation_id, progress, from_beginning, count, timeout, json))


async def _watch(
    command_id: UUID | None,
    correlation_id: UUID | None,
    progress: bool,
    from_beginning: bool,
    count: int | None,
    timeout: float | None,
    json: bool,
) -> None:
    import asyncio

    from molfleet.client import FleetClient

    shown = 0
    async with (
        FleetClient(frame.settings(), from_beginning=from_beginning) as client,
        asyncio.timeout(timeout),
    ):
        async for heard in client.watch(command_id):
            if not _wanted(heard, correlation_id, progress):
                continue
            _print(heard, json)
            shown += 1
            if shown == count:
                return


def _wanted(heard: Heard, correlation_id: UUID | None, progress: bool) -> bool:
    from molfleet.messages.generated import CommandProgressed

    if not progress and isinstance(heard.event, CommandProgressed):
        return False
    about = heard.event or heard.command
    return correlation_id is None or (about is not None and about.correlation_id == correlation_id)


def _print(heard: Heard, json: bool) -> None:
    from datetime import UTC, datetime

    from molfleet.cli import show
    from molfleet.messages.generated import CommandProgressed
    from molfleet.messages.record import FailureEvent, TerminalEvent

    when = datetime.fromtimestamp(heard.record.timestamp_ms / 1000, UTC)
    if heard.event is not None:
        if json:
            frame.print_json_line({"topic": heard.record.topic, **show.named(heard.event)})
            return
        failed, ended = isinstance(heard.event, FailureEvent), isinstance(heard.event, TerminalEvent)
        style = "red" if failed else "green" if ended else ""
        name, rest = type(heard.event).__name__, show.line(heard.event)
        if isinstance(heard.event, CommandProgressed):
            step = heard.event
            rest = f"{step.stage} {step.fraction:.0%} {step.message}"
    else:
        letter = heard.letter
        if letter is None:
            return
        if json:
            said = {"type": "DeadLetter", "topic": heard.record.topic, "reason": letter.reason}
            frame.print_json_line({**said, "message": letter.message, "id": heard.command_id})
            return
        style, name = "red", "DEAD LETTER"
        rest = f"{heard.record.topic} {letter.reason}: {letter.message}"
    from rich.text import Text

    line = Text(f"{when:%H:%M:%S} ")
    line.append(f"{name} ", style=style)
    line.append(f"{heard.command_id or ''} ", style="dim")
    line.append(rest)
    frame.console().print(line)
