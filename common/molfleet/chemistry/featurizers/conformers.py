"""One conformer of a molecule with its hydrogens, the same for the same molecule always."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from rdkit import Chem
from rdkit.Chem import rdDistGeom

from molfleet.chemistry.featurizers.spec import Parameter

PAPER = "Wang et al., J. Chem. Inf. Model. 60 (2020) 2044-2058 (conformers: ETKDG version 3)"

PARAMETERS = (
    Parameter("seed", "integer", 42, "Seed of the conformer's random numbers.", 0, 2**31 - 1),
    Parameter("attempts", "integer", 10, "Attempts at a conformer before the record fails.", 1, 1000),
    Parameter(
        "input_coordinates",
        "boolean",
        False,
        "Use the record's own 3D coordinates instead of a generated conformer.",
    ),
)


@dataclass
class Conformers:
    """Gives a molecule its hydrogens and a conformer; remembers the last molecule for the next caller."""

    seed: int
    attempts: int
    input_coordinates: bool
    _last: tuple[Chem.Mol, Chem.Mol] | None = field(default=None, repr=False)

    def of(self, mol: Chem.Mol) -> Chem.Mol:
        """A new molecule with explicit hydrogens and one 3D conformer.

        Generated ones do not depend on the order of the input's atoms. Raises ValueError with the
        reason: no conformer within the attempts, or a record without coordinates of its own.
        """
        if self._last is None or self._last[0] is not mol:
            self._last = (mol, self._own(mol) if self.input_coordinates else self._generated(mol))
        return self._last[1]

    def _own(self, mol: Chem.Mol) -> Chem.Mol:
        if not mol.GetNumConformers() or not mol.GetConformer().Is3D():
            raise ValueError("the record has no 3D coordinates of its own")
        return Chem.AddHs(mol, addCoords=True)

    def _generated(self, mol: Chem.Mol) -> Chem.Mol:
        # The random walk depends on the order of atoms and bonds: canonical SMILES has but one.
        ordered = Chem.MolFromSmiles(Chem.MolToSmiles(mol))
        full = Chem.AddHs(mol if ordered is None else ordered)
        parameters: Any = rdDistGeom.ETKDGv3()
        parameters.randomSeed = self.seed
        parameters.numThreads = 1
        parameters.maxIterations = self.attempts
        for random_start in (False, True):
            parameters.useRandomCoords = random_start
            if rdDistGeom.EmbedMolecule(full, parameters) >= 0:
                return full
        raise ValueError(
            f"no 3D conformer within {self.attempts} attempts from distances, "
            f"nor as many from random coordinates"
        )


@cache
def _shared(seed: int, attempts: int, input_coordinates: bool) -> Conformers:
    return Conformers(seed, attempts, input_coordinates)


def conformers(parameters: Mapping[str, Any]) -> Conformers:
    """The conformers of these parameters: one object in a process, so that several featurizers of one
    molecule embed it once."""
    return _shared(*(parameters[parameter.name] for parameter in PARAMETERS))
