"""Descriptors of RDKit's list that share intermediate results, equal in every bit to RDKit's own.

RDKit calculates each descriptor from the molecule alone: electrotopological states six times, the
characteristic polynomial twice, each vector of surface areas once per bin. Here each is calculated once
per molecule. The order of additions is RDKit's, so that not even rounding differs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, cached_property
from typing import Any

import numpy as np
from rdkit import Chem
from rdkit.Chem import QED, Fragments, rdMolDescriptors, rdPartialCharges
from rdkit.Chem.EState import EState_VSA
from rdkit.ML.InfoTheory import rdInfoTheory

from molfleet.chemistry.featurizers import complexity, estate
from molfleet.chemistry.featurizers.druglikeness import drug_likeness
from molfleet.chemistry.featurizers.graph import Atoms, Bond, Floats, bonds_of, in_turn
from molfleet.chemistry.featurizers.screen import Screen


@cache
def _fragments() -> dict[str, Chem.Mol]:
    """The patterns of the fr_ descriptors, by name."""
    return {name: function.__defaults__[1] for name, function in Fragments.fns}


@cache
def _screen() -> Screen:
    """Of the alerts of QED, and after them of the fragments."""
    return Screen([*QED.StructuralAlerts, *_fragments().values()])


class Shared:
    """A molecule and what its descriptors have in common, each calculated when first asked for."""

    def __init__(self, mol: Chem.Mol) -> None:
        self.mol = mol

    @cached_property
    def atoms(self) -> Atoms:
        return Atoms.of(self.mol)

    @cached_property
    def bonds(self) -> list[Bond]:
        return bonds_of(self.mol)

    @cached_property
    def possible(self) -> list[bool]:
        """Whether each of the screened patterns may match."""
        screen = _screen()
        return screen.possible(screen.present(self.atoms, self.bonds))

    @cached_property
    def distances(self) -> Floats:
        """Bonds between atoms, shape [atoms, atoms]."""
        matrix: Floats = Chem.GetDistanceMatrix(self.mol)
        return matrix

    @cached_property
    def order_distances(self) -> Floats:
        """Distances where a double bond is half as long as a single one, and so on."""
        matrix: Floats = Chem.GetDistanceMatrix(self.mol, useBO=True, prefix="Balaban")
        return matrix

    @cached_property
    def states(self) -> list[float]:
        """EState indices of the atoms."""
        indices = estate.indices(self.atoms, self.distances)
        self.mol._eStateIndices = indices  # where EState_VSA looks for them
        found: list[float] = indices.tolist()
        return found

    @cached_property
    def charges(self) -> tuple[float, float]:
        """The lowest and the highest of Gasteiger's charges; an element without parameters has NaN."""
        rdPartialCharges.ComputeGasteigerCharges(self.mol)
        lowest, highest = 500.0, -500.0
        for atom in self.mol.GetAtoms():
            charge = atom.GetDoubleProp("_GasteigerCharge")
            lowest, highest = min(charge, lowest), max(charge, highest)
        return lowest, highest

    @cached_property
    def polynomial(self) -> Floats:
        """Absolute coefficients of the characteristic polynomial, shape [atoms + 1]."""
        return np.abs(complexity.characteristic_polynomial(self.distances == 1))

    @cached_property
    def refractivity_areas(self) -> Sequence[float]:
        areas: list[float] = rdMolDescriptors.SMR_VSA_(self.mol)
        return areas

    @cached_property
    def lipophilicity_areas(self) -> Sequence[float]:
        areas: list[float] = rdMolDescriptors.SlogP_VSA_(self.mol)
        return areas

    @cached_property
    def charge_areas(self) -> Sequence[float]:
        areas: list[float] = rdMolDescriptors.PEOE_VSA_(self.mol)
        return areas

    @cached_property
    def state_areas(self) -> Sequence[float]:
        _ = self.states  # RDKit finds them on the molecule
        function: Any = EState_VSA.EState_VSA_
        areas: list[float] = function(self.mol, force=False).tolist()
        return areas

    @cached_property
    def area_states(self) -> Sequence[float]:
        _ = self.states
        function: Any = EState_VSA.VSA_EState_
        states: list[float] = function(self.mol, force=False).tolist()
        return states

    @cached_property
    def eigenvalues(self) -> Sequence[float]:
        values: list[float] = rdMolDescriptors.BCUT2D(self.mol)
        return values

    @cached_property
    def kappas(self) -> tuple[float, float]:
        return rdMolDescriptors.CalcKappa1(self.mol), rdMolDescriptors.CalcKappa2(self.mol)


