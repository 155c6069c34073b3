"""The four levels of standardization (RDKit's rdMolStandardize, after MolVS).

`parent` is rdMolStandardize.FragmentParent, `parent-neutral` its ChargeParent, and `tautomer` the
canonical tautomer of that. The results are theirs; the objects are built once and work in place, as
the convenience functions build all of theirs anew for each molecule.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from rdkit import Chem
from rdkit.Chem.MolStandardize import rdMolStandardize

from molfleet.catalogue import Catalogue


class Standardizer(ABC):
    """One level, ready for many molecules. Raises what RDKit raises on molecules it cannot treat."""

    @abstractmethod
    def __call__(self, mol: Chem.Mol) -> Chem.Mol:
        """The standardized molecule; `mol` itself may be changed and must not be used any more."""


class AsParsed(Standardizer):
    def __call__(self, mol: Chem.Mol) -> Chem.Mol:
        return mol


class Parent(Standardizer):
    """Normalized, metals disconnected, reionized; then the largest fragment, organic ones first."""

    def __init__(self) -> None:
        self._metals = rdMolStandardize.MetalDisconnector()
        self._normalizer = rdMolStandardize.Normalizer()
        self._reionizer = rdMolStandardize.Reionizer()
        self._largest = rdMolStandardize.LargestFragmentChooser()

    def __call__(self, mol: Chem.Mol) -> Chem.Mol:
        mol = self._cleaned(mol)
        atoms = mol.GetNumAtoms()
        self._largest.chooseInPlace(mol)
        if mol.GetNumAtoms() != atoms:
            # Removing atoms forgets the rings, and fingerprints need them.
            Chem.GetSymmSSSR(mol)
        return mol

    def _cleaned(self, mol: Chem.Mol) -> Chem.Mol:
        if mol.GetNumAtoms() != mol.GetNumHeavyAtoms():
            mol = Chem.RemoveHs(mol)
        else:
            # RemoveHs sanitizes, too: aromaticity changes where a step before has changed bonds.
            Chem.SanitizeMol(mol)
        self._metals.DisconnectInPlace(mol)
        self._normalizer.normalizeInPlace(mol)
        self._reionizer.reionizeInPlace(mol)
        Chem.AssignStereochemistry(mol, cleanIt=True, force=True)
        return mol


class ParentNeutral(Parent):
    """The parent, uncharged where protons can do it."""

    def __init__(self) -> None:
        super().__init__()
        self._uncharger = rdMolStandardize.Uncharger()

    def __call__(self, mol: Chem.Mol) -> Chem.Mol:
        mol = super().__call__(mol)
        self._uncharger.unchargeInPlace(mol)
        return self._cleaned(mol)


class Tautomer(ParentNeutral):
    """The canonical tautomer of the neutral parent; not fast (milliseconds to seconds)."""

    def __init__(self) -> None:
        super().__init__()
        self._tautomers = rdMolStandardize.TautomerEnumerator()

    def __call__(self, mol: Chem.Mol) -> Chem.Mol:
        return self._tautomers.Canonicalize(super().__call__(mol))


@dataclass(frozen=True)
class StandardizeRow:
    """One level: `build()` makes its standardizer."""

    code: str
    title: str
    build: Callable[[], Standardizer]
    aliases: tuple[str, ...] = ()


STANDARDIZE = Catalogue(
    "standardization level",
    (
        StandardizeRow("none", "As parsed and sanitized", AsParsed),
        StandardizeRow("parent", "Cleaned up, largest fragment", Parent),
        StandardizeRow("parent-neutral", "Parent, uncharged", ParentNeutral),
        StandardizeRow("tautomer", "Neutral parent, canonical tautomer", Tautomer),
    ),
)
