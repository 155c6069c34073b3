"""Defects of the old training service, each shown not to be here, where no other test does.

tests/structure/test_legacy_defects.py says which test holds which.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from molfleet.bundles.archive import open_bundle
from molfleet.errors import Code, Rejected
from molfleet.messages.generated import BlobRef, ModelThumbnailGenerated, TrainingFailed
from tests.unit.modeler.algorithm_problems import fitted
from tests.unit.modeler.support import Directory, bioactive, command, figure, trained, write_table
from workers.modeler.algorithms import ALGORITHMS
from workers.modeler.handlers import training_failed
from workers.modeler.training import train

pytestmark = pytest.mark.worker

LONG_NAME = "activity against the receptor, as measured in the second campaign (nM)"
LONG_SMILES = "C" * 300 + "(=O)O"
BROKEN_SMILES = "C1" + "C" * 120


class Full(Directory):
    """A store that is full once the model lies in it."""

    def store(self, path: Path, **told: Any) -> BlobRef:
        if (self.root / "outputs" / "model.molmodel").exists():
            raise Rejected(Code.BLOB_ACCESS_DENIED, "There is no room.")
        return super().store(path, **told)


def rows_with(*more: tuple[object, ...], step: int = 25) -> list[tuple[object, ...]]:
    return [*more, *bioactive()[::step]]


def test_a_failure_after_the_upload_of_the_model_claims_no_model(
    tmp_path: Path,
) -> None:
    context = Full(tmp_path)
    source = write_table(tmp_path, rows_with(("CCO", "")), ("smiles", "activity"), "one-reject.csv")
    order = command(source)
    with pytest.raises(Rejected) as caught:
        train(order, context)
    assert (tmp_path / "outputs" / "model.molmodel").exists()
    verdict = caught.value
    failure = TrainingFailed.answer(
        order, code=verdict.code, message=verdict.message, retryable=verdict.retryable
    )
    told = training_failed(order, failure, context.emitted)
    assert (told.is_model_trained, told.number_of_generic_files) == (False, 0)
    pictures = [event for event in context.emitted if isinstance(event, ModelThumbnailGenerated)]
    assert told.is_thumbnail_generated == bool(pictures)


@pytest.mark.parametrize(("scaler", "test_set_size"), [(None, 0.0), ("minmax", 0.2)])
def test_any_scaler_or_none_goes_with_any_test_set_or_none(
    tmp_path: Path, scaler: str | None, test_set_size: float
) -> None:
    source = write_table(tmp_path, rows_with(), ("smiles", "activity"), "plain.csv")
    event, model, _ = trained(tmp_path, source, scaler=scaler, test_set_size=test_set_size)
    assert {metric.subset for metric in event.metrics} >= {"train", "validation"}
    assert ("test" in {metric.subset for metric in event.metrics}) == (test_set_size > 0)
    assert model.manifest.split.test_set_size == test_set_size
    assert {entry.kind for entry in event.artifacts} >= {"csv_report", "predictions_table"}


def test_one_value_that_is_no_number_one_gap_and_one_broken_molecule_cost_themselves_only(
    tmp_path: Path,
) -> None:
    faults = [("CCO", "", "no number"), ("CCN", "lots", "7"), (BROKEN_SMILES, "5.5", "8")]
    good = [(smiles, value, "text") for smiles, value in bioactive()[::25]]
    source = write_table(tmp_path, [*faults, *good], ("smiles", "activity", "remark"), "faults.csv")
    event, _, context = trained(tmp_path, source)
    assert (event.records_used, event.records_skipped) == (len(good), 3)
    assert event.rejects is not None
    with context.fetch(event.rejects).open(newline="") as stream:
        listed = list(csv.DictReader(stream))
    assert [(row["record"], row["code"]) for row in listed] == [
        ("0", "MISSING_TARGET"),
        ("1", "NON_NUMERIC_TARGET"),
        ("2", "UNPARSABLE"),
    ]
    assert all(row["message"] for row in listed)


def test_no_structure_and_no_heading_is_cut_short_in_any_table(tmp_path: Path) -> None:
    source = write_table(tmp_path, rows_with((LONG_SMILES, 6.5)), ("smiles", LONG_NAME), "long.csv")
    event, model, context = trained(tmp_path, source, targets=(LONG_NAME,))
    assert model.manifest.targets == (LONG_NAME,)
    tables = {
        entry.kind: list(csv.reader(context.fetch(entry.blob).open(newline="")))
        for entry in event.artifacts
        if entry.name.endswith(".csv")
    }
    assert set(tables) >= {"csv_report", "predictions_table", "leakage_report", "feature_importance"}
    header, *rows = tables["predictions_table"]
    assert LONG_NAME in header
    assert LONG_SMILES in {row[header.index("smiles")] for row in rows}


def test_the_modelability_of_values_is_calculated_and_changes_with_them(tmp_path: Path) -> None:
    found = []
    for number, values in enumerate((0, 1)):
        chance = np.random.default_rng(values)
        rows = [(s, v if not number else float(chance.normal())) for s, v in bioactive()[::20]]
        folder = tmp_path / str(number)
        event, _, _ = trained(folder, write_table(folder, rows, ("smiles", "activity"), "values.csv"))
        assert event.modi is not None
        found.append(event.modi)
        assert figure(event, "R2", "validation") < 1
    assert found[0] > found[1]
    assert 0.75 not in found


@pytest.mark.parametrize("code", ["mlpclassifier", "mlpregressor"])
def test_the_layers_and_neurons_that_were_asked_for_are_those_of_the_model(code: str) -> None:
    algorithm = ALGORITHMS.get(code)
    estimator, x, _ = fitted(algorithm, hidden_layers=3, hidden_units=7, max_iter=2)
    graph = onnx.load_from_string(algorithm.export(estimator, x.shape[1])).graph
    shapes = [numpy_helper.to_array(tensor).shape for tensor in graph.initializer]
    weights = [shape for shape in shapes if len(shape) == 2]
    assert weights[:3] == [(x.shape[1], 7), (7, 7), (7, 7)]
    assert len(weights) == 4


def test_nothing_that_a_training_writes_is_a_pickle(tmp_path: Path) -> None:
    context = Directory(tmp_path)
    source = write_table(tmp_path, rows_with(), ("smiles", "activity"), "plain.csv")
    event = train(command(source), context)
    bundle = open_bundle(context.fetch(event.model), max_bytes=1 << 30)
    kept = [path.read_bytes() for path in (tmp_path / "checkpoints").iterdir()]
    assert kept
    for data in [*bundle.parts.values(), *kept]:
        assert not data.startswith(b"\x80")
        assert b"sklearn" not in data
    assert {Path(name).suffix for name in bundle.parts} <= {".onnx", ".npz", ".safetensors", ".tsv"}
    assert json.loads(bundle.manifest.model_dump_json())
