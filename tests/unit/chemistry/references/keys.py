"""References for structural keys, pharmacophores, shingles and Avalon's fingerprints."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from rdkit import Chem
from rdkit.Avalon import pyAvalonTools
from rdkit.Chem import MACCSkeys, rdMHFPFingerprint, rdReducedGraphs
from rdkit.Chem.Pharm2D import Generate, Gobbi_Pharm2D

from tests.unit.chemistry.references.cases import Reference, everywhere


def _avalon_counts(size: int) -> list[Reference]:
    """Through the toolkit's own reader of mol blocks; RDKit leaves out what is for similarity alone."""
    flags = pyAvalonTools.avalonSSSBits
    return everywhere(
        f"AVALON:{size}",
        lambda mol: pyAvalonTools.GetAvalonCountFP(
            Chem.MolToMolBlock(mol), False, size, False, flags
        ).ToList(),
    )


def _avalon_bits(size: int) -> list[Reference]:
    return everywhere(
        f"AVALON_BITS:{size}",
        lambda mol: pyAvalonTools.GetAvalonFP(Chem.MolToMolBlock(mol), False, size).ToList(),
    )


def _reduced_graph(mol: Chem.Mol, **options: float) -> Sequence[float]:
    """In two steps: the reduced graph, then its fingerprint."""
    graph = rdReducedGraphs.GenerateMolExtendedReducedGraph(mol)
    graph.UpdatePropertyCache(False)
    vector: npt.NDArray[np.float64] = rdReducedGraphs.GenerateErGFingerprintForReducedGraph(
        graph, **options
    )
    return vector.tolist()


def _at(size: int, values: dict[int, float]) -> list[float]:
    return [values.get(i, 0.0) for i in range(size)]


def _phenethyl_alcohol(_: Chem.Mol) -> list[float]:
    """By hand: the reduced graph is ring - CH2 - CH2 - OH, so a donor that is also an acceptor lies four
    bonds of the graph (counting the ring's two points) from an aromatic feature: pairs 5 and 10 of 21.
    """
    near = {2: 0.3, 3: 1.0, 4: 0.3}
    return _at(315, {15 * pair + distance: value for pair in (5, 10) for distance, value in near.items()})


def fnv1a(text: str) -> int:
    """The 32-bit FNV-1a hash."""
    value = 2166136261
    for byte in text.encode():
        value = ((value ^ byte) * 16777619) % 2**32
    return value


def _shingles(mol: Chem.Mol, radius: int, rings: bool, isomeric: bool) -> list[str]:
    encoder = rdMHFPFingerprint.MHFPEncoder(1, 42)
    return list(encoder.CreateShinglingFromMol(mol, radius, rings, isomeric, False, 1))


def _secfp(
    mol: Chem.Mol, size: int, radius: int = 3, rings: bool = True, isomeric: bool = False
) -> list[float]:
    """Folded in Python, from the texts of the environments."""
    return _at(size, {fnv1a(text) % size: 1 for text in _shingles(mol, radius, rings, isomeric)})


def _mhfp(mol: Chem.Mol, size: int, radius: int = 3, isomeric: bool = False) -> list[float]:
    encoder = rdMHFPFingerprint.MHFPEncoder(size, 42)
    return [
        value * 2654435769 % 2**32 // 2**31
        for value in encoder.FromStringArray(_shingles(mol, radius, True, isomeric))
    ]


def _gobbi(mol: Chem.Mol) -> Sequence[float]:
    return list(
        map(
            float,
            Generate.Gen2DFingerprint(
                mol, Gobbi_Pharm2D.factory, dMat=Chem.GetDistanceMatrix(mol)
            ).ToList(),
        )
    )


#: RDKit's manual (Getting Started with the RDKit in Python, 2D Pharmacophore Fingerprints).
_GOBBI_PUBLISHED = Reference(
    "PHARMA",
    "OCC=CC(=O)O",
    lambda _: _at(39972, dict.fromkeys((23, 30, 150, 154, 157, 185, 28878, 30184), 1.0)),
)

REFERENCES: dict[str, list[Reference]] = {
    # RDKit's implementation in Python; the product calls the one in C++.
    "MACCS": everywhere("MACCS", lambda mol: list(MACCSkeys._pyGenMACCSKeys(mol))),
    "AVALON": _avalon_counts(512) + _avalon_counts(64),
    "AVALON_BITS": _avalon_bits(512) + _avalon_bits(1000),
    "EGR": [
        Reference("EGR", "OCCc1ccccc1", _phenethyl_alcohol),
        *everywhere("EGR", _reduced_graph),
        *everywhere("ERG:max_path=8:fuzz=0.1", lambda m: _reduced_graph(m, maxPath=8, fuzzIncrement=0.1)),
    ],
    "PHARMA": [_GOBBI_PUBLISHED, *everywhere("PHARMA", _gobbi)[:6]],
    "SECFP": [
        *everywhere("SECFP", lambda mol: _secfp(mol, 2048)),
        *everywhere(
            "SECFP:512:1:rings=false:chirality=true",
            lambda mol: _secfp(mol, 512, radius=1, rings=False, isomeric=True),
        ),
    ],
    "MHFP": [
        *everywhere("MHFP:128", lambda mol: _mhfp(mol, 128)),
        *everywhere("MHFP:64:2:chirality=true", lambda mol: _mhfp(mol, 64, 2, isomeric=True)),
    ],
}
