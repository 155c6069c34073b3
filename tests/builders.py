"""Small valid examples of what tests send: commands with fresh ids, and the RDKit wheel's own data."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from rdkit import Chem, RDConfig

from molfleet.messages.generated import (
    BlobRef,
    CalculateFeatureVectors,
    CancelCommand,
    FeaturizerSpec,
    ModelRef,
    PredictProperties,
    SingleStructurePredict,
    TrainModel,
)

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"


def identity(**fields: Any) -> dict[str, Any]:
    """The fields that every command has, with fresh ids."""
    return {"id": uuid4(), "correlation_id": uuid4(), "time_stamp": datetime.now(UTC), **fields}


def blob(key: str = "input.sdf", bucket: str = "inputs", **fields: Any) -> BlobRef:
    return BlobRef(bucket=bucket, key=key, **fields)


def model(key: str = "model.molmodel", **fields: Any) -> ModelRef:
    return ModelRef(**{"id": uuid4(), "blob": blob(key, "models"), **fields})


def ecfp(size: int = 2048, radius: int = 2) -> FeaturizerSpec:
    return FeaturizerSpec(type="ECFP", size=size, radius=radius)


def calculate_feature_vectors(**fields: Any) -> CalculateFeatureVectors:
    return CalculateFeatureVectors(**identity(**{"source": blob(), "featurizers": [ecfp()], **fields}))


def train_model(**fields: Any) -> TrainModel:
    defaults = {
        "source": blob(),
        "targets": ["activity"],
        "method": "randomforestregressor",
        "featurizers": [ecfp()],
    }
    return TrainModel(**identity(**{**defaults, **fields}))


def predict_properties(**fields: Any) -> PredictProperties:
    return PredictProperties(**identity(**{"source": blob(), "models": [model()], **fields}))


def single_structure_predict(**fields: Any) -> SingleStructurePredict:
    return SingleStructurePredict(**identity(**{"structure": ASPIRIN, "models": [model()], **fields}))


def cancel_command(**fields: Any) -> CancelCommand:
    return CancelCommand(**identity(**{"command_id": uuid4(), **fields}))


class Measured(NamedTuple):
    """A molecule and its measured activity."""

    name: str
    smiles: str
    activity: float


@cache
def measured_molecules() -> tuple[Measured, ...]:
    """CHEMBL2321810: 1,017 molecules with measured activities, shipped inside the RDKit wheel."""
    folder = Path(RDConfig.RDContribDir) / "FreeWilson" / "data"
    lines = (folder / "CHEMBL2321810_act.csv").read_text("utf-8").splitlines()[1:]
    activities = dict(line.split(",") for line in lines if line)
    pairs = (
        line.split() for line in (folder / "CHEMBL2321810.smi").read_text("utf-8").splitlines() if line
    )
    return tuple(
        Measured(name, smiles, float(activities[name])) for smiles, name in pairs if name in activities
    )


@cache
def nci_smiles() -> tuple[str, ...]:
    """The SMILES of NCI's first five thousand, shipped inside the RDKit wheel, in file order."""
    path = Path(RDConfig.RDDataDir) / "NCI" / "first_5K.smi"
    return tuple(line.split()[0] for line in path.read_text("utf-8").splitlines() if line)


def sdf(molecules: tuple[Measured, ...] | None = None, *, count: int | None = None) -> bytes:
    """An SD file of measured molecules with the field `activity`: all of them, or the first `count`."""
    chosen = (measured_molecules() if molecules is None else molecules)[:count]
    records = []
    for name, smiles, activity in chosen:
        mol = Chem.MolFromSmiles(smiles)
        mol.SetProp("_Name", name)
        records.append(f"{Chem.MolToMolBlock(mol)}>  <activity>\n{activity}\n\n$$$$\n")
    return "".join(records).encode()
