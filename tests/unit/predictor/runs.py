"""Batch predictions over local files, and the models that they ask."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from molfleet.bundles.signatures import ANYBODY, Trust
from molfleet.local.offline import Files, LocalContext
from molfleet.messages.generated import ModelRef, PropertiesPredicted
from molfleet.runtime.handler import ComputeShare
from tests.builders import predict_properties
from tests.unit.bundles.factory import CHAINS, make
from workers.predictor.batch import predict

SMI = "".join(f"{smiles} mol{number}\n" for number, smiles in enumerate(CHAINS))
MIXED = "CCO ethanol\nC1CC broken\nCCN amine\nnonsense also broken\nCCCCO butanol\n"


@dataclass
class Run:
    """One command over local files, and how to read what it gave."""

    folder: Path
    models: Path
    processes: int = 1
    trust: Trust = ANYBODY

    def __call__(self, source: str | bytes | Path, *names: str, **fields: Any) -> PropertiesPredicted:
        self.files = Files()
        path = source if isinstance(source, Path) else self.folder / "input.smi"
        if isinstance(source, (str, bytes)):
            path.write_bytes(source if isinstance(source, bytes) else source.encode())
        refs = [ModelRef(id=uuid4(), blob=self.files.ref(self.models / name)) for name in names]
        scratch = self.folder / f"scratch-{uuid4()}"
        scratch.mkdir()
        share = ComputeShare(self.processes, record_time_limit_s=30.0, trust=self.trust)
        self.context = LocalContext(self.files, self.folder / "out", scratch, share=share)
        self.command = predict_properties(source=self.files.ref(path), models=refs, **fields)
        return predict(self.command, self.context)

    def rows(self, event: PropertiesPredicted) -> list[dict[str, str]]:
        with self.files.path(event.output).open(encoding="utf-8", newline="") as stream:
            return list(csv.DictReader(stream))

    def rejects(self, event: PropertiesPredicted) -> list[dict[str, str]]:
        if event.rejects is None:
            return []
        with self.files.path(event.rejects).open(encoding="utf-8", newline="") as stream:
            return list(csv.DictReader(stream))


def make_models(path: Path) -> None:
    """One model of each kind that the tests ask for."""
    make(path / "forest", name="solubility")
    make(path / "boosted", "boosted", name="solubility")
    make(path / "classes", task="classification", name="activity")
    make(path / "three", task="classification", labels=("low", "middle", "high"), name="grade")
    make(path / "descriptors", "linear", featurizer="DESC", name="logS")
    make(path / "record", name="record")
    make(path / "unmeasured", name="unmeasured", metrics=())
    make(path / "modi", name="modi", metadata={"modi": "0.81"})
    (path / "broken").write_bytes((path / "forest").read_bytes()[:-9])
