"""METRICS documents the catalogue as it is, and the metrics file's columns."""

from __future__ import annotations

import re

from tests.structure.test_docs import document
from workers.modeler.evaluation import MetricRow
from workers.modeler.metrics import METRICS, bootstrap, modelability


def test_the_table_of_metrics_has_every_row_of_the_catalogue_in_its_order() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ?(.*?) ?\| (\w+) \| (\w+) \|", document("METRICS"), re.MULTILINE)
    assert rows == [
        (
            row.code,
            ", ".join(f"`{alias}`" for alias in row.aliases),
            row.task,
            "higher" if row.greater_is_better else "lower",
        )
        for row in METRICS
    ]


def test_the_contract_names_every_metric() -> None:
    (named,) = re.findall(r"\*\*Metrics\*\*: (.*?)\. ", document("CONTRACT"), re.DOTALL)
    assert tuple(re.split(r"[,;]\s+", named)) == METRICS.codes


def test_the_columns_of_the_metrics_file_are_described() -> None:
    section = document("METRICS").partition("## Folds")[2].partition("## Baseline")[0]
    cells = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    assert tuple(re.findall(r"`(\w+)`", " ".join(cells))) == MetricRow._fields


def test_the_bounds_are_those_of_the_code() -> None:
    text = " ".join(document("METRICS").split())
    assert f"Above {bootstrap.MAX_ROWS:,} rows" in text
    assert f"None of fewer than {bootstrap.MIN_ROWS} rows" in text
    assert f"More than {modelability.MAX_MOLECULES:,} molecules" in text
    assert f"within {modelability.DELTA} standard deviations" in text
