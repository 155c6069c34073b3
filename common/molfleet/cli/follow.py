"""A live bar for a command that was published."""

from __future__ import annotations

from typing import TYPE_CHECKING

from molfleet.cli import frame

if TYPE_CHECKING:
    from molfleet.client import FleetClient, Outcome
    from molfleet.messages.generated import CommandProgressed
    from molfleet.messages.record import Command


async def run(
    client: FleetClient, command: Command, generation: int, timeout_s: float | None, *, quiet: bool
) -> Outcome:
    """Publish and wait, showing a bar on stderr where that is a terminal."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
    from rich.table import Column

    console = frame.console(stderr=True)
    if not quiet:
        console.print(f"{type(command).__name__} {command.id}", style="dim")
    if quiet or not console.is_terminal:
        return await client.run(command, timeout_s=timeout_s, generation=generation)
    stage = TextColumn("{task.description}", markup=False, table_column=Column(max_width=48, no_wrap=True))
    left = TextColumn("{task.fields[left]}", style="dim")
    bar = Progress(
        stage,
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        left,
        console=console,
        transient=True,
    )
    with bar:
        task = bar.add_task("waiting for a worker", total=None, left="")

        def show(progress: CommandProgressed) -> None:
            text = f"{progress.stage}: {progress.message}" if progress.message else progress.stage
            left = "" if progress.eta_s is None else f"{_span(progress.eta_s)} left"
            bar.update(task, total=1.0, completed=progress.fraction, description=text, left=left)

        return await client.run(command, on_progress=show, timeout_s=timeout_s, generation=generation)


def _span(seconds: float) -> str:
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02} h"
