"""References for circular fingerprints, pairs, torsions and paths.

The oracles are RDKit's older functions, and Chem's, with every option spelt out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from rdkit import Chem
from rdkit.Chem import AllChem, rdMolDescriptors

from tests.unit.chemistry.references.cases import Reference, everywhere

Oracle = Callable[[Chem.Mol], Sequence[float]]


def _bits(**options: Any) -> Oracle:
    return lambda mol: list(AllChem.GetMorganFingerprintAsBitVect(mol, **options))


def _counts(**options: Any) -> Oracle:
    return lambda mol: rdMolDescriptors.GetHashedMorganFingerprint(mol, **options).ToList()


def _made(function: Callable[..., Any], **options: Any) -> Oracle:
    """The vector of one of RDKit's functions, element by element."""
    call = partial(function, **options)
    return lambda mol: list(call(mol).ToList())


_pairs = rdMolDescriptors.GetHashedAtomPairFingerprint
_pair_bits = rdMolDescriptors.GetHashedAtomPairFingerprintAsBitVect
_torsions = rdMolDescriptors.GetHashedTopologicalTorsionFingerprint
_torsion_bits = rdMolDescriptors.GetHashedTopologicalTorsionFingerprintAsBitVect

REFERENCES: dict[str, list[Reference]] = {
    "ECFP": [
        *everywhere("ECFP:1024:3", _bits(radius=3, nBits=1024)),
        *everywhere("ECFP:64:radius=0", _bits(radius=0, nBits=64)),
        *everywhere("ECFP:1001:2:bond_types=false", _bits(radius=2, nBits=1001, useBondTypes=False)),
        *everywhere("ECFP:redundant=true", _bits(radius=2, nBits=2048, includeRedundantEnvironments=True)),
    ],
    "FCFP": everywhere("FCFP:1024:2", _bits(radius=2, nBits=1024, useFeatures=True)),
    "ECFC": [
        *everywhere("ECFC:512:2", _counts(radius=2, nBits=512)),
        *everywhere("ECFC:64:4", _counts(radius=4, nBits=64)),
    ],
    "FCFC": everywhere("FCFC:512:2", _counts(radius=2, nBits=512, useFeatures=True)),
    "ECFP_CHIRALITY": everywhere("ECFP_CHIRALITY:1024:1", _bits(radius=1, nBits=1024, useChirality=True)),
    "FCFP_CHIRALITY": everywhere(
        "FCFP_CHIRALITY", _bits(radius=2, nBits=2048, useChirality=True, useFeatures=True)
    ),
    "ECFC_CHIRALITY": everywhere("ECFC_CHIRALITY:512", _counts(radius=2, nBits=512, useChirality=True)),
    "FCFC_CHIRALITY": everywhere(
        "FCFC_CHIRALITY", _counts(radius=2, nBits=2048, useChirality=True, useFeatures=True)
    ),
    "ATOM_PAIRS": [
        *everywhere("ATOM_PAIRS:512", _made(_pairs, nBits=512, includeChirality=True)),
        *everywhere(
            "ATOM_PAIRS:chirality=false:min_distance=2:max_distance=5",
            _made(_pairs, nBits=2048, minLength=2, maxLength=5),
        ),
    ],
    "ATOM_PAIRS_BITS": [
        *everywhere("ATOM_PAIRS_BITS", _made(_pair_bits, nBits=2048)),
        *everywhere(
            "ATOM_PAIRS_BITS:512:count_simulation=false:chirality=true",
            _made(_pair_bits, nBits=512, nBitsPerEntry=1, includeChirality=True),
        ),
    ],
    "TOPOLOGICAL_TORSION": [
        *everywhere("TOPOLOGICAL_TORSION", _made(_torsions, nBits=2048)),
        *everywhere(
            "TOPOLOGICAL_TORSION:512:length=5:chirality=true",
            _made(_torsions, nBits=512, targetSize=5, includeChirality=True),
        ),
    ],
    "TOPOLOGICAL_TORSION_BITS": [
        *everywhere("TOPOLOGICAL_TORSION_BITS:1024", _made(_torsion_bits, nBits=1024)),
        *everywhere(
            "TOPOLOGICAL_TORSION_BITS:count_simulation=false",
            _made(_torsion_bits, nBits=2048, nBitsPerEntry=1),
        ),
    ],
    "RDK": [
        *everywhere("RDK:1024", _made(Chem.RDKFingerprint, fpSize=1024)),
        *everywhere(
            "RDK:min_path=2:max_path=5:branched=false:bond_order=false:bits_per_path=1",
            _made(
                Chem.RDKFingerprint,
                minPath=2,
                maxPath=5,
                branchedPaths=False,
                useBondOrder=False,
                nBitsPerHash=1,
            ),
        ),
    ],
    "LAYERED": [
        *everywhere("LAYERED:1024", _made(Chem.LayeredFingerprint, fpSize=1024)),
        *everywhere(
            "LAYERED:min_path=2:max_path=4",
            _made(Chem.LayeredFingerprint, minPath=2, maxPath=4),
        ),
    ],
    "PATTERN": [
        *everywhere("PATTERN:1024", _made(Chem.PatternFingerprint, fpSize=1024)),
        *everywhere("PATTERN:tautomers=true", _made(Chem.PatternFingerprint, tautomerFingerprints=True)),
    ],
}
