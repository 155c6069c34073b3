"""What many descriptors ask of every atom, asked once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from rdkit import Chem

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

#: Outer electrons of each element by atomic number; 0 is the dummy atom.
_OUTER_ELECTRONS = np.array([Chem.GetPeriodicTable().GetNOuterElecs(number) for number in range(119)])


@dataclass(frozen=True, slots=True)
class Atoms:
    """Properties of a molecule's atoms, each of shape [atoms], in the order of the atoms."""

    numbers: Integers
    degrees: Integers
    hydrogens: Integers
    charges: Integers
    radicals: Integers

    @classmethod
    def of(cls, mol: Chem.Mol) -> Atoms:
        rows = [
            (
                atom.GetAtomicNum(),
                atom.GetDegree(),
                atom.GetTotalNumHs(),
                atom.GetFormalCharge(),
                atom.GetNumRadicalElectrons(),
            )
            for atom in mol.GetAtoms()
        ]
        return cls(*np.array(rows, np.int64).reshape(-1, 5).T)

    @property
    def outer_electrons(self) -> Integers:
        """Electrons in the outer shell of each neutral atom."""
        return _OUTER_ELECTRONS[self.numbers]
