"""molfleet catalogue: everything that a command can name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from molfleet.cli import frame


def catalogue(
    kind: Annotated[str, typer.Argument(help="featurizer, algorithm, ...; without: all.")] = "",
    code: Annotated[str, typer.Argument(help="One row of that kind, with all that is known of it.")] = "",
    json: frame.Json = False,
    markdown: Annotated[
        bool,
        typer.Option("--markdown", help="The table of a document such as docs/FEATURIZERS.md."),
    ] = False,
) -> None:
    """List featurizers, algorithms, splits and whatever else the installed workers know by name.

    Example: molfleet catalogue featurizer ECFP
    """
    from molfleet.operations.catalogues import installed

    found = installed()
    if kind:
        found = {name: found[name] for name in [_named(kind, found, "catalogue of")]}
    if code:
        ((name, rows),) = found.items()
        codes = {also.lower(): row["code"] for row in rows for also in (row["code"], *row["aliases"])}
        by_code = {row["code"]: row for row in rows}
        found = {name: [by_code[_named(codes.get(code.lower(), code), by_code, name)]]}
    if json:
        frame.print_json(found)
    elif markdown:
        for rows in found.values():
            print(_markdown(rows))
    elif code:
        _show_one(next(iter(found.values()))[0])
    else:
        _show_all(found, one_kind=bool(kind))


def _named(text: str, known: dict[str, Any], what: str) -> str:
    """The key that `text` means, without regard to case or plural."""
    import difflib

    def plain(name: str) -> str:
        return name.rstrip("s").lower()

    for name in known:
        if plain(name) == plain(text):
            return name
    near = difflib.get_close_matches(text, known, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise frame.Usage(f"There is no {what} {text!r}.{hint} Known: {', '.join(known)}.")


def _show_all(found: dict[str, list[dict[str, Any]]], *, one_kind: bool) -> None:
    from rich.table import Table

    for name, rows in found.items():
        table = Table(title=name, title_justify="left", title_style="bold", box=None, pad_edge=False)
        table.add_column("code", no_wrap=True)
        table.add_column("also", overflow="fold", style="dim")
        table.add_column("what it is", overflow="fold")
        full = one_kind and all("dimension" in row for row in rows)
        if full:
            table.add_column("gives", overflow="fold")
        for row in rows:
            cells = [row["code"], ", ".join(row["aliases"]), row["text"]]
            if full:
                cells.append(row["dimension"])
            table.add_row(*cells)
        frame.console().print(table)


def _show_one(row: dict[str, Any]) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    table.add_row(row["code"], escape(row["text"]))
    table.add_row("also", ", ".join(row["aliases"]) or "-")
    for name, heading in (("dimension", "gives"), ("paper", "source")):
        if name in row:
            table.add_row(heading, escape(row[name]))
    for name, default in row["parameters"].items():
        about = row.get("about", {}).get(name, "")
        allowed = f"{row['allowed'][name]}; " if "allowed" in row else ""
        table.add_row(name, escape(f"{about} [{allowed}default {_default(default)}]".strip()))
    frame.console().print(table)


def _markdown(rows: list[dict[str, Any]]) -> str:
    """A table of what is known of each row."""
    columns = _METHOD_COLUMNS if any("task" in row for row in rows) else _COLUMNS
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for row in rows:
        cells = (tell(row).replace("|", "/") for tell in columns.values())
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _code(row: dict[str, Any]) -> str:
    also = f", also {', '.join(f'`{alias}`' for alias in row['aliases'])}" if row["aliases"] else ""
    return f"`{row['code']}`{also}"


def _parameters(row: dict[str, Any]) -> str:
    return ", ".join(
        f"`{name}` {_default(default)}{_bounds(row.get('allowed', {}).get(name, ''))}"
        for name, default in row["parameters"].items()
    )


def _what(row: dict[str, Any]) -> str:
    """A family is its members; which one does the work is decided by the task."""
    return " or ".join(f"`{code}`" for code in row["members"]) if "members" in row else row["text"]


def _records(row: dict[str, Any]) -> str:
    if "max_records" not in row:
        return ""
    return f"{row['max_records']:,}; {row.get('beyond') or 'more are refused'}"


def _bounds(allowed: str) -> str:
    """What a parameter allows, in brackets, where its default does not say it."""
    brief = allowed
    for words in ("a whole number from ", "an integer from ", "a number from "):
        brief = brief.removeprefix(words)
    return f" ({brief})" if brief not in ("", "true or false") else ""


def _gives(row: dict[str, Any]) -> str:
    kind, dimension = row.get("kind", ""), row.get("dimension", "")
    return dimension if kind in dimension else f"{kind}: {dimension}"


def _default(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "none" if value is None else str(value)


_COLUMNS: dict[str, Callable[[dict[str, Any]], str]] = {
    "Code": _code,
    "What it is": lambda row: row["text"],
    "Gives": _gives,
    "Parameters: default (allowed)": _parameters,
    "Source": lambda row: row.get("paper", ""),
}
_METHOD_COLUMNS: dict[str, Callable[[dict[str, Any]], str]] = {
    "Code": _code,
    "What it is": _what,
    "Task": lambda row: row.get("task", ""),
    "Hyper-parameters: default (allowed)": _parameters,
    "Standardizes descriptors": lambda row: _default(row["scales"]) if "scales" in row else "",
    "Records at most": _records,
    "Part": lambda row: row.get("kind", ""),
}
