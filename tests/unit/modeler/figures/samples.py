"""Real molecules of the RDKit wheel with their fingerprint, read once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from rdkit import Chem

from molfleet.bundles.features import Featurization, Matrix, Molecule, Toolbox
from molfleet.chemistry.featurizers import Featurizer, SpecValue
from tests.unit.modeler.support import bioactive


@dataclass(frozen=True)
class Fingerprint:
    featurizer: Featurizer
    features: Matrix


@cache
def molecules() -> tuple[str, ...]:
    """Canonical SMILES of some molecules."""
    return tuple(Chem.CanonSmiles(smiles) for smiles, _ in bioactive()[::16])


@cache
def fingerprint(code: str = "ECFP", size: int = 2048, radius: int = 2) -> Fingerprint:
    """One featurizer and its features of `molecules()`."""
    tools = Toolbox()
    name = tools.add(SpecValue(code, size, radius))
    wanted = Featurization("none", (name,))
    rows = [Molecule(Chem.MolFromSmiles(smiles), tools).features(wanted) for smiles in molecules()]
    return Fingerprint(tools.featurizer(name), np.stack(rows))
