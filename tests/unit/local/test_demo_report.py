"""The demo's molecules, and what it says at its end."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from rdkit import Chem
from rich.console import Console

from molfleet.local.demo_data import measured_sdf, nci_smiles
from molfleet.local.demo_report import Results, report
from molfleet.messages.generated import (
    ApplicabilityDomain,
    FeatureVectorsCalculated,
    Metric,
    ModelPrediction,
    ModelTrained,
    PropertiesPredicted,
    SingleStructurePredicted,
)
from tests import builders

MODEL = "activity randomforest"
FIGURES = (
    Metric(name="R2", subset="train", value=0.9, std=0.01, target="activity"),
    Metric(name="R2", subset="validation", value=0.61, std=0.05, target="activity"),
    Metric(name="R2", subset="validation", fold=0, value=0.55, target="activity"),
)


def results(**prediction: Any) -> Results:
    ref = builders.blob("x", "out")
    trained = ModelTrained.answer(
        builders.train_model(),
        model=ref,
        model_name=MODEL,
        method="randomforest",
        method_display_name="Forest",
        task="regression",
        metrics=FIGURES,
        number_of_generic_files=0,
        records_used=1234,
        records_skipped=0,
    )
    return Results(
        FeatureVectorsCalculated.answer(
            builders.calculate_feature_vectors(),
            output=ref,
            summary=ref,
            records=1,
            structures=1,
            failed=0,
            columns=1,
        ),
        trained,
        PropertiesPredicted.answer(
            builders.predict_properties(),
            output=ref,
            records=1,
            predicted=1,
            failed=0,
            file_name="p.csv",
        ),
        SingleStructurePredicted.answer(
            builders.single_structure_predict(), models=[ModelPrediction(id=UUID(int=1), **prediction)]
        ),
        "CCO",
    )


def said(directory: Path, given: Results) -> str:
    path = directory / "nci-predictions.csv"
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("record", "smiles", MODEL, f"{MODEL}:lower", f"{MODEL}:inside_domain"))
        table.writerows((n, "C" * (n + 1), f"{n}.25", f"{n}.0", "true") for n in range(12))
        table.writerow((12, "", "", "", ""))
    console = Console(file=io.StringIO(), width=80)
    report(console, given, [path], directory, 61.4)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_report_has_figures_predictions_one_structure_and_where_the_files_lie(tmp_path: Path) -> None:
    domain = ApplicabilityDomain(inside=False, similarity=0.1, distance=9.0, density=-3.0)
    text = said(tmp_path, results(value=6.5, lower=5.0, upper=8.0, applicability_domain=domain))
    assert "1,234 molecules" in " ".join(text.split())
    assert "0.610 ± 0.050" in text
    assert "0.550" not in text, "single folds are not shown"
    assert "9.250" in text
    assert "10.250" not in text, "only the first ten predictions are shown"
    assert "CCO: 6.50 (90 %: 5.00 to 8.00), outside the model's domain" in text
    assert str(tmp_path / "nci-predictions.csv") in text
    assert "Done in 61 s" in text
    assert max(map(len, text.splitlines())) <= max(80, len(str(tmp_path)) + 30)


def test_a_structure_without_an_answer_says_why(tmp_path: Path) -> None:
    assert "CCO: None" in said(tmp_path, results(value=None))


@pytest.mark.slow
def test_the_demos_files_hold_what_they_say(tmp_path: Path) -> None:
    path, count = measured_sdf(tmp_path / "new" / "measured.sdf")
    found = list(Chem.SDMolSupplier(str(path)))
    assert len(found) == count > 500
    assert all(0 < float(mol.GetProp("activity")) < 15 for mol in found)
    path, count = nci_smiles(tmp_path / "nci.smi")
    assert len(path.read_text().splitlines()) == count > 4_900


@pytest.fixture(autouse=True)
def _rdkit_speaks_again() -> Any:
    yield
    from rdkit import RDLogger

    RDLogger.EnableLog("rdApp.*")