def _ipc(shared: Shared) -> float:
    coefficients = shared.polynomial
    return float(in_turn(coefficients)) * float(rdInfoTheory.InfoEntropy(coefficients))


def _chi0(shared: Shared) -> float:
    degrees = shared.atoms.degrees
    return float(in_turn(np.sqrt(1.0 / degrees[degrees > 0])))


def _chi1(shared: Shared) -> float:
    degrees = shared.atoms.degrees
    ends = np.array([bond[:2] for bond in shared.bonds], np.int64).reshape(-1, 2)
    return float(in_turn(np.sqrt(1.0 / (degrees[ends[:, 0]] * degrees[ends[:, 1]]))))


def _valence_electrons(shared: Shared) -> float:
    atoms = shared.atoms
    return float((atoms.outer_electrons - atoms.charges + atoms.hydrogens).sum())


def _phi(shared: Shared) -> float:
    first, second = shared.kappas
    heavy = shared.mol.GetNumHeavyAtoms()
    return first * second / heavy if heavy else 0.0


def _qed(shared: Shared) -> float:
    alerts = zip(QED.StructuralAlerts, shared.possible, strict=False)
    return drug_likeness(shared.mol, shared.atoms, [alert for alert, possible in alerts if possible])


def _fragment(index: int, pattern: Chem.Mol) -> Callable[[Shared], float]:
    at = len(QED.StructuralAlerts) + index
    return lambda shared: len(shared.mol.GetSubstructMatches(pattern)) if shared.possible[at] else 0


def _nth(attribute: str, index: int) -> Callable[[Shared], float]:
    return lambda shared: float(getattr(shared, attribute)[index])


_FAMILIES = {
    "SMR_VSA{}": ("refractivity_areas", 10),
    "SlogP_VSA{}": ("lipophilicity_areas", 12),
    "PEOE_VSA{}": ("charge_areas", 14),
    "EState_VSA{}": ("state_areas", 11),
    "VSA_EState{}": ("area_states", 10),
}

#: By the name of the descriptor, for those that share something.
DESCRIPTORS: dict[str, Callable[[Shared], float]] = {
    "MaxEStateIndex": lambda shared: max(shared.states),
    "MinEStateIndex": lambda shared: min(shared.states),
    "MaxAbsEStateIndex": lambda shared: max(map(abs, shared.states)),
    "MinAbsEStateIndex": lambda shared: min(map(abs, shared.states)),
    "MinPartialCharge": lambda shared: shared.charges[0],
    "MaxPartialCharge": lambda shared: shared.charges[1],
    "MinAbsPartialCharge": lambda shared: min(abs(shared.charges[0]), abs(shared.charges[1])),
    "MaxAbsPartialCharge": lambda shared: max(abs(shared.charges[0]), abs(shared.charges[1])),
    "NumValenceElectrons": _valence_electrons,
    "NumRadicalElectrons": lambda shared: float(shared.atoms.radicals.sum()),
    "Chi0": _chi0,
    "Chi1": _chi1,
    "Phi": _phi,
    "Kappa1": lambda shared: shared.kappas[0],
    "Kappa2": lambda shared: shared.kappas[1],
    "Ipc": _ipc,
    "AvgIpc": lambda shared: rdInfoTheory.InfoEntropy(shared.polynomial),
    "BalabanJ": lambda shared: complexity.balaban_j(shared.distances, shared.order_distances),
    "BertzCT": lambda shared: complexity.bertz_ct(shared.atoms, shared.bonds, shared.order_distances),
    "SPS": lambda shared: complexity.spacial_score(shared.mol, shared.atoms),
    "qed": _qed,
    **{
        name.format(number + 1): _nth(attribute, number)
        for name, (attribute, count) in _FAMILIES.items()
        for number in range(count)
    },
    **{name: _fragment(index, pattern) for index, (name, pattern) in enumerate(_fragments().items())},
}
