from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from molfleet.cli.trained import lines
from molfleet.messages.generated import BlobRef, Metric, ModelTrained


def event(**fields: object) -> ModelTrained:
    made = {
        "id": UUID(int=1),
        "correlation_id": UUID(int=2),
        "time_stamp": datetime(2026, 1, 1, tzinfo=UTC),
        "worker_version": "1",
        "elapsed_ms": 1,
        "model": BlobRef(bucket="b", key="k"),
        "model_name": "logD svm",
        "method": "svm",
        "method_display_name": "Support vector machine",
        "task": "regression",
        "number_of_generic_files": 0,
        "records_used": 4200,
        "records_skipped": 3,
        "metrics": [
            Metric(name="RMSE", target="logD", subset="validation", fold=None, value=0.65432, std=0.0211),
            Metric(name="RMSE", target="logD", subset="validation", fold=0, value=9.9, std=None),
            Metric(name="RMSE", target="logD", subset="train", fold=None, value=8.8, std=0.1),
        ],
    }
    return ModelTrained(**{**made, **fields})


def test_each_figure_stands_beside_its_interval_the_trivial_one_and_that_of_new_scaffolds() -> None:
    told = {
        "final_model.test.RMSE": "0.612",
        "final_model.test.RMSE.ci95": "0.58 0.65",
        "final_model.test.RMSE.baseline": "1.2",
        "scaffold_split.test.RMSE": "0.81",
        "coverage.90.test": "91.2 %",
        "warning.1": "Few molecules.",
    }
    text = "\n".join(lines(event(metadata=told, modi=0.612)))
    header, row = text.splitlines()[3:5]
    assert header.index("trivial") == row.index("1.2")
    for cell in ("RMSE", "0.654 ± 0.021", "0.612 (0.58 to 0.65)", "1.2", "0.81"):
        assert cell in row
    assert "9.9" not in text
    assert "90 % intervals held for 91.2 % (test)" in text
    assert "modelability 0.61" in text
    assert "! Few molecules." in text
    assert "4,200 records used, 3 skipped" in text


def test_without_a_test_set_its_columns_are_left_out() -> None:
    text = "\n".join(lines(event()))
    assert "cross-validation" in text
    assert "test (95 %)" not in text
    assert "trivial" not in text
