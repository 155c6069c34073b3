"""What many descriptors ask of every atom and bond, asked once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from rdkit import Chem

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@cache
def _outer_electrons() -> Integers:
    """Electrons in the outer shell of each element, by atomic number; 0 is the dummy atom."""
    table = Chem.GetPeriodicTable()
    return np.array([table.GetNOuterElecs(number) for number in range(table.GetMaxAtomicNumber() + 1)])


#: What is asked of each atom, in the order of the fields of `Atoms`; a map over a method of the class
#: costs half of a loop that calls it.
_QUESTIONS = (
    Chem.Atom.GetAtomicNum,
    Chem.Atom.GetDegree,
    Chem.Atom.GetTotalNumHs,
    Chem.Atom.GetFormalCharge,
    Chem.Atom.GetNumRadicalElectrons,
    Chem.Atom.GetHybridization,
    Chem.Atom.GetIsAromatic,
    Chem.Atom.IsInRing,
)


@dataclass(frozen=True, slots=True)
class Atoms:
    """Properties of a molecule's atoms, each of shape [atoms], in the order of the atoms."""

    numbers: Integers
    degrees: Integers
    hydrogens: Integers
    charges: Integers
    radicals: Integers
    hybridizations: Integers
    aromatic: Integers
    in_ring: Integers

    @classmethod
    def of(cls, mol: Chem.Mol) -> Atoms:
        atoms = list(map(mol.GetAtomWithIdx, range(mol.GetNumAtoms())))
        return cls(*(np.array(list(map(ask, atoms)), np.int64) for ask in _QUESTIONS))

    @property
    def outer_electrons(self) -> Integers:
        """Electrons in the outer shell of each neutral atom."""
        return _outer_electrons()[self.numbers]


class Bond(NamedTuple):
    """A bond's atoms, its order (1.5 where aromatic), and RDKit's number of its type."""

    begin: int
    end: int
    order: float
    kind: int


def bonds_of(mol: Chem.Mol) -> list[Bond]:
    """The bonds in their order."""
    bonds = list(map(mol.GetBondWithIdx, range(mol.GetNumBonds())))
    return [
        Bond(begin, end, 1.5 if aromatic else order, int(kind))
        for begin, end, aromatic, order, kind in zip(
            map(Chem.Bond.GetBeginAtomIdx, bonds),
            map(Chem.Bond.GetEndAtomIdx, bonds),
            map(Chem.Bond.GetIsAromatic, bonds),
            map(Chem.Bond.GetBondTypeAsDouble, bonds),
            map(Chem.Bond.GetBondType, bonds),
            strict=True,
        )
    ]


def in_turn(values: Floats) -> Floats:
    """The sum over the first axis, each value added to the sum of those before it.

    RDKit adds up in loops; numpy's sum adds in pairs, which differs in the last bits.
    """
    if not len(values):
        return np.zeros(values.shape[1:])
    total: Floats = np.cumsum(values, axis=0)[-1]
    return total
