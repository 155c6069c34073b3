"""molfleet settings: every setting, its value here, and what it means."""

from __future__ import annotations

from typing import Annotated

import typer

from molfleet.cli import frame


def show(
    json: frame.Json = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="The table of docs/OPERATING.md: defaults, no values.")
    ] = False,
) -> None:
    """Print all settings, secrets masked.

    Example: MOLFLEET_KAFKA_BOOTSTRAP=kafka:9092 molfleet settings
    """
    from molfleet import settings as module
    from molfleet.operations.doctor import shown

    if markdown:
        print("| Variable | Default | Meaning |\n|---|---|---|")
        for variable, _, default, text in module.variables():
            print(f"| `{variable}` | {_cell(default)} | {text} |")
        return
    values = shown(frame.settings())
    if json:
        frame.print_json({variable: value for variable, value, _ in values})
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("Variable", "Value", "Meaning"):
        table.add_column(heading, overflow="fold")
    defaults = {variable: default for variable, _, default, _ in module.variables()}
    for variable, value, text in values:
        style = "bold" if value != defaults[variable] else ""
        table.add_row(variable, "-" if value is None else str(value), text, style=style)
    frame.console().print(table)


def _cell(default: object) -> str:
    return "" if default is None or default == "" else f"`{default}`"
