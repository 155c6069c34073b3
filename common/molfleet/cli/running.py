"""What molfleet features, train and predict share: the command, its run, its progress, its files."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from molfleet.cli import frame

if TYPE_CHECKING:
    from molfleet.local.offline import Files, OnProgress
    from molfleet.messages.generated import BlobRef
    from molfleet.messages.record import Command, TerminalEvent

File = Annotated[
    Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="sdf, mol, smi, csv, ...")
]
Featurizers = Annotated[
    list[str],
    typer.Option(
        "--featurizer",
        "-f",
        help="TYPE:SIZE:RADIUS:name=value, such as ECFP:2048:2. Repeatable. See molfleet catalogue.",
    ),
]
OutputDir = Annotated[Path, typer.Option("--output", "-o", file_okay=False, help="Directory.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", help="Any other field of the command, as field=value. Repeatable."),
]
Processes = Annotated[int | None, typer.Option(min=1, help="Processes; without: one per core.")]

#: Seconds between lines of progress where there is no terminal to draw a bar on.
_LINE_S = 5.0


def command_of(kind: type[Command], wanted: dict[str, Any], set_: Sequence[str] | None) -> Command:
    """The command with these fields and those of --set over them. Raises frame.Usage."""
    from pydantic import ValidationError

    from molfleet.cli import fields
    from molfleet.client.build import new

    try:
        return new(kind, **fields.merged(wanted, fields.parse(kind, set_ or ())))
    except ValidationError as error:
        raise frame.Usage(fields.explain(error, kind)) from None


def run(
    worker: str,
    command: Command,
    files: Files,
    outputs: Path,
    processes: int | None,
    json: bool,
    scratch: Path | None = None,
) -> TerminalEvent:
    """The success event; leaves with exit code 1 where it is a failure.

    What the handler stores lands in `outputs`; its working files are below `scratch` meanwhile.
    """
    from molfleet.cli import show
    from molfleet.local.offline import WorkerMissing, find_handler, run_offline
    from molfleet.messages.record import FailureEvent
    from molfleet.runtime.handler import ComputeShare
    from molfleet.runtime.keys import trust_of

    settings = frame.settings()
    share = ComputeShare(
        processes=processes or settings.worker.processes or settings.cores,
        record_time_limit_s=settings.worker.record_time_limit_s,
        max_input_bytes=settings.blobs.max_input_bytes,
        trust=trust_of(settings),
        signing_key_file=settings.bundles.signing_key_file,
    )
    try:
        handler = find_handler(type(command), first=worker)
    except WorkerMissing as error:
        raise frame.Usage(str(error)) from None
    outputs.mkdir(parents=True, exist_ok=True)
    with _sigterm_as_interrupt(), _progress(json) as on_progress:
        event = run_offline(
            command, handler, files, outputs, share=share, on_progress=on_progress, scratch_in=scratch
        )
    if isinstance(event, FailureEvent):
        if json:
            frame.print_json(show.named(event))
        frame.fail(frame.Exit.FAILED, f"{event.code}: {event.message}")
    return event


@contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    """SIGTERM cleans up as Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _progress(json: bool) -> Iterator[OnProgress]:
    """On stderr: a bar that vanishes when the work is done, or lines; with --json neither."""
    from molfleet.local.offline import quiet

    if json:
        yield quiet
    elif frame.console(stderr=True).is_terminal:
        with _bar() as on_progress:
            yield on_progress
    else:
        yield _Lines()


@contextmanager
def _bar() -> Iterator[OnProgress]:
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    console = frame.console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress:
        task = progress.add_task("starting", total=1.0)

        def on_progress(stage: str, fraction: float, message: str, eta_s: float | None) -> None:
            progress.update(task, completed=fraction, description=_said(stage, message, eta_s))

        yield on_progress


class _Lines:
    """A line now and then, for logs."""

    def __init__(self) -> None:
        self._next_s = time.monotonic() + _LINE_S

    def __call__(self, stage: str, fraction: float, message: str, eta_s: float | None) -> None:
        now = time.monotonic()
        if now >= self._next_s:
            self._next_s = now + _LINE_S
            print(f"molfleet: {fraction:.0%} {_said(stage, message, eta_s)}", file=sys.stderr, flush=True)


def _said(stage: str, message: str, eta_s: float | None) -> str:
    left = f", {_clock(eta_s)} left" if eta_s is not None and eta_s >= 1 else ""
    return f"{stage}: {message or 'at work'}{left}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def place(files: Files, event: TerminalEvent, name: str, to: Path) -> Path | None:
    """Give the output that the event names `name` its documented place."""
    ref: BlobRef | None = getattr(event, name, None)
    if ref is None:
        return None
    files.move(ref, to)
    return to


def report(json: bool, event: TerminalEvent, facts: dict[str, Any], paths: Sequence[Path | None]) -> None:
    """What came of it, and where it is."""
    written = [str(path) for path in paths if path is not None]
    if json:
        frame.print_json({"type": type(event).__name__, **facts, "files": written})
        return
    for name, value in facts.items():
        text = f"{value:.4g}" if isinstance(value, float) else str(value)
        print(f"{name.replace('_', ' '):<24} {text}")
    print("written: " + ", ".join(written))
