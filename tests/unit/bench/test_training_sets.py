"""The public sets as training sees them, and the scores of the benchmark against the handler's own."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.report import Report
from bench.training_defaults import defaults
from bench.training_intervals import held
from bench.training_options import chosen_of
from bench.training_ours import Ours
from bench.training_outputs import unseen
from bench.training_scores import score_of
from bench.training_sets import FEATURES, SETS, Material, read
from molfleet.messages.generated import FeaturizerSpec
from tests.unit.modeler import support

pytestmark = [
    pytest.mark.worker,
    pytest.mark.skipif(not SETS["freesolv"].path.exists(), reason="no public sets on this machine"),
]


@pytest.fixture(scope="module")
def material() -> Material:
    return read(SETS["freesolv"], 1, most=80)


def test_kept_features_are_those_that_were_computed(material: Material, tmp_path: Path) -> None:
    fresh, kept = (read(SETS["freesolv"], 1, 80, tmp_path) for _ in range(2))
    for each in (fresh, kept):
        assert each.smiles == material.smiles
        np.testing.assert_array_equal(each.values, material.values)
        for name in FEATURES:
            np.testing.assert_array_equal(each.features(name), material.features(name))


def test_results_are_named_after_molecules_values_and_test_set(material: Material) -> None:
    name = material.digest(material.partition("random", 0))
    assert name == material.digest(material.partition("random", 0))
    assert name != material.digest(material.partition("random", 1))
    changed = replace(material, curated=replace(material.curated, values=material.values + 1))
    assert name != changed.digest(material.partition("random", 0))


def test_columns_of_fingerprints_and_descriptors_are_told_apart(material: Material) -> None:
    both = material.continuous("ECFC+DESC")
    assert both.shape == (material.features("ECFC+DESC").shape[1],)
    assert not both[:2048].any()
    assert both[2048:].all()


@pytest.mark.slow
def test_defaults_are_compared_where_there_is_a_set_of_the_task_and_each_pair_once(
    material: Material, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = ("--keep", str(tmp_path), "--sets", "freesolv", "--splits", "random", "--seeds", "2")
    chosen = chosen_of("", [*told, "--contestants", "ridge*", "logistic*"])
    reports = [Report("defaults"), Report("defaults")]
    defaults(chosen, lambda _: material, reports[0])
    monkeypatch.setattr("bench.training_defaults.measured", None)
    defaults(chosen, lambda _: material, reports[1])
    assert reports[0].notes == reports[1].notes
    rows = [note for note in reports[0].notes if note.startswith("| `")]
    (ridge,) = rows
    assert ridge.startswith("| `ridgeregression` |")
    assert " of 4 " in ridge


def test_scores_and_coverage_are_those_that_the_handler_reports(material: Material, tmp_path: Path) -> None:
    rows = list(zip(material.smiles, map(str, material.values), strict=True))
    source = support.write_table(tmp_path, rows, ("smiles", "dG_hyd"), "few.csv")
    found = unseen(Ours("lightgbm", "ECFP"), material, "random", 3, 1, tmp_path / "outputs")
    values, outputs, _ = found.of(found.test)
    event, model, context = support.trained(
        tmp_path,
        source,
        targets=("dG_hyd",),
        task="regression",
        method="lightgbm",
        featurizers=(FeaturizerSpec(type="ECFP", size=2048, radius=2),),
        hyper_parameters={},
        split="random",
        seed=3,
        k_fold=5,
    )
    table = next(one.blob for one in event.artifacts if one.name == "metrics.csv")
    with context.fetch(table).open(encoding="utf-8") as stream:
        told = [row for row in csv.DictReader(stream) if (row["fold"], row["metric"]) == ("final", "RMSE")]
    assert [row["subset"] for row in told] == ["test"]
    assert score_of("regression", values, outputs) == pytest.approx(float(told[0]["value"]), rel=1e-4)
    calibration = model.manifest.calibration
    assert calibration is not None
    (sealed,) = (
        one
        for one in calibration.coverage
        if (one.subset, one.confidence, one.low, one.high) == ("test", 0.9, 0.0, 1.0)
    )
    ours = held(found, 3)
    assert (ours.covered, ours.width) == pytest.approx((sealed.covered, sealed.width), rel=1e-4)
