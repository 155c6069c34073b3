"""What the demo says at its end."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from molfleet.messages.generated import (
    BlobRef,
    FeatureVectorsCalculated,
    ModelTrained,
    PropertiesPredicted,
    SingleStructurePredicted,
)

_SHOWN = 10


@dataclass(frozen=True)
class Results:
    features: FeatureVectorsCalculated
    trained: ModelTrained
    predicted: PropertiesPredicted
    single: SingleStructurePredicted
    structure: str

    def outputs(self) -> dict[str, BlobRef]:
        """What the demo leaves for its user to look at, by file name."""
        return {
            "features.parquet": self.features.output,
            "features-summary.json": self.features.summary,
            "model.molmodel": self.trained.model,
            **{f"model-{artifact.name}": artifact.blob for artifact in self.trained.artifacts},
            "nci-predictions.csv": self.predicted.output,
        }


def report(
    console: Console, results: Results, files: Sequence[Path], directory: Path, seconds: float
) -> None:
    (table,) = (file for file in files if file.name == "nci-predictions.csv")
    console.print()
    console.print(_metrics(results.trained))
    console.print(_predictions(table, results.trained.model_name))
    _single(console, results)
    _files(console, files, directory)
    console.print(
        f"\nDone in {seconds:.0f} s; everything is stopped. How to go on:\n"
        "  .venv/bin/molfleet --help          every command, with an example each\n"
        "  make up && . .local/fleet.env      a fleet that stays, and its settings for this shell\n"
        "  .venv/bin/molfleet doctor          is everything well?",
        highlight=False,
    )


def _metrics(trained: ModelTrained) -> Table:
    table = Table(
        title=f"{trained.model_name}: {trained.method_display_name}, {trained.records_used:,} molecules",
        title_justify="left",
    )
    table.add_column("metric")
    subsets = [s for s in ("train", "validation", "test") if any(m.subset == s for m in trained.metrics)]
    for subset in subsets:
        table.add_column(subset, justify="right")
    overall = {(m.name, m.subset): m for m in trained.metrics if m.fold is None}
    for name in dict.fromkeys(name for name, _ in overall):
        cells = []
        for subset in subsets:
            metric = overall.get((name, subset))
            spread = f" ± {metric.std:.3f}" if metric and metric.std is not None else ""
            cells.append(f"{metric.value:.3f}{spread}" if metric else "")
        table.add_row(name, *cells)
    return table


def _predictions(path: Path, model: str) -> Table:
    table = Table(title=f"The first {_SHOWN} of the predictions", title_justify="left")
    table.add_column("", justify="right")
    table.add_column("SMILES", no_wrap=True, max_width=20, overflow="ellipsis")
    for column in ("value", "90 % low", "high", "inside", "similar"):
        table.add_column(column, justify="right", no_wrap=True)
    with path.open(encoding="utf-8", newline="") as file:
        for row in itertools.islice(csv.DictReader(file), _SHOWN):
            table.add_row(
                row["record"],
                row["smiles"],
                _number(row.get(model)),
                _number(row.get(f"{model}:lower")),
                _number(row.get(f"{model}:upper")),
                row.get(f"{model}:inside_domain", ""),
                _number(row.get(f"{model}:similarity")),
            )
    return table


def _number(text: str | None) -> str:
    return f"{float(text):.3f}" if text else ""


def _single(console: Console, results: Results) -> None:
    (prediction,) = results.single.models
    if prediction.value is None:
        console.print(f"{results.structure}: {prediction.error}")
        return
    interval = ""
    if prediction.lower is not None and prediction.upper is not None:
        interval = f" (90 %: {prediction.lower:.2f} to {prediction.upper:.2f})"
    domain = prediction.applicability_domain
    inside = "" if domain is None else ("inside" if domain.inside else "outside") + " the model's domain"
    console.print(
        f"\nOne structure, {results.structure}: {prediction.value:.2f}{interval}, {inside}.",
        highlight=False,
        markup=False,
    )


def _files(console: Console, files: Sequence[Path], directory: Path) -> None:
    console.print("\nWhere the files lie:", highlight=False)
    for path in (*files, directory / "logs"):
        console.print(f"  {path}", highlight=False, soft_wrap=True, markup=False)
