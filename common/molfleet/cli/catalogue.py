"""molfleet catalogue: everything that a command can name."""

from __future__ import annotations

from typing import Annotated

import typer

from molfleet.cli import frame


def catalogue(
    kind: Annotated[str, typer.Argument(help="featurizer, algorithm, ...; without: all.")] = "",
    json: frame.Json = False,
) -> None:
    """List featurizers, algorithms, splits and whatever else the installed workers know by name.

    Example: molfleet catalogue featurizer
    """
    import difflib

    from molfleet.operations.catalogues import installed

    found = installed()
    if kind:
        wanted = kind.rstrip("s").lower()
        chosen = {name: rows for name, rows in found.items() if name.rstrip("s").lower() == wanted}
        if not chosen:
            near = difflib.get_close_matches(kind, found, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise frame.Usage(f"There is no catalogue of {kind!r}.{hint} Known: {', '.join(found)}.")
        found = chosen
    if json:
        frame.print_json(found)
        return
    from rich.table import Table

    for name, rows in found.items():
        table = Table(title=name, title_justify="left", title_style="bold", box=None, pad_edge=False)
        table.add_column("code", no_wrap=True)
        table.add_column("also", overflow="fold", style="dim")
        table.add_column("what it is", overflow="fold")
        for row in rows:
            table.add_row(row["code"], ", ".join(row["aliases"]), row["text"])
        frame.console().print(table)
