"""The summary of one calculation: counts, statistics of columns, timings, versions."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import rdkit

from molfleet import __version__
from molfleet.chemistry.featurizers import Featurizer
from workers.feature_vectors.chunks import ChunkResult, ColumnCounts
from workers.feature_vectors.table import Layout


class Totals:
    """What all chunks gave together."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.structures = 0
        self.failed = 0
        self.codes: Counter[str] = Counter()
        self.filled = [0] * len(layout.texts)
        self.seconds: Counter[str] = Counter()
        self.began = time.monotonic()
        self.columns = [
            ColumnCounts(0, np.zeros(f.size, np.int64) if f.kind == "descriptors" else None, 0)
            for f in layout.featurizers
        ]

    @property
    def records(self) -> int:
        return self.structures + self.failed

    def add(self, result: ChunkResult) -> None:
        self.structures += len(result.records)
        self.failed += len(result.rejects)
        self.codes.update(reject.code.value for reject in result.rejects)
        self.seconds.update(result.seconds)
        for index, texts in enumerate(result.texts):
            self.filled[index] += sum(text not in (None, "") for text in texts)
        for total, counts in zip(self.columns, result.counts, strict=True):
            total.set_values += counts.set_values
            total.overflows += counts.overflows
            if total.missing is not None and counts.missing is not None:
                total.missing += counts.missing


def layout_metadata(standardize: str) -> dict[str, str]:
    """What a feature file says of itself."""
    return {"molfleet": __version__, "rdkit": rdkit.__version__, "standardize": standardize}


def write_summary(path: Path, totals: Totals, standardize: str) -> Path:
    """Write the summary as JSON; `seconds` are summed over processes, `elapsed_s` is wall time."""
    layout = totals.layout
    summary = {
        "records": totals.records,
        "structures": totals.structures,
        "failed": totals.failed,
        "codes": dict(sorted(totals.codes.items())),
        "standardize": standardize,
        "text_columns": [
            {"name": name, "filled": filled}
            for name, filled in zip(layout.texts, totals.filled, strict=True)
        ],
        "columns": [
            _column(featurizer, counts, totals.structures)
            for featurizer, counts in zip(layout.featurizers, totals.columns, strict=True)
        ],
        "elapsed_s": round(time.monotonic() - totals.began, 3),
        "seconds": {name: round(seconds, 3) for name, seconds in totals.seconds.items()},
        "versions": {"molfleet": __version__, "rdkit": rdkit.__version__, "numpy": np.__version__},
    }
    path.write_text(json.dumps(summary, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def _column(featurizer: Featurizer, counts: ColumnCounts, rows: int) -> dict[str, Any]:
    column: dict[str, Any] = {
        "name": featurizer.column,
        "kind": featurizer.kind,
        "size": featurizer.size,
        "overflows": counts.overflows,
    }
    if featurizer.kind == "descriptors":
        missing = counts.missing if counts.missing is not None else np.zeros(0, np.int64)
        names = featurizer.names or ()
        column["missing"] = {name: int(count) for name, count in zip(names, missing, strict=True) if count}
    else:
        column["density"] = counts.set_values / (rows * featurizer.size) if rows else 0.0
    return column
