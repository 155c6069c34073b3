"""molfleet outputs: what a command produced, listed or downloaded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from molfleet.cli import frame

if TYPE_CHECKING:
    from molfleet.operations.outputs import Output, Recorded


def outputs(
    command_id: Annotated[UUID, typer.Argument(help="The id that publish printed.")],
    to: Annotated[
        Path | None, typer.Option("--to", file_okay=False, help="Download them into this directory.")
    ] = None,
    generation: Annotated[int | None, typer.Option(min=1, help="Not the latest, but this one.")] = None,
    json: frame.Json = False,
) -> None:
    """List how a command ended and the blobs that its events name; --to downloads them.

    Read from the command's receipt. Exit code 1: it ended in a failure event.
    Example: molfleet outputs 7c9e6679-7425-40de-944b-e07fc1f90ae7 --to results
    """
    ended = frame.run(_recorded(command_id, generation))
    files = _download(ended.outputs, to) if to else {}
    receipt = ended.receipt
    if json:
        from molfleet.cli import show

        said: dict[str, Any] = {
            "command_type": receipt.command_type,
            "generation": receipt.generation,
            "outcome": receipt.outcome,
            "code": receipt.code,
            "attempts": receipt.attempts,
            "events": [show.named(event) for event in ended.events],
            "outputs": [
                {"name": out.name, "blob": show.plain(out.ref), "file": files.get(out)}
                for out in ended.outputs
            ],
        }
        frame.print_json(said)
    else:
        name = receipt.command_type.rpartition(".")[2]
        print(f"{name} {command_id}, generation {receipt.generation}: {receipt.outcome}")
        for output in ended.outputs:
            where = files.get(output) or f"{output.ref.bucket}/{output.ref.key}"
            size = "" if output.ref.size is None else f"{output.ref.size:>14,}"
            print(f"  {output.name:<24} {size}  {where}")
        if ended.outputs and not to:
            print("--to DIRECTORY downloads them")
    if receipt.outcome == "failed":
        frame.fail(frame.Exit.FAILED, _why(ended))


async def _recorded(command_id: UUID, generation: int | None) -> Recorded:
    import asyncio

    from molfleet.operations import outputs as operation
    from molfleet.operations.session import open_session

    session = open_session(frame.settings())
    receipts = await asyncio.to_thread(session.receipts.find, command_id)
    chosen = [r for r in receipts if generation is None or r.generation == generation]
    newest = operation.newest(await operation.recorded(chosen, session.decode_stored))
    if newest is None:
        raise frame.Usage(
            f"{command_id} has no receipt: it is not finished, was never taken, or is a "
            "SingleStructurePredict, which keeps none. molfleet watch COMMAND_ID follows it."
        )
    return newest


def _why(ended: Recorded) -> str:
    from molfleet.messages.record import FailureEvent

    for event in ended.events:
        if isinstance(event, FailureEvent):
            return f"{event.code}: {event.message}"
    return str(ended.receipt.code)


def _download(outputs: tuple[Output, ...], to: Path) -> dict[Output, str]:
    from molfleet.blobs.factory import open_store
    from molfleet.client.transfer import download

    store = open_store(frame.settings())
    to.mkdir(parents=True, exist_ok=True)
    files: dict[Output, str] = {}
    for output in outputs:
        target = to / Path(output.ref.key).name
        if str(target) in files.values():
            target = to / f"{output.name.replace('/', '_')}-{target.name}"
        files[output] = str(download(store, output.ref, target))
    return files
