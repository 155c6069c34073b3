"""Samples to split: real molecules of the RDKit wheel, or bits made up to form groups."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem, DataStructs, RDConfig
from rdkit.Chem import rdFingerprintGenerator

from molfleet.bundles.similarity import Bits
from molfleet.chemistry.scaffolds import scaffold_of
from tests.paths import SHARED_DATA
from workers.modeler.splits import Samples


def ecfp4(smiles: list[str]) -> Bits:
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    vectors = (generator.GetFingerprint(Chem.MolFromSmiles(text)) for text in smiles)
    return np.stack([np.frombuffer(DataStructs.BitVectToBinaryText(v), np.uint8) for v in vectors])


def scaffolds(smiles: list[str]) -> list[str]:
    return [scaffold_of(text) for text in smiles]


@cache
def nci() -> Samples:
    """About 700 diverse molecules with their weights: a third without a ring, many of one benzene."""
    lines = (Path(RDConfig.RDDataDir) / "NCI" / "first_5K.smi").read_text().splitlines()[:750]
    mols = [mol for line in lines if (mol := Chem.MolFromSmiles(line.split()[0])) is not None]
    smiles = list(dict.fromkeys(Chem.MolToSmiles(mol) for mol in mols))
    weights = np.array([float(len(text)) for text in smiles])
    return Samples(
        "regression",
        weights,
        np.arange(len(smiles)),
        smiles,
        ecfp4(smiles),
        scaffolds=scaffolds(smiles),
    )


def as_classes(samples: Samples, share: float = 0.2) -> Samples:
    """The same molecules, the heaviest `share` of them of class 1."""
    border = np.quantile(samples.values, 1 - share)
    return Samples(
        "classification",
        (samples.values >= border).astype(np.int64),
        samples.molecules,
        samples.smiles,
        samples.ecfp4,
        scaffolds=samples.scaffolds,
    )


@cache
def public(name: str, target: str, *, classes: bool = False) -> Samples:
    """A set of ../shared/data, each molecule once; the test skips where it is absent."""
    path = SHARED_DATA / f"{name}.csv"
    if not path.exists():
        pytest.skip(f"{path.name} is not in ../shared/data")
    values: dict[str, float] = {}
    with path.open(newline="") as stream:
        for row in csv.DictReader(stream):
            mol = Chem.MolFromSmiles(row["smiles"])
            if mol is not None:
                values.setdefault(Chem.MolToSmiles(mol), float(row[target]))
    smiles, kind = list(values), np.int64 if classes else np.float64
    return Samples(
        "classification" if classes else "regression",
        np.array(list(values.values()), dtype=kind),
        np.arange(len(values)),
        smiles,
        ecfp4(smiles),
        scaffolds=scaffolds(smiles),
    )
