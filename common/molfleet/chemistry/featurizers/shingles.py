"""Fingerprints of the SMILES of circular environments and rings: SECFP and MHFP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from rdkit import Chem
from rdkit.Chem import rdMHFPFingerprint

from molfleet.chemistry.featurizers.base import Featurizer, FeaturizerRow, Packed
from molfleet.chemistry.featurizers.packing import BitVectors
from molfleet.chemistry.featurizers.spec import Parameter, size_parameter

PAPER = (
    "Probst and Reymond, A Probabilistic Molecular Fingerprint for Big Data Settings, "
    "J. Cheminform. 10 (2018) 66"
)
#: That of the authors' own program, so that vectors compare.
SEED = 42
#: 2 ** 32 by the golden ratio: multiplicative hashing (Knuth, The Art of Computer Programming, 6.4).
_MIX = np.uint32(2654435769)

_SHINGLES = (
    Parameter("radius", "integer", 3, "Radius of the largest environment in bonds; 3 is MHFP6.", 1, 4),
    Parameter("rings", "boolean", True, "Take the rings as well as the environments."),
    Parameter("chirality", "boolean", False, "Tell stereoisomers apart."),
    Parameter("kekulize", "boolean", False, "Write rings with single and double bonds."),
)


def _options(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "radius": parameters["radius"],
        "rings": parameters["rings"],
        "isomeric": parameters["chirality"],
        "kekulize": parameters["kekulize"],
    }


def _secfp(column: str, parameters: Mapping[str, Any]) -> Featurizer:
    # The permutations serve MHFP alone.
    encoder = rdMHFPFingerprint.MHFPEncoder(1, SEED)
    function = partial(encoder.EncodeSECFPMol, length=parameters["size"], **_options(parameters))
    return BitVectors(column, parameters["size"], function)


class MinHash(Featurizer):
    """MHFP as one bit a permutation, mixed from the smallest hash under it.

    MHFP itself is a vector of 32-bit hashes that can only be compared for equality: as numbers they mean
    nothing, and neither uint16 nor float32 holds them. One bit of each is b-bit minwise hashing (Li and
    Koenig, WWW 2010), with b = 1: two molecules agree in a share (1 + J) / 2 of their bits, where J is
    the Jaccard similarity of their environments, so that linear models and distances work on them.
    A molecule without any environment, such as methane, has all of its bits alike.
    """

    kind = "bits"

    def __init__(self, column: str, parameters: Mapping[str, Any]) -> None:
        super().__init__(column, parameters["size"])
        encoder: Any = rdMHFPFingerprint.MHFPEncoder(self.size, SEED)
        self._encode = partial(encoder.EncodeMol, **_options(parameters))

    def raw(self, mol: Chem.Mol) -> npt.NDArray[np.uint8]:
        hashes = self._encode(mol)
        # The vector's own iterator is twice as slow.
        values = np.fromiter(map(hashes.__getitem__, range(self.size)), np.uint32, self.size)
        # Half of RDKit's permutations leave the lowest bit as it is: the highest of a product has all.
        return ((values * _MIX) >> np.uint32(31)).astype(np.uint8)

    def pack(self, raws: Sequence[npt.NDArray[np.uint8]]) -> Packed:
        return np.packbits(np.stack(raws), axis=1, bitorder="little")


ROWS = (
    FeaturizerRow(
        code="SECFP",
        kind="bits",
        title="SMILES of circular environments and rings, hashed and folded",
        dimension="size bits",
        paper=PAPER,
        parameters=(size_parameter(2048), *_SHINGLES),
        build=_secfp,
    ),
    FeaturizerRow(
        code="MHFP",
        kind="bits",
        title="SMILES of circular environments and rings, by minimum hashes, one bit of each",
        dimension="size bits, a bit a permutation",
        paper=f"{PAPER}; Li and Koenig, b-Bit Minwise Hashing, WWW (2010) 671-680",
        parameters=(size_parameter(2048), *_SHINGLES),
        build=MinHash,
    ),
)
