"""Runs the worker's handler on local files, as `molfleet features` does."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from molfleet import features
from molfleet.local.offline import Files, run_offline
from molfleet.messages.generated import CalculateFeatureVectors, FeatureVectorsCalculated
from molfleet.runtime.handler import ComputeShare
from tests.builders import calculate_feature_vectors
from workers.feature_vectors.handlers import HANDLERS

HANDLER = HANDLERS[CalculateFeatureVectors]


@dataclass
class Outcome:
    """The terminal event, and its files where it has some."""

    event: Any
    directory: Path
    progress: list[tuple[str, float]]

    @property
    def output(self) -> Path:
        assert isinstance(self.event, FeatureVectorsCalculated), self.event
        return self.directory / Path(self.event.output.key).name

    @property
    def table(self) -> features.FeatureTable:
        return features.read(self.output)

    @property
    def rejects(self) -> list[dict[str, str]]:
        if self.event.rejects is None:
            return []
        with (self.directory / "rejects.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    @property
    def summary(self) -> dict[str, Any]:
        summary: dict[str, Any] = json.loads((self.directory / "summary.json").read_text())
        return summary


Calculate = Callable[..., Outcome]


@pytest.fixture
def calculate(tmp_path: Path) -> Calculate:
    """calculate(path, processes=1, part_records=None, **fields of the command) -> Outcome.

    With `part_records` a file of more records is shared out, so many at a time.
    """
    runs: list[int] = []

    def run(path: Path, processes: int = 1, part_records: int | None = None, **fields: Any) -> Outcome:
        runs.append(1)
        directory = tmp_path / f"outputs-{len(runs)}"
        files = Files()
        progress: list[tuple[str, float]] = []
        event = run_offline(
            calculate_feature_vectors(source=files.ref(path), **fields),
            HANDLER,
            files,
            directory,
            share=ComputeShare(
                processes=processes,
                record_time_limit_s=20,
                split_records=part_records,
                part_records=part_records or 1,
            ),
            on_progress=lambda stage, fraction, message, eta: progress.append((stage, fraction)),
        )
        return Outcome(event, directory, progress)

    return run
