"""molfleet dead-letters: see what no worker could answer, and send it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from molfleet.cli import frame

if TYPE_CHECKING:
    from molfleet.operations.dead_letters import Found

app = typer.Typer(no_args_is_help=True, help="List, show and resend what no worker could answer.")

Topic = Annotated[
    str | None, typer.Option("--topic", help="Only those of this command topic, such as training.commands.")
]
Place = Annotated[str, typer.Argument(help="topic:partition:offset, as the list prints it.")]


@app.command("list")
def list_(topic: Topic = None, json: frame.Json = False) -> None:
    """List all dead letters. Example: molfleet dead-letters list --topic training.commands"""
    found = frame.run(_all(topic))
    if json:
        frame.print_json([_said(one) for one in found])
        return
    if not found:
        print("no dead letters")
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for heading in ("place", "command", "id", "reason", "message"):
        table.add_column(heading, overflow="fold")
    for one in found:
        kind = type(one.command).__name__ if one.command else "?"
        about = str(one.command.id) if one.command else ""
        cells = (one.place, kind, about, one.letter.reason, one.letter.message)
        table.add_row(*map(Text, cells))
    frame.console().print(table)
    print("\nmolfleet dead-letters show PLACE | molfleet dead-letters resend PLACE")


@app.command("show")
def show(place: Place, json: frame.Json = False) -> None:
    """Show one dead letter: why, its headers, and the command where it can be decoded.

    Example: molfleet dead-letters show training.commands.dead-letters:0:17
    """
    found = frame.run(_one(place))
    if json:
        frame.print_json(_said(found, headers=True))
        return
    letter = found.letter
    origin = f"{letter.source.topic}:{letter.source.number}:{letter.offset}" if letter.source else "unknown"
    print(f"{found.place}\n  came from  {origin} (group {letter.group or 'unknown'})")
    print(f"  reason     {letter.reason or 'none given'}\n  message    {letter.message}")
    print(f"  key        {_text(letter.key)}\n  value      {len(letter.value or b''):,} bytes")
    for name, value in letter.headers:
        print(f"  header     {name}: {_text(value)}")
    if found.command is None:
        print("  the value cannot be decoded: " + (letter.value or b"")[:64].hex(" "))
        return
    from molfleet.cli import show as showing

    frame.print_json(showing.named(found.command))


@app.command("resend")
def resend(
    place: Annotated[str | None, typer.Argument(help="topic:partition:offset.")] = None,
    topic: Topic = None,
    all_: Annotated[bool, typer.Option("--all", help="All of them, or all of --topic.")] = False,
    json: frame.Json = False,
) -> None:
    """Send dead letters to where they came from, without the headers that say why.

    Where the command ended in a failure receipt, a new generation begins, so that it is done again.
    Example: molfleet dead-letters resend training.commands.dead-letters:0:17
    """
    if (place is None) == (not all_):
        raise frame.Usage("name one PLACE, or give --all.")
    sent = frame.run(_resend(place, topic))
    if json:
        frame.print_json(sent)
        return
    for one in sent:
        generation = f" as generation {one['generation']}" if one["generation"] > 1 else ""
        print(f"{one['from']} sent to {one['to']}{generation}")
    if not sent:
        print("no dead letters")


async def _all(topic: str | None) -> list[Found]:
    from molfleet.operations import dead_letters
    from molfleet.operations.session import open_session

    session = open_session(frame.settings())
    try:
        topics = session.dead_letter_topics(topic)
    except ValueError as error:
        raise frame.Usage(f"--topic: {error}.") from None
    return [found async for found in dead_letters.read_all(session.broker, topics, session.decode)]


async def _one(place: str) -> Found:
    from molfleet.operations import dead_letters
    from molfleet.operations.session import open_session

    try:
        partition, offset = dead_letters.parse_place(place)
    except ValueError:
        raise frame.Usage(f"{place}: expected topic:partition:offset.") from None
    session = open_session(frame.settings())
    known = session.dead_letter_topics()
    if partition.topic not in known:
        raise frame.Usage(f"{partition.topic} is no dead-letter topic. Known: {', '.join(known)}.")
    found = await dead_letters.find(session.broker, partition, offset, session.decode)
    if found is None:
        raise frame.Usage(f"{place}: nothing lies there.")
    return found


async def _resend(place: str | None, topic: str | None) -> list[dict[str, Any]]:
    from molfleet.operations import dead_letters
    from molfleet.operations.session import open_session

    chosen = [await _one(place)] if place else await _all(topic)
    session = open_session(frame.settings())
    sent = []
    async with session.publishing() as publish:
        for found in chosen:
            try:
                to, generation = await dead_letters.resend(found, session.receipts, publish)
            except dead_letters.CannotResend as error:
                raise frame.Usage(str(error)) from None
            where = f"{to.topic}:{to.partition}:{to.offset}"
            sent.append({"from": found.place, "to": where, "generation": generation})
    return sent


def _said(found: Found, *, headers: bool = False) -> dict[str, Any]:
    from molfleet.cli import show

    letter = found.letter
    said: dict[str, Any] = {
        "place": found.place,
        "source": f"{letter.source.topic}:{letter.source.number}:{letter.offset}"
        if letter.source
        else None,
        "reason": letter.reason,
        "message": letter.message,
        "command": show.named(found.command) if found.command else None,
    }
    if headers:
        said["key"] = _text(letter.key)
        said["headers"] = {name: _text(value) for name, value in letter.headers}
        said["value_hex"] = (letter.value or b"").hex()
    return said


def _text(value: bytes | None) -> str:
    return "-" if value is None else value.decode("utf-8", "backslashreplace")
