"""The files that come with a model: its figures, its predictions, its pictures, and what was left out."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from molfleet.bundles.manifest import Metric
from workers.modeler.figures import PICTURES, Outcome, save

THUMBNAIL_WIDTHS = (300, 600, 1200)


@dataclass(frozen=True)
class ArtifactFile:
    """A file beside the model; `kind` is its wire code."""

    kind: str
    path: Path
    content_type: str


def write_metrics(path: Path, metrics: Sequence[Metric], final: Iterable[Metric]) -> ArtifactFile:
    """One row per figure; `fold` is `mean` over the folds, 0-based, or `final` for the final model."""
    rows = [
        (m.subset, "mean" if m.fold is None else m.fold, m.name, m.value, "" if m.std is None else m.std)
        for m in metrics
    ]
    rows += [(m.subset, "final", m.name, m.value, "") for m in final]
    _write(path, ("subset", "fold", "metric", "value", "std"), rows)
    return ArtifactFile("csv_report", path, "text/csv")


def write_predictions(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> ArtifactFile:
    """What was measured and what was predicted by a model that had not seen it, molecule by molecule."""
    _write(path, header, rows)
    return ArtifactFile("predictions_table", path, "text/csv")


def draw_pictures(directory: Path, outcome: Outcome) -> list[ArtifactFile]:
    return [
        ArtifactFile(picture.code, save(picture, outcome, directory / f"{picture.code}.png"), "image/png")
        for picture in PICTURES
        if picture.task == outcome.task
    ]


def draw_thumbnails(directory: Path, outcome: Outcome) -> list[tuple[int, Path]]:
    """The first picture of the task in each width, in pixels."""
    picture = next(row for row in PICTURES if row.task == outcome.task)
    return [
        (width, save(picture, outcome, directory / f"thumbnail-{width}.png", width))
        for width in THUMBNAIL_WIDTHS
    ]


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
