"""molfleet publish and cancel: commands go in, outcomes come out."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from molfleet.cli import frame

if TYPE_CHECKING:
    from molfleet.client import FleetClient, Outcome
    from molfleet.messages.generated import BlobRef
    from molfleet.messages.record import Command

Timeout = Annotated[
    float | None, typer.Option("--timeout", min=0.0, help="Seconds to wait; without: as long as it takes.")
]


def publish(
    command: Annotated[str, typer.Argument(help="TrainModel, PredictProperties, ...")],
    source: Annotated[
        str | None, typer.Option(help="A local file, which is uploaded, or bucket/key.")
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="For predictions: a local .molmodel, which is uploaded, or bucket/key. Repeatable."
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="field=value: ECFP:2048:2, a,b,c or JSON; inner.field too. Repeatable."),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(help="Fields as JSON; - is stdin. What --set says goes over it."),
    ] = None,
    generation: Annotated[
        int, typer.Option(min=1, help="Above 1: do the command with this id again, on purpose.")
    ] = 1,
    wait: Annotated[bool, typer.Option("--wait", help="Follow it and print how it ended.")] = False,
    timeout: Timeout = None,
    json: frame.Json = False,
) -> None:
    """Publish a command; with --wait show a live bar, then the outcome.

    Example: molfleet publish TrainModel --source logd.csv --set targets=logD --set method=lightgbm
    --set featurizers=ECFP:2048:2 --wait
    """
    from molfleet.cli import fields

    kind = _command_type(command)
    given = _from_file(file) if file else {}
    given = fields.merged(given, fields.parse(kind, set_ or ()))
    order = _command(kind, given, source, model or [])
    frame.run(_publish(order, source, model or [], generation, wait, timeout, json))


def cancel(
    command_id: Annotated[UUID, typer.Argument(help="The id that publish printed.")],
    reason: Annotated[str | None, typer.Option(help="Why; it goes into the failure event.")] = None,
    json: frame.Json = False,
) -> None:
    """Ask for a command to be cancelled; it ends in its failure event with the code CANCELLED.

    Example: molfleet cancel 7c9e6679-7425-40de-944b-e07fc1f90ae7 --reason "wrong file"
    """

    async def work() -> UUID:
        from molfleet.client import FleetClient

        async with FleetClient(frame.settings(), listen=False) as client:
            return await client.cancel(command_id, reason)

    sent = frame.run(work())
    if json:
        frame.print_json({"id": str(sent), "command_id": str(command_id)})
    else:
        print(f"asked for {command_id} to be cancelled")


def _command_type(name: str) -> type[Command]:
    import difflib

    from molfleet.client.build import command_types

    known = {kind.__name__: kind for kind in command_types()}
    by_lower = {spelt.lower(): kind for spelt, kind in known.items()}
    plain = name.replace("-", "").replace("_", "").lower()
    if plain in by_lower:
        return by_lower[plain]
    near = difflib.get_close_matches(plain, by_lower, n=1)
    hint = f" Did you mean {by_lower[near[0]].__name__}?" if near else ""
    raise frame.Usage(f"There is no command {name!r}.{hint} Known: {', '.join(sorted(known))}.")


def _from_file(path: Path) -> dict[str, Any]:
    import sys

    if str(path) != "-" and not path.is_file():
        raise frame.Usage(f"--file {path}: there is no such file.")
    text = sys.stdin.read() if str(path) == "-" else path.read_text("utf-8")
    try:
        given = json_module.loads(text)
    except ValueError as error:
        raise frame.Usage(f"--file {path}: not JSON ({error}).") from None
    if not isinstance(given, dict):
        raise frame.Usage(f"--file {path}: expected a JSON object with the command's fields.")
    given.pop("type", None)
    return given


def _command(kind: type[Command], given: dict[str, Any], source: str | None, models: list[str]) -> Command:
    """The command, checked before anything is uploaded or sent; its files are not uploaded yet."""
    from pydantic import ValidationError

    from molfleet.cli import fields
    from molfleet.client.build import new, uuid_of

    for name, value in (("source", source), ("models", models)):
        if value and name not in kind.model_fields:
            raise frame.Usage(f"{kind.__name__} takes no {name}.")
    wanted: dict[str, Any] = {}
    if source:
        wanted["source"] = fields.stand_in(source)
    if models:
        wanted["models"] = [{"id": uuid_of(text), "blob": fields.stand_in(text)} for text in models]
    try:
        return new(kind, **fields.merged(given, wanted))
    except ValidationError as error:
        raise frame.Usage(fields.explain(error, kind)) from None


async def _publish(
    command: Command,
    source: str | None,
    models: list[str],
    generation: int,
    wait: bool,
    timeout: float | None,
    json: bool,
) -> None:
    from molfleet.cli import follow, show
    from molfleet.client import FleetClient

    async with FleetClient(frame.settings(), listen=wait) as client:
        command = await _uploaded(client, command, source, models)
        if not wait:
            await client.publish(command, generation=generation)
            if json:
                frame.print_json(show.named(command))
            else:
                print(command.id)
            return
        outcome = await follow.run(client, command, generation, timeout, quiet=json)
    _print_outcome(outcome, json)


async def _uploaded(
    client: FleetClient, command: Command, source: str | None, models: list[str]
) -> Command:
    """The command with its local files uploaded and named."""
    update: dict[str, Any] = {}
    if source and Path(source).is_file():
        update["source"] = await client.upload(Path(source))
    if models:
        update["models"] = tuple(
            [
                ref.model_copy(update={"blob": await _upload(client, text, ref.blob)})
                for text, ref in zip(models, getattr(command, "models", ()), strict=True)
            ]
        )
    return command.model_copy(update=update)


async def _upload(client: FleetClient, text: str, blob: BlobRef) -> BlobRef:
    return await client.upload(Path(text)) if Path(text).is_file() else blob


def _print_outcome(outcome: Outcome, json: bool) -> None:
    from molfleet.cli import show
    from molfleet.operations.outputs import blobs_of

    if json:
        letter = outcome.dead_letter
        verdict: dict[str, Any] = show.named(outcome.event) if outcome.event else {"type": "DeadLetter"}
        if letter is not None:
            verdict["dead_letter"] = {
                "topic": letter.place.topic,
                "partition": letter.place.number,
                "offset": letter.place_offset,
                "reason": letter.reason,
                "message": letter.message,
            }
        frame.print_json(verdict)
    elif outcome.event is not None:
        show.print_event(frame.console(), outcome.event, good=outcome.succeeded)
        if any(True for _ in blobs_of(outcome.event)):
            print(f"molfleet outputs {outcome.command_id} --to DIRECTORY downloads the files")
    if outcome.event is None or (json and not outcome.succeeded):
        frame.fail(frame.Exit.FAILED, outcome.why)
    raise typer.Exit(frame.Exit.SUCCESS if outcome.succeeded else frame.Exit.FAILED)
