"""Groups of molecules with one Bemis-Murcko scaffold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rdkit import Chem

from workers.modeler.splits.clusters import clusters
from workers.modeler.splits.grouping import Groups
from workers.modeler.splits.samples import Indices, Molecules


def scaffold_of(smiles: str) -> str:
    """SMILES of the scaffold, without stereochemistry; empty for an acyclic molecule.

    Rings, the chains between them, and what is bound to either by a double bond (Bemis and Murcko,
    J. Med. Chem. 1996, 39, 2887, as RDKit has it). `smiles` is RDKit's own, so that reading it needs no
    sanitizing, which would take most of the time.
    """
    parameters = Chem.SmilesParserParams()
    parameters.sanitize = False  # type: ignore[assignment]
    parameters.removeHs = False  # type: ignore[assignment]
    mol = Chem.MolFromSmiles(smiles, parameters)
    if mol is None:
        raise ValueError(f"the samples' SMILES must be RDKit's own; it cannot read {smiles!r}")
    Chem.FastFindRings(mol)
    if not mol.GetRingInfo().NumRings():
        return ""
    mol.UpdatePropertyCache(strict=False)
    return str(Chem.MolToSmiles(Chem.MurckoDecompose(mol), isomericSmiles=False))


def scaffold_groups(molecules: Molecules) -> Groups:
    """Molecules of one scaffold are a group. Acyclic ones, half of some sets, have none: they are
    grouped by Butina's clusters."""
    if len(molecules.smiles) != len(molecules):
        raise ValueError("this split needs the SMILES of the samples")
    scaffolds = [scaffold_of(smiles) for smiles in molecules.smiles]
    acyclic = np.flatnonzero([not scaffold for scaffold in scaffolds])
    if len(acyclic):
        for row, number in zip(acyclic, clusters(molecules.fingerprints[acyclic]), strict=True):
            scaffolds[row] = f"cluster {number + 1} of the acyclic molecules"
    numbers, names = numbered(scaffolds)
    return Groups("scaffold", "scaffolds", numbers, names)


def cluster_groups(molecules: Molecules) -> Groups:
    """Butina's clusters of all molecules."""
    of = clusters(molecules.fingerprints)
    numbers, names = numbered([f"cluster {number + 1}" for number in of])
    return Groups("butina", "clusters", numbers, names)


def numbered(names: Sequence[str]) -> tuple[Indices, tuple[str, ...]]:
    """A number for each name in order of first appearance, and the names in that order."""
    number: dict[str, int] = {}
    numbers = [number.setdefault(name, len(number)) for name in names]
    return np.array(numbers, dtype=np.int64), tuple(number)
