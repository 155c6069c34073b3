"""What a bit of a circular fingerprint stands for: the atoms and bonds of training molecules that set it.

Folding sends many environments to one bit. They are told apart by RDKit's unfolded identifiers, so a
collision is known for what it is and never shown as if one substructure were meant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, rdBase
from rdkit.Chem import rdFingerprintGenerator

from molfleet.chemistry.featurizers import FEATURIZERS, morgan, parse_spec
from molfleet.chemistry.featurizers.spec import resolve
from workers.modeler.importance import Column, Importance

#: Bits that are explained, and molecules that are looked at for each.
MOST_BITS = 12
MOST_MOLECULES = 60

_CIRCULAR = frozenset(row.code for row in morgan.ROWS)


@dataclass(frozen=True)
class Environment:
    """An atom and what lies within `radius` bonds of it. `smiles` is of that fragment; `molecule` the
    smallest in which it was seen, with the atoms and bonds (RDKit's numbers) of one occurrence; `count`
    is of molecules that were looked at and have it."""

    identifier: int
    smiles: str
    radius: int
    molecule: str
    centre: int
    atoms: tuple[int, ...]
    bonds: tuple[int, ...]
    count: int


@dataclass(frozen=True)
class Environments:
    """All environments that set one bit in `looked_at` molecules that have it, the commonest first."""

    found: tuple[Environment, ...]
    looked_at: int


@cache
def is_circular(spec: str) -> bool:
    """Whether the spec is of a circular fingerprint, whose bits environments can explain."""
    return FEATURIZERS.get(parse_spec(spec).type).code in _CIRCULAR


def environments_of(
    importances: Sequence[Importance], smiles: Sequence[str], features: NDArray[np.float32]
) -> dict[int, Environments]:
    """By their places, the first MOST_BITS columns of a weight above 0 that environments can explain.

    `smiles` of the records as they were featurized, `features` (records, columns). A bit that no
    molecule looked at has any more (its SMILES is read otherwise than its file) is left out.
    """
    reader = _Reader()
    wanted = [item for item in importances if item.weight > 0 and is_circular(item.column.spec)]
    explained: dict[int, Environments] = {}
    for item in wanted[:MOST_BITS]:
        rows = np.flatnonzero(features[:, item.index] > 0)
        molecules = list(dict.fromkeys(smiles[row] for row in rows.tolist()))
        step = max(1, -(-len(molecules) // MOST_MOLECULES))
        found = reader.environments(item.column, molecules[::step])
        if found.found:
            explained[item.index] = found
    return explained


@dataclass
class _Seen:
    """The occurrences of one identifier: the smallest molecule, its atom and radius, and how many."""

    atoms: int
    molecule: str
    centre: int
    radius: int
    count: int = 1


@dataclass
class _Reader:
    """Reads each molecule once for each fingerprint."""

    _generators: dict[str, tuple[Any, int]] = field(default_factory=dict)
    _maps: dict[tuple[str, str], dict[int, tuple[tuple[int, int], ...]]] = field(default_factory=dict)
    _molecules: dict[str, Chem.Mol | None] = field(default_factory=dict)

    def environments(self, column: Column, molecules: Sequence[str]) -> Environments:
        seen: dict[int, _Seen] = {}
        looked_at = 0
        for smiles in molecules:
            mol = self._molecule(smiles)
            if mol is None:
                continue
            generator, size = self._generator(column.spec)
            here = [
                (identifier, places[0])
                for identifier, places in self._identifiers(column.spec, smiles, mol, generator).items()
                if identifier % size == column.place
            ]
            looked_at += bool(here)
            for identifier, (centre, radius) in here:
                known = seen.get(identifier)
                if known is None:
                    seen[identifier] = _Seen(mol.GetNumAtoms(), smiles, centre, radius)
                    continue
                known.count += 1
                if mol.GetNumAtoms() < known.atoms:
                    known.atoms, known.molecule = mol.GetNumAtoms(), smiles
                    known.centre, known.radius = centre, radius
        order = sorted(seen, key=lambda identifier: (-seen[identifier].count, identifier))
        return Environments(tuple(self._told(each, seen[each]) for each in order), looked_at)

    def _generator(self, spec: str) -> tuple[Any, int]:
        if spec not in self._generators:
            parsed = parse_spec(spec)
            row = FEATURIZERS.get(parsed.type)
            parameters = resolve(parsed, row.code, row.parameters)
            self._generators[spec] = morgan.generator(row.code, parameters), int(str(parameters["size"]))
        return self._generators[spec]

    def _molecule(self, smiles: str) -> Chem.Mol | None:
        if smiles not in self._molecules:
            with rdBase.BlockLogs():
                self._molecules[smiles] = Chem.MolFromSmiles(smiles)
        return self._molecules[smiles]

    def _identifiers(
        self, spec: str, smiles: str, mol: Chem.Mol, generator: Any
    ) -> dict[int, tuple[tuple[int, int], ...]]:
        """Unfolded identifier -> (centre, radius) of each occurrence."""
        if (spec, smiles) not in self._maps:
            output = rdFingerprintGenerator.AdditionalOutput()
            output.AllocateBitInfoMap()
            generator.GetSparseCountFingerprint(mol, additionalOutput=output)
            self._maps[spec, smiles] = dict(output.GetBitInfoMap())
        return self._maps[spec, smiles]

    def _told(self, identifier: int, seen: _Seen) -> Environment:
        mol = self._molecules[seen.molecule]
        found = Chem.FindAtomEnvironmentOfRadiusN(mol, seen.radius, seen.centre, enforceSize=False)
        bonds = tuple(sorted(found))
        ends = {
            end
            for bond in map(mol.GetBondWithIdx, bonds)  # type: ignore[union-attr]
            for end in (bond.GetBeginAtomIdx(), bond.GetEndAtomIdx())
        }
        atoms = tuple(sorted(ends | {seen.centre}))
        smiles = Chem.MolFragmentToSmiles(mol, atomsToUse=atoms, bondsToUse=bonds)
        return Environment(
            identifier, smiles, seen.radius, seen.molecule, seen.centre, atoms, bonds, seen.count
        )
