"""Figures of a benchmark: a table for people, JSON for programs."""

from __future__ import annotations

import argparse
import json
import os
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

#: The table needs so many columns, also where the output is no terminal.
_WIDTH = 132


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value. `ratio`: how many times better than the rival, whichever way is better."""

    name: str
    value: float
    unit: str
    rival: str | None = None
    rival_value: float | None = None
    ratio: float | None = None
    goal: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the ratio reaches its goal; None where there is none."""
        return None if self.ratio is None or self.goal is None else self.ratio >= self.goal


@dataclass(frozen=True, slots=True)
class Options:
    quick: bool
    json: Path | None
    profile: Path | None

    def rounds(self, many: int) -> int:
        return 1 if self.quick else many


@dataclass
class Report:
    title: str
    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(
        self,
        name: str,
        values: Sequence[float],
        unit: str,
        *,
        rival: str | None = None,
        rival_values: Sequence[float] = (),
        goal: float | None = None,
        less_is_better: bool = False,
        note: bool = True,
    ) -> Figure:
        """The median over rounds, against the median of the rival's rounds; a note tells their range."""
        value = statistics.median(values)
        rival_value = statistics.median(rival_values) if rival_values else None
        ratio = None
        if rival_value is not None:
            over, under = (rival_value, value) if less_is_better else (value, rival_value)
            ratio = over / under if under else None
        figure = Figure(name, value, unit, rival, rival_value, ratio, goal)
        self.figures.append(figure)
        if note and len(values) > 1:
            self.notes.append(f"{name}: {_range(values)} {unit} over {len(values)} rounds")
        return figure

    def show(self, console: Console) -> None:
        table = Table(title=self.title, title_justify="left", box=SIMPLE_HEAD)
        for heading in ("figure", "value", "unit", "rival", "its value", "ratio", "goal"):
            number = heading in ("value", "its value", "ratio", "goal")
            table.add_column(heading, justify="right" if number else "left")
        for figure in self.figures:
            verdict = {True: " met", False: " missed", None: ""}[figure.met]
            table.add_row(
                figure.name,
                _text(figure.value),
                figure.unit,
                figure.rival or "",
                _text(figure.rival_value),
                _text(figure.ratio),
                _text(figure.goal) + verdict,
            )
        console.print(table)
        for note in self.notes:
            console.print(f"  {note}", highlight=False, markup=False)

    def write(self, path: Path) -> None:
        rows = [asdict(figure) for figure in self.figures]
        path.write_text(json.dumps({"figures": rows}, indent=2) + "\n", "utf-8")

    def finish(self, options: Options) -> None:
        """The table on stdout, and the JSON file where one is wanted."""
        load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
        self.notes.append(f"{os.cpu_count()} cores; load averages at the end {load} (our own included)")
        self.show(Console(width=max(_WIDTH, Console().width)))
        if options.json is not None:
            self.write(options.json)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least `percent` of all do not exceed (nearest rank)."""
    if not values:
        raise ValueError("no values, no percentile")
    ranked = sorted(values)
    rank = -(-len(ranked) * percent // 100)
    return ranked[max(0, int(rank) - 1)]


def alternating(rounds: int, names: Sequence[str]) -> Iterator[str]:
    """Who runs next: everybody once in each round, in an order that turns around every other round."""
    for number in range(rounds):
        yield from names if number % 2 == 0 else reversed(names)


def parser(description: str, *, profiles: bool = True) -> argparse.ArgumentParser:
    """The options that every benchmark has."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--quick", action="store_true", help="a minute's look: one short round")
    made.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    if profiles:
        made.add_argument(
            "--profile", type=Path, metavar="DIR", help="profile our workers (which slows them) into DIR"
        )
    return made


def options(description: str, arguments: Sequence[str] | None = None, *, profiles: bool = True) -> Options:
    found = parser(description, profiles=profiles).parse_args(arguments)
    return Options(found.quick, found.json, found.profile if profiles else None)


def _range(values: Sequence[float]) -> str:
    return f"{_text(min(values))} to {_text(max(values))}"


def _text(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
