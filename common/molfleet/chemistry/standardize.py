"""The four levels of standardization (RDKit's rdMolStandardize, after MolVS).

`parent` is rdMolStandardize.FragmentParent, `parent-neutral` its ChargeParent, and `tautomer` the
CanonicalTautomer of that. The results are theirs. What makes it faster: the objects are built once
and work in place, and a step is left out where no atom of the molecule can be part of what the step
looks for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from rdkit import Chem
from rdkit.Chem.MolStandardize import rdMolStandardize

from molfleet.catalogue import Catalogue

#: An atom without which neither metals are disconnected, nor is a functional group normalized, nor a
#: proton moved. Each of RDKit's patterns for these holds a metal, a charge, a lone atom, a nitrogen of
#: more than three bonds, or a P, As, Sb or S with exactly three neighbours.
_SUSPECT = (
    "[!+0,X0,#7&v{4-},#15&X3,#16&X3,"
    "!#6&!#7&!#8&!#16&!#15&!#9&!#17&!#35&!#53]"  # metals, and whatever else is rare
)


class StandardizeError(ValueError):
    """A step that RDKit could not do; the message begins with the step's name."""

    def __init__(self, step: str, error: Exception) -> None:
        super().__init__(f"at the step {step!r}: {error}")
        self.step = step


class Standardizer(ABC):
    """One level, ready for many molecules.

    `changed` counts the molecules that a step has changed, each once a step: `hydrogens` (explicit
    ones removed), `metals` (a bond of a metal broken), `normalize`, `reionize` and `uncharge` (the
    charge of an atom), `fragment` (atoms removed), `tautomer` (the canonical SMILES).
    `tautomer-limit` counts those whose enumeration ended at RDKit's limit of 1,000 tautomers or 1,000
    transforms: their tautomer is the best of those found, and may depend on the order of the atoms.
    """

    def __init__(self) -> None:
        self.changed: Counter[str] = Counter()
        self._touched: set[str] = set()
        self._step = ""

    def __call__(self, mol: Chem.Mol) -> Chem.Mol:
        """The standardized molecule; `mol` itself may be changed and must not be used any more.

        Raises StandardizeError for a molecule that RDKit cannot treat, and MemoryError.
        """
        self._touched.clear()
        try:
            mol = self._standardized(mol)
        except MemoryError:
            raise
        except Exception as error:  # RDKit raises RuntimeError, ValueError, ... from its invariants
            raise StandardizeError(self._step, error) from error
        if self._touched:
            self.changed.update(self._touched)
        return mol

    @abstractmethod
    def _standardized(self, mol: Chem.Mol) -> Chem.Mol:
        """As __call__. Names its steps in `_step`, and those that changed `mol` in `_touched`."""


class AsParsed(Standardizer):
    def __call__(self, mol: Chem.Mol) -> Chem.Mol:
        return mol

    _standardized = __call__


class Parent(Standardizer):
    """Normalized, metals disconnected, reionized; then the largest fragment, organic ones first."""

    def __init__(self) -> None:
        super().__init__()
        self._metals = rdMolStandardize.MetalDisconnector()
        self._normalizer = rdMolStandardize.Normalizer()
        self._reionizer = rdMolStandardize.Reionizer()
        self._largest = rdMolStandardize.LargestFragmentChooser()
        self._suspect = Chem.MolFromSmarts(_SUSPECT)
        self._charged = Chem.MolFromSmarts("[!+0]")

    def _standardized(self, mol: Chem.Mol) -> Chem.Mol:
        return self._parent(self._cleaned(mol))

    def _parent(self, mol: Chem.Mol) -> Chem.Mol:
        self._step = "fragment"
        atoms = mol.GetNumAtoms()
        self._largest.chooseInPlace(mol)
        if mol.GetNumAtoms() != atoms:
            self._touched.add("fragment")
            # Removing atoms forgets the rings, and fingerprints need them.
            Chem.GetSymmSSSR(mol)
        return mol

    def _cleaned(self, mol: Chem.Mol) -> Chem.Mol:
        """rdMolStandardize.Cleanup."""
        self._step = "sanitize"
        atoms = mol.GetNumAtoms()
        if atoms != mol.GetNumHeavyAtoms():
            mol = Chem.RemoveHs(mol)
            if mol.GetNumAtoms() != atoms:
                self._touched.add("hydrogens")
        else:
            # RemoveHs sanitizes, too: aromaticity changes where a step before has changed bonds.
            Chem.SanitizeMol(mol)
        if mol.HasSubstructMatch(self._suspect):
            self._mend(mol)
        self._step = "stereo"
        Chem.AssignStereochemistry(mol, cleanIt=True, force=True)
        return mol

    def _mend(self, mol: Chem.Mol) -> None:
        self._step = "metals"
        bonds = mol.GetNumBonds()
        self._metals.DisconnectInPlace(mol)
        if mol.GetNumBonds() != bonds:
            self._touched.add("metals")
        self._recharge("normalize", self._normalizer.normalizeInPlace, mol)
        self._recharge("reionize", self._reionizer.reionizeInPlace, mol)

    def _recharge(self, step: str, act: Callable[[Chem.Mol], None], mol: Chem.Mol) -> None:
        """A step that does nothing without moving a charge."""
        self._step = step
        before = self._charges(mol)
        act(mol)
        if self._charges(mol) != before:
            self._touched.add(step)

    def _charges(self, mol: Chem.Mol) -> list[tuple[int, int]]:
        return [
            (index, mol.GetAtomWithIdx(index).GetFormalCharge())
            for (index,) in mol.GetSubstructMatches(self._charged)
        ]


class ParentNeutral(Parent):
    """The parent, uncharged where protons can do it."""

    def __init__(self) -> None:
        super().__init__()
        self._uncharger = rdMolStandardize.Uncharger()

    def _standardized(self, mol: Chem.Mol) -> Chem.Mol:
        mol = super()._standardized(mol)
        if mol.HasSubstructMatch(self._charged):
            self._recharge("uncharge", self._uncharger.unchargeInPlace, mol)
        return self._cleaned(mol)


class Tautomer(ParentNeutral):
    """The canonical tautomer of the neutral parent; not fast (milliseconds to seconds)."""

    def __init__(self) -> None:
        super().__init__()
        self._tautomers = rdMolStandardize.TautomerEnumerator()

    def _standardized(self, mol: Chem.Mol) -> Chem.Mol:
        mol = super()._standardized(mol)
        self._step = "tautomer"
        found = self._tautomers.Enumerate(mol)
        canonical = self._tautomers.PickCanonical(found)
        if found.status != rdMolStandardize.TautomerEnumeratorStatus.Completed:
            self._touched.add("tautomer-limit")
        if len(found) > 1 and Chem.MolToSmiles(canonical) != Chem.MolToSmiles(mol):
            self._touched.add("tautomer")
        return canonical


@dataclass(frozen=True)
class StandardizeRow:
    """One level: `build()` makes its standardizer. A `slow` one takes milliseconds a molecule."""

    code: str
    title: str
    build: Callable[[], Standardizer]
    aliases: tuple[str, ...] = ()
    slow: bool = False


STANDARDIZE = Catalogue(
    "standardization level",
    (
        StandardizeRow("none", "As parsed and sanitized", AsParsed),
        StandardizeRow("parent", "Cleaned up, largest fragment", Parent),
        StandardizeRow("parent-neutral", "Parent, uncharged", ParentNeutral),
        StandardizeRow("tautomer", "Neutral parent, canonical tautomer", Tautomer, slow=True),
    ),
)
