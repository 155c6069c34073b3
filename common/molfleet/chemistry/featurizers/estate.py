"""Electrotopological states of atoms, and the fingerprint of Hall and Kier's atom types."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from rdkit import Chem
from rdkit.Chem.EState import AtomTypes

from molfleet.chemistry.featurizers.graph import Atoms, Floats
from molfleet.chemistry.featurizers.vectors import vector_row

#: Distances from here on are RDKit's sign for atoms of different fragments.
_UNCONNECTED = 1e6
_ROWS_OF_ELEMENTS = np.array([2, 10, 18, 36, 54, 86])

#: Names and SMARTS of the atom types.
TYPES: tuple[tuple[str, str], ...] = tuple(AtomTypes._rawD)


def intrinsic_states(atoms: Atoms) -> Floats:
    """The intrinsic state of each atom, shape [atoms]; 0 for an atom without neighbours."""
    shell = np.searchsorted(_ROWS_OF_ELEMENTS, atoms.numbers) + 1
    valence = atoms.outer_electrons - atoms.hydrogens
    with np.errstate(divide="ignore", invalid="ignore"):
        states = (4.0 / (shell * shell) * valence + 1) / atoms.degrees
    return np.where(atoms.degrees > 0, states, 0.0)


def indices(atoms: Atoms, distances: Floats) -> Floats:
    """EState indices, shape [atoms], equal in every bit to rdkit.Chem.EState.EStateIndices.

    `distances` counts bonds. RDKit adds up the influence of the other atoms one after the other, in
    their order; so does cumsum, where sum would add them in pairs.
    """
    states = intrinsic_states(atoms)
    apart = distances + 1
    influences = (states - states[:, None]) / (apart * apart)
    influences[apart >= _UNCONNECTED] = 0.0
    received: Floats = np.cumsum(influences, axis=0)[-1]
    return received + states


@cache
def _patterns() -> tuple[Chem.Mol, ...]:
    return tuple(Chem.MolFromSmarts(smarts) for _, smarts in TYPES)


def fingerprint(mol: Chem.Mol) -> Sequence[float]:
    """For each of the 79 atom types the number of its atoms, then for each the sum of their indices."""
    states = indices(Atoms.of(mol), Chem.GetDistanceMatrix(mol)).tolist()
    matches = [mol.GetSubstructMatches(pattern) for pattern in _patterns()]
    counts = [float(len(found)) for found in matches]
    return counts + [sum((states[match[0]] for match in found), 0.0) for found in matches]


ROWS = (
    vector_row(
        "ESTATE",
        "EState fingerprint: counts of the 79 atom types, and sums of their EState indices",
        "Hall and Kier, Electrotopological State Indices for Atom Types, "
        "J. Chem. Inf. Comput. Sci. 35 (1995) 1039-1045",
        tuple(f"{what}_{name}" for what in ("count", "sum") for name, _ in TYPES),
        fingerprint,
    ),
)
