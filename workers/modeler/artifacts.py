"""The files that come with a model: its figures, its predictions, its pictures, and what it looks at."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from workers.modeler.evaluation import MetricRow
from workers.modeler.figures import PICTURES, WIDTHS, Outcome, Picture, thumbnail, words_only
from workers.modeler.figures.importance import direction_of

_PNG = "image/png"
_REASON = 200


@dataclass(frozen=True)
class ArtifactFile:
    """A file beside the model; `kind` is its wire code."""

    kind: str
    path: Path
    content_type: str


@dataclass(frozen=True)
class Drawing:
    """The pictures that were drawn. `left_out` says by code why one could not be: a model is worth more
    than its pictures, so that fails no training, but is told."""

    files: tuple[ArtifactFile, ...]
    left_out: Mapping[str, str]


def write_metrics(path: Path, rows: Iterable[MetricRow]) -> ArtifactFile:
    """One row per figure; the fields of MetricRow are the columns."""
    told = (["" if value is None else value for value in row] for row in rows)
    return _table("csv_report", path, MetricRow._fields, told)


def write_predictions(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> ArtifactFile:
    """What was measured and what was predicted by a model that had not seen it, molecule by molecule."""
    return _table("predictions_table", path, header, rows)


def write_leakage(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> ArtifactFile:
    """How near records are to what the model that judged them had learned from."""
    return _table("leakage_report", path, header, rows)


def write_importance(path: Path, outcome: Outcome) -> ArtifactFile:
    """Every column of the features, the weightiest first, with the substructures that are known of it."""
    header = (
        *("rank", "featurizer", "feature", "weight", "direction", "records"),
        *("substructure", "substructure_share", "substructures_of_the_bit"),
    )
    return _table("feature_importance", path, header, _importances(outcome))


def _importances(outcome: Outcome) -> Iterator[tuple[object, ...]]:
    for rank, item in enumerate(outcome.importances, 1):
        environments = outcome.environments.get(item.index)
        told: tuple[object, ...] = ("", "", "")
        if environments is not None:
            first = environments.found[0]
            told = (first.smiles, first.count / environments.looked_at, len(environments.found))
        column = item.column
        direction = direction_of(outcome, item)
        yield (rank, column.featurizer, column.name, item.weight, direction, item.count, *told)


def draw_pictures(directory: Path, outcome: Outcome, pictures: Sequence[Picture] = PICTURES) -> Drawing:
    """Every picture of the outcome's task for which it has what is needed."""
    files: list[ArtifactFile] = []
    left_out: dict[str, str] = {}
    for picture in pictures:
        if outcome.task not in picture.tasks:
            continue
        path = directory / f"{picture.code}.png"
        try:
            if not picture.applies(outcome):
                continue
            path.write_bytes(picture.draw(outcome))
        except Exception as error:
            left_out[picture.code] = _reason(error)
        else:
            files.append(ArtifactFile(picture.code, path, _PNG))
    return Drawing(tuple(files), left_out)


def draw_thumbnails(
    directory: Path, outcome: Outcome, draw: Callable[[Outcome, int], bytes] = thumbnail
) -> list[tuple[int, Path]]:
    """The thumbnail in each width, in pixels. Sagas wait for all of them, so where the picture cannot be
    drawn the model's name and figures are."""
    made = []
    for width in WIDTHS:
        try:
            png = draw(outcome, width)
        except Exception:
            png = words_only(outcome, width)
        path = directory / f"thumbnail-{width}.png"
        path.write_bytes(png)
        made.append((width, path))
    return made


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:_REASON]


def _table(kind: str, path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> ArtifactFile:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
    return ArtifactFile(kind, path, "text/csv")
