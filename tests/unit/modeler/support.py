"""A context on a directory, real molecules from the RDKit wheel, and commands about them."""

from __future__ import annotations

import csv
import hashlib
import shutil
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from rdkit import Chem, RDConfig

from molfleet.bundles.features import Featurization, Molecule, Toolbox
from molfleet.bundles.predict import Model, load_model
from molfleet.chemistry.featurizers import SpecValue
from molfleet.messages.generated import BlobRef, FeaturizerSpec, ModelTrained, TrainModel
from molfleet.messages.record import Event
from molfleet.runtime.handler import ComputeShare
from workers.modeler.training import train

ECFP = FeaturizerSpec(type="ECFP", size=256, radius=2)
FEW = FeaturizerSpec(
    type="DESC", parameters={"names": ("MolWt", "MolLogP", "TPSA", "NumHDonors", "RingCount")}
)
FAST = {"n_estimators": 20}


class Directory:
    """A context whose blobs are files: what a handler stores, emits and checkpoints can be looked at.

    `interrupt_at` raises KeyboardInterrupt at the first progress message that begins with it, as a
    killed process would stop there.
    """

    def __init__(self, root: Path, *, processes: int = 1, interrupt_at: str | None = None) -> None:
        self.root = root
        self.share = ComputeShare(processes=processes)
        self.scratch = root / f"scratch-{uuid.uuid4().hex}"
        self.scratch.mkdir(parents=True)
        self.emitted: list[Event] = []
        self.reports: list[tuple[str, float, str, float | None]] = []
        self._interrupt_at = interrupt_at

    def fetch(self, ref: BlobRef) -> Path:
        return self.root / ref.bucket / ref.key

    def store(
        self,
        path: Path,
        *,
        name: str | None = None,
        content_type: str | None = None,
        bucket: str | None = None,
    ) -> BlobRef:
        target = self.root / (bucket or "outputs") / (name or path.name)
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(path, target)
        return BlobRef(bucket=target.parent.name, key=target.name, content_type=content_type)

    def progress(self, stage: str, fraction: float, message: str = "", eta_s: float | None = None) -> None:
        self.reports.append((stage, fraction, message, eta_s))
        if self._interrupt_at and message.startswith(self._interrupt_at):
            raise KeyboardInterrupt

    def emit(self, event: Event) -> None:
        self.emitted.append(event)

    def checkpoint(self, name: str) -> Path | None:
        path = self.root / "checkpoints" / name
        return path if path.exists() else None

    def put_checkpoint(self, name: str, path: Path) -> Path:
        target = self.root / "checkpoints" / name
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(path, target)
        return target


@cache
def bioactive() -> tuple[tuple[str, float], ...]:
    """SMILES and pIC50-like activity of the ChEMBL set that the RDKit wheel ships."""
    folder = Path(RDConfig.RDContribDir) / "FreeWilson" / "data"
    smiles = {}
    for line in (folder / "CHEMBL2321810.smi").read_text().splitlines():
        structure, _, name = line.strip().partition(" ")
        smiles[name.strip()] = structure
    with (folder / "CHEMBL2321810_act.csv").open() as stream:
        rows = [row for row in csv.reader(stream) if row]
    return tuple((smiles[row[0]], float(row[1])) for row in rows if row[0] in smiles)


def write_table(root: Path, rows: Sequence[Sequence[object]], header: Sequence[str], name: str) -> BlobRef:
    path = root / "inputs" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([header, *rows])
    return BlobRef(bucket="inputs", key=name)


def molecules(root: Path, count: int = 80, *, classes: bool = False) -> BlobRef:
    """A CSV of `count` real molecules with the column `activity`: a value, or active/inactive."""
    picked = bioactive()[:: max(1, len(bioactive()) // count)][:count]
    middle = sorted(value for _, value in picked)[count // 2]
    rows = [(s, ("active" if v >= middle else "inactive") if classes else v) for s, v in picked]
    return write_table(root, rows, ("smiles", "activity"), "molecules.csv")


def command(source: BlobRef, **fields: Any) -> TrainModel:
    """A TrainModel whose id follows from its fields, so that equal commands are one."""
    told = {
        "source": source,
        "targets": ("activity",),
        "method": "randomforest",
        "featurizers": (ECFP,),
        "k_fold": 2,
        "hyper_parameters": FAST,
        **fields,
    }
    digest = hashlib.sha256(repr(sorted(told.items())).encode()).digest()
    ids = {"id": uuid.UUID(bytes=digest[:16]), "correlation_id": uuid.UUID(bytes=digest[16:])}
    return TrainModel(**{**ids, "time_stamp": datetime(2026, 1, 1, tzinfo=UTC), **told})


def trained(root: Path, source: BlobRef, **fields: Any) -> tuple[ModelTrained, Model, Directory]:
    """Train, and load the bundle back as a predictor would."""
    context = Directory(root)
    event = train(command(source, **fields), context)
    model = load_model(context.fetch(event.model), max_bytes=1 << 30)
    return event, model, context


def figure(event: ModelTrained, name: str, subset: str, fold: int | None = None) -> float:
    """One metric of the event."""
    (value,) = (m.value for m in event.metrics if (m.name, m.subset, m.fold) == (name, subset, fold))
    return value


@cache
def _features() -> tuple[Any, Any]:
    tools = Toolbox()
    names = tuple(tools.add(spec) for spec in (SpecValue("ECFP", 512, 2), SpecValue("DESC")))
    featurization = Featurization("none", names)
    picked = bioactive()[::25]
    rows = [Molecule(Chem.MolFromSmiles(smiles), tools).features(featurization) for smiles, _ in picked]
    return np.nan_to_num(np.stack(rows)), np.array([value for _, value in picked])


def features_of_bioactive(count: int) -> tuple[Any, Any]:
    """ECFP bits and all descriptors, float32 [count, m], and the activities, of distinct molecules."""
    features, activity = _features()
    return features[:count], activity[:count]
