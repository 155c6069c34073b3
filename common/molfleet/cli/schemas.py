"""molfleet schemas: what the messages look like, for programs in any language."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated

import typer

from molfleet.cli import frame

app = typer.Typer(no_args_is_help=True, help="The Avro schemas of all messages.")


@app.command("list")
def list_(json: frame.Json = False) -> None:
    """List every message with its fingerprint. Example: molfleet schemas list"""
    from molfleet.operations.schemas import published

    schemas = published()
    if json:
        frame.print_json({one.schema["namespace"] + "." + one.name: one.fingerprint for one in schemas})
        return
    for one in schemas:
        print(f"{one.fingerprint}  {one.schema['namespace']}.{one.name}")


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="A message, such as TrainModel, or a fingerprint.")],
    json: frame.Json = False,
) -> None:
    """Show a message's fields; --json prints the self-contained Avro schema.

    Example: molfleet schemas show TrainModel
    """
    from molfleet.operations.schemas import published

    wanted = name.rpartition(".")[2].lower()
    schemas = published()
    for one in schemas:
        if wanted in (one.name.lower(), one.fingerprint):
            break
    else:
        near = difflib.get_close_matches(wanted, [s.name.lower() for s in schemas], n=1)
        hint = "".join(f" Did you mean {s.name}?" for s in schemas if s.name.lower() in near)
        raise frame.Usage(f"There is no message {name!r}.{hint} molfleet schemas list names all.")
    if json:
        print(one.text, end="")
        return
    from rich.table import Table
    from rich.text import Text

    console = frame.console()
    console.print(Text(f"{one.schema['namespace']}.{one.name}", style="bold"), one.fingerprint)
    console.print(Text(one.schema.get("doc", "")))
    console.print()
    table = Table(box=None, pad_edge=False)
    for heading in ("field", "type", "meaning"):
        table.add_column(heading, overflow="fold")
    for field in one.schema["fields"]:
        table.add_row(Text(field["name"]), Text(_type(field["type"])), Text(field.get("doc", "")))
    console.print(table)


@app.command("export")
def export(
    to: Annotated[Path, typer.Argument(file_okay=False, help="Directory.")],
    json: frame.Json = False,
) -> None:
    """Write all schemas, each self-contained, and index.json (fingerprint -> file) into a directory.

    Example: molfleet schemas export schemas
    """
    from molfleet.operations.schemas import export as write

    paths = write(to)
    if json:
        frame.print_json([str(path) for path in paths])
    else:
        print(f"{len(paths)} files written to {to}")


def _type(schema: object) -> str:
    """An Avro type as people say it."""
    if isinstance(schema, list):
        return " or ".join(_type(branch) for branch in schema)
    if isinstance(schema, dict):
        if schema["type"] == "array":
            return f"list of {_type(schema['items'])}"
        if schema["type"] == "map":
            return f"map of {_type(schema['values'])}"
        if schema["type"] in ("record", "enum"):
            return str(schema["name"])
        return str(schema.get("logicalType", schema["type"]))
    return str(schema).rpartition(".")[2]
