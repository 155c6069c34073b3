"""Offline: a model that takes columns of a table, from the command line to its predictions."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from molfleet.cli.frame import Exit
from tests.unit.cli.test_offline import molfleet
from tests.unit.modeler.measured_under import HEADER, rows

pytestmark = pytest.mark.worker


def write(path: Path, header: tuple[str, ...], *found: tuple[str, ...]) -> Path:
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([header, *found])
    return path


def test_a_model_with_columns_is_trained_inspected_and_predicts_from_a_table_that_has_them(
    tmp_path: Path,
) -> None:
    data = write(tmp_path / "assays.csv", HEADER, *rows(30))
    made = tmp_path / "model"
    trained = molfleet(
        *("train", data, "--target", "activity", "--method", "ridgeregression", "--output", made),
        *("-f", "ECFP:256:2", "-f", "COLUMNS:numeric=dose:categorical=assay", "--set", "k_fold=2"),
    )
    assert trained.exit_code == Exit.SUCCESS, trained.output
    model = made / "model.molmodel"
    seen = molfleet("model", "inspect", model)
    assert "COLUMNS:categorical=assay:categories=assay=binding,assay=cell:numeric=dose" in seen.output

    new = write(
        tmp_path / "new.csv", ("smiles", "assay", "dose"), ("CCO", "cell", "2"), ("CCO", "binding", "")
    )
    done = molfleet("predict", new, "--model", model, "--output", tmp_path / "predictions.csv")
    assert done.exit_code == Exit.SUCCESS, done.output
    cell, binding = csv.DictReader((tmp_path / "predictions.csv").open())
    assert float(cell["consensus"]) > float(binding["consensus"])

    bare = write(tmp_path / "bare.csv", ("smiles", "assay"), ("CCO", "cell"))
    refused = molfleet("predict", bare, "--model", model, "--output", tmp_path / "none.csv")
    assert refused.exit_code == Exit.FAILED
    assert "bare.csv has no 'dose'" in " ".join(refused.output.split())
