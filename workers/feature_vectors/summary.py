"""The summary of one calculation: counts, statistics of columns, timings, versions."""

from __future__ import annotations

import json
import platform
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import rdkit

from molfleet import __version__
from molfleet.chemistry.featurizers import Featurizer
from workers.feature_vectors.chunks import ChunkResult
from workers.feature_vectors.counts import ColumnCounts
from workers.feature_vectors.table import Layout

#: What made the vectors.
VERSIONS = {
    "molfleet": __version__,
    "rdkit": rdkit.__version__,
    "numpy": np.__version__,
    "pyarrow": pyarrow.__version__,
    "python": platform.python_version(),
}


class Totals:
    """What all chunks gave together. Parts merge in any grouping and give the same, timings aside."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.structures = 0
        self.failed = 0
        self.codes: Counter[str] = Counter()
        self.filled = [0] * len(layout.texts)
        self.changed: Counter[str] = Counter()
        self.seconds: Counter[str] = Counter()
        self.began = time.monotonic()
        self.columns = [ColumnCounts.none(featurizer) for featurizer in layout.featurizers]

    @property
    def records(self) -> int:
        return self.structures + self.failed

    def add(self, result: ChunkResult) -> None:
        """Take in one chunk."""
        self.structures += len(result.records)
        self.failed += len(result.rejects)
        self.codes.update(reject.code.value for reject in result.rejects)
        self.changed.update(result.changed)
        self.seconds.update(result.seconds)
        for index, texts in enumerate(result.texts):
            self.filled[index] += sum(text not in (None, "") for text in texts)
        for total, counts in zip(self.columns, result.counts, strict=True):
            total.add(counts)

    def merge(self, part: Mapping[str, Any]) -> None:
        """Take in the `to_json` of totals of the same layout, of other records of the input."""
        self.structures += part["structures"]
        self.failed += part["failed"]
        self.codes.update(part["codes"])
        self.changed.update(part["changed"])
        self.seconds.update(part["seconds"])
        self.filled = [mine + its for mine, its in zip(self.filled, part["filled"], strict=True)]
        for total, counts in zip(self.columns, part["columns"], strict=True):
            total.add(ColumnCounts.of_json(counts))

    def to_json(self) -> dict[str, Any]:
        """Plain JSON that `merge` reads, in this process or another."""
        return {
            "structures": self.structures,
            "failed": self.failed,
            "codes": dict(self.codes),
            "changed": dict(self.changed),
            "seconds": dict(self.seconds),
            "filled": self.filled,
            "columns": [counts.to_json() for counts in self.columns],
        }


def layout_metadata(standardize: str) -> dict[str, str]:
    """What a feature file says of itself."""
    return {"molfleet": __version__, "rdkit": rdkit.__version__, "standardize": standardize}


def write_summary(
    path: Path,
    totals: Totals,
    standardize: str,
    *,
    file_type: str | None = None,
    structure_column: str | None = None,
    record_time_limit_s: float | None = None,
    rejects_sdf: Mapping[str, Any] | None = None,
) -> Path:
    """Write the summary as JSON.

    `file_type` and `structure_column` are those found;
    `rejects_sdf` is the BlobRef of the rejected records. `seconds` are summed over processes,
    `elapsed_s` is wall time since `totals` began.
    """
    layout = totals.layout
    elapsed_s = time.monotonic() - totals.began
    summary = {
        "records": totals.records,
        "structures": totals.structures,
        "failed": totals.failed,
        "codes": dict(sorted(totals.codes.items())),
        "file_type": file_type,
        "structure_column": structure_column,
        "standardize": standardize,
        "changed": dict(sorted(totals.changed.items())),
        "featurizers": [featurizer.spec for featurizer in layout.featurizers],
        "record_time_limit_s": record_time_limit_s,
        "text_columns": [
            {"name": name, "filled": filled}
            for name, filled in zip(layout.texts, totals.filled, strict=True)
        ],
        "columns": [
            _column(featurizer, counts)
            for featurizer, counts in zip(layout.featurizers, totals.columns, strict=True)
        ],
        "rejects_sdf": rejects_sdf,
        "elapsed_s": round(elapsed_s, 3),
        "records_per_s": round(totals.records / elapsed_s, 1) if elapsed_s else None,
        "seconds": {name: round(seconds, 3) for name, seconds in sorted(totals.seconds.items())},
        "versions": VERSIONS,
    }
    path.write_text(json.dumps(summary, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def _column(featurizer: Featurizer, counts: ColumnCounts) -> dict[str, Any]:
    column: dict[str, Any] = {
        "name": featurizer.column,
        "kind": featurizer.kind,
        "size": featurizer.size,
        "overflows": counts.losses["overflows"],
        "failures": counts.losses["failures"],
        "unseen": counts.losses["unseen"],
    }
    if counts.moments:
        rows = zip(featurizer.names or (), counts.moments.rows(), strict=True)
        return column | {"descriptors": dict(rows)}
    values = counts.rows * featurizer.size
    density = counts.set_values / values if values else 0.0
    return column | {"density": density, "never_set": counts.never_set(featurizer.size)}
