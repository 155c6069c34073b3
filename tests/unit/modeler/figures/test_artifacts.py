"""Files beside a model: pictures that fail alone, thumbnails of exact size, tables to be read back."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.unit.modeler.figures.outcomes import classes, values
from workers.modeler.artifacts import (
    draw_pictures,
    draw_thumbnails,
    write_importance,
    write_leakage,
    write_metrics,
    write_predictions,
)
from workers.modeler.evaluation import MetricRow
from workers.modeler.figures import PICTURES, Outcome, Picture


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.slow
def test_all_pictures_of_the_task_are_files_under_their_codes(tmp_path: Path) -> None:
    drawing = draw_pictures(tmp_path, values())
    assert [file.kind for file in drawing.files] == [
        row.code for row in PICTURES if "regression" in row.tasks
    ]
    assert drawing.left_out == {}
    for file in drawing.files:
        assert file.content_type == "image/png"
        assert Image.open(file.path).format == "PNG"


def test_a_picture_that_cannot_be_drawn_is_left_out_and_named_and_the_others_are_there(
    tmp_path: Path,
) -> None:
    def fails(outcome: Outcome) -> bytes:
        raise ZeroDivisionError("nothing to draw")

    broken = Picture("broken_plot", "Broken", ("regression",), fails)
    drawing = draw_pictures(tmp_path, values(), (broken, PICTURES[-1]))
    assert [file.kind for file in drawing.files] == ["substructures_plot"]
    assert drawing.left_out == {"broken_plot": "ZeroDivisionError: nothing to draw"}


@pytest.mark.parametrize("outcome", [values(), classes(), classes(5), values(1, 1, test=False)])
def test_thumbnails_are_squares_of_exactly_their_widths(tmp_path: Path, outcome: Outcome) -> None:
    made = draw_thumbnails(tmp_path, outcome)
    assert [width for width, _ in made] == [300, 600, 1200]
    for width, path in made:
        with Image.open(path) as image:
            assert (image.format, image.size) == ("PNG", (width, width))
            assert len(np.unique(np.asarray(image.convert("L")))) > 20


def test_thumbnails_come_even_where_the_picture_fails(tmp_path: Path) -> None:
    def fails(outcome: Outcome, width: int) -> bytes:
        raise ValueError(width)

    made = draw_thumbnails(tmp_path, values(model_name="logD by trees"), fails)
    assert [Image.open(path).size for _, path in made] == [(300, 300), (600, 600), (1200, 1200)]


def test_the_larger_thumbnail_is_the_same_picture(tmp_path: Path) -> None:
    small, _, large = (Image.open(path).convert("L") for _, path in draw_thumbnails(tmp_path, values()))
    shrunk = np.asarray(large.resize(small.size, Image.Resampling.BOX), float)
    assert np.abs(shrunk - np.asarray(small, float)).mean() < 8


def test_metrics_come_back_as_they_were_written(tmp_path: Path) -> None:
    rows = [
        MetricRow("validation", "mean", "RMSE", 0.1 + 0.2, 0.25, baseline=1.5),
        MetricRow("test", "final", "R2", -1e-17, None, -0.5, 0.5, 0.0),
    ]
    file = write_metrics(tmp_path / "metrics.csv", rows)
    assert file.kind == "csv_report"
    read = table(file.path)
    assert list(read[0]) == list(MetricRow._fields)
    assert [float(row["value"]) for row in read] == [0.1 + 0.2, -1e-17]
    assert [row["std"] for row in read] == ["0.25", ""]
    assert [row["baseline"] for row in read] == ["1.5", "0.0"]


def test_long_smiles_headers_quotes_and_line_breaks_come_back_whole(tmp_path: Path) -> None:
    smiles = "C" * 40_000
    target = 'activity, "measured"\nin µM ' + "x" * 5_000
    file = write_predictions(tmp_path / "p.csv", ("record", "smiles", target), [(0, smiles, 1.25)])
    assert table(file.path) == [{"record": "0", "smiles": smiles, target: "1.25"}]


def test_leakage_rows_are_a_table_of_their_own(tmp_path: Path) -> None:
    file = write_leakage(tmp_path / "l.csv", ("record", "similarity"), [("3", "0.9500")])
    assert (file.kind, table(file.path)) == ("leakage_report", [{"record": "3", "similarity": "0.9500"}])


def test_importances_are_written_with_their_substructures(tmp_path: Path) -> None:
    outcome = classes(labels=("inactive", "active"))
    rows = table(write_importance(tmp_path / "i.csv", outcome).path)
    assert [int(row["rank"]) for row in rows] == [1, 2, 3, 4]
    assert [float(row["weight"]) for row in rows] == [item.weight for item in outcome.importances]
    assert [row["direction"] for row in rows[:3]] == ["raises active", "no direction", "lowers active"]
    first = outcome.environments[outcome.importances[0].index].found[0]
    assert rows[0]["substructure"] == first.smiles
    assert rows[3]["substructure"] == ""
