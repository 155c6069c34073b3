"""References for descriptors of a conformer: made here by RDKit's older interface for embedding."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from rdkit import Chem
from rdkit.Chem import Descriptors3D, rdDistGeom, rdMolDescriptors

from tests.unit.chemistry.references.cases import Reference

#: Few and small: each is embedded for each featurizer.
MOLECULES = ("CC(=O)Oc1ccccc1C(=O)O", "C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O", "C#N", "OCC[NH3+]")

Vector = Callable[[Chem.Mol], Sequence[float]]


def embedded(mol: Chem.Mol, seed: int = 42) -> Chem.Mol:
    """The canonical molecule with hydrogens and RDKit's own seeded conformer."""
    full = Chem.AddHs(Chem.MolFromSmiles(Chem.MolToSmiles(mol)))
    found = rdDistGeom.EmbedMolecule(
        full,
        maxAttempts=10,
        randomSeed=seed,
        useSmallRingTorsions=True,
        useMacrocycleTorsions=True,
        ETversion=2,
    )
    assert found == 0
    return full


def shape(mol: Chem.Mol) -> list[float]:
    return list(Descriptors3D.CalcMolDescriptors3D(mol).values())


def shape_recognition(mol: Chem.Mol) -> list[float]:
    """USR after Ballester and Richards (2007): mean, deviation and cube root of the skewness of the
    distances to the centroid, to the atoms nearest to and farthest from it, and to the atom farthest
    from that. Skewness is of standardized distances, as in their later work and in RDKit."""
    places: npt.NDArray[np.float64] = mol.GetConformer().GetPositions()

    def distances(origin: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        found: npt.NDArray[np.float64] = np.linalg.norm(places - origin, axis=1)
        return found

    centre = distances(places.mean(axis=0))
    farthest = distances(places[centre.argmax()])
    sets = centre, distances(places[centre.argmin()]), farthest, distances(places[farthest.argmax()])
    return [
        value
        for found in sets
        for value in (
            found.mean(),
            found.std(),
            np.cbrt(((found - found.mean()) ** 3).mean()) / found.std(),
        )
    ]


def _of(code: str, function: Vector, rtol: float = 0.0) -> list[Reference]:
    def oracle(mol: Chem.Mol) -> Sequence[float]:
        return function(embedded(mol))

    return [Reference(code, smiles, oracle, rtol=rtol) for smiles in MOLECULES]


REFERENCES: dict[str, list[Reference]] = {
    "DESC3D": _of("DESC3D", shape),
    "AUTOCORR3D": _of("AUTOCORR3D", rdMolDescriptors.CalcAUTOCORR3D),
    "RDF": _of("RDF", rdMolDescriptors.CalcRDF),
    "MORSE": _of("MORSE", rdMolDescriptors.CalcMORSE),
    "WHIM": _of("WHIM", rdMolDescriptors.CalcWHIM),
    "GETAWAY": _of("GETAWAY", rdMolDescriptors.CalcGETAWAY),
    "USR": _of("USR", shape_recognition, rtol=1e-4),
    "USRCAT": _of("USRCAT", rdMolDescriptors.GetUSRCAT),
}
