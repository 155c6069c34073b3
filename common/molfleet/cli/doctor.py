"""molfleet doctor: whether this machine can work with this fleet."""

from __future__ import annotations

import typer

from molfleet.cli import frame


def doctor(json: frame.Json = False) -> None:
    """Check settings, broker, topics, store and versions, and say what to do about each.

    Exit code 2: something is wrong here, 3: something cannot be reached. Example: molfleet doctor
    """
    from molfleet.operations.doctor import Verdict, examine

    checks = frame.run(examine(frame.settings()))
    if json:
        frame.print_json([check.plain() for check in checks])
    else:
        from rich.table import Table
        from rich.text import Text

        styles = {Verdict.GOOD: "green", Verdict.NOTE: "yellow", Verdict.BAD: "bold red"}
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
        for check in checks:
            text = Text(check.found)
            if check.advice:
                text.append(f"\n{check.advice}", style="bold")
            verdict = Text(check.verdict.value, style=styles.get(check.verdict, "dim"))
            table.add_row(Text(check.name), verdict, text)
        frame.console().print(table)
    bad = [check for check in checks if check.verdict is Verdict.BAD]
    if any(check.unreachable for check in bad):
        raise typer.Exit(frame.Exit.UNREACHABLE)
    if bad:
        raise typer.Exit(frame.Exit.USAGE)
