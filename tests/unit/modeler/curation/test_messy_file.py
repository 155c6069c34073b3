"""A messy file through a whole training: what curation found reaches the model, the event and the files."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.unit.modeler.support import bioactive, trained, write_table

pytestmark = pytest.mark.worker


def test_a_messy_file_becomes_a_model_in_moles_per_litre_and_every_record_is_accounted_for(
    tmp_path: Path,
) -> None:
    rows: list[tuple[str, str]] = []
    for number, (smiles, value) in enumerate(bioactive()[::14]):
        micromolar = 10 ** (6 - value)
        rows.append((smiles, f"{1000 * micromolar:,.9f} nM" if number % 3 else f"{micromolar:.12f} µM"))
    good = len(rows)
    rows += [
        (rows[0][0], rows[0][1]),
        ("CCO", ""),
        ("CCN", "> 100 uM"),
        ("CCCl", "3 mg/L"),
        ("C1CC", "5 uM"),
    ]
    source = write_table(tmp_path, rows, ("smiles", "activity"), "messy.csv")
    event, model, context = trained(tmp_path, source, target_transform="p")
    (blob,) = (item.blob for item in event.artifacts if item.kind == "curation_report")
    report = json.loads(context.fetch(blob).read_text())
    assert report["records"] == len(rows) == report["used"] + sum(report["skipped"].values())
    assert report["used"] == event.records_used == good
    assert report["units"]["values"] == model.manifest.units == "mol/L"
    assert {tuple(item.values())[:2] for item in report["units"]["conversions"]} == {
        ("nM", "mol/L"),
        ("µM", "mol/L"),
    }
    assert report["distribution"]["quantiles"]["0.5"] == pytest.approx(6.5, abs=1.5)
    assert event.rejects is not None
    with context.fetch(event.rejects).open(newline="") as stream:
        told = {int(row["record"]): (row["code"], row["message"]) for row in csv.DictReader(stream)}
    assert [told[record][0] for record in range(good, good + 5)] == [
        "DUPLICATE",
        "MISSING_TARGET",
        "CENSORED_TARGET",
        "NON_NUMERIC_TARGET",
        "UNPARSABLE",
    ]
    assert "mg/L" in told[good + 3][1]
    (predictions,) = (item.blob for item in event.artifacts if item.kind == "predictions_table")
    with context.fetch(predictions).open(newline="") as stream:
        first = next(csv.DictReader(stream))
    assert 4 < float(first["-log10 activity"]) < 9
    assert event.metadata is not None
    assert event.metadata["task_reason"].startswith("regression: ")
