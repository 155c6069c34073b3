"""Two-dimensional pharmacophores: extended reduced graphs (EGR), pairs and triples of features (PHARMA)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
import numpy.typing as npt
from rdkit import Chem
from rdkit.Chem import rdReducedGraphs

from molfleet.chemistry.featurizers.base import Featurizer, FeaturizerRow, Packed
from molfleet.chemistry.featurizers.spec import Parameter

#: RDKit's order; a node of the reduced graph may be of several types.
FEATURES = ("Donor", "Acceptor", "Positive", "Negative", "Hydrophobic", "Aromatic")
PAIRS = tuple(combinations_with_replacement(FEATURES, 2))

#: Bits of the signature of Gobbi and Poppinger as RDKit has it: 2 and 3 of 5 features, 8 bins of distance.
GOBBI_SIZE = 39972


class ReducedGraph(Featurizer):
    """ErG: for each pair of features and each distance, 1 where it occurs and less at its neighbours.

    Names are like `Donor-Acceptor_3`, the distance in bonds of the reduced graph.
    """

    kind = "descriptors"

    def __init__(self, column: str, parameters: Mapping[str, Any]) -> None:
        self._max_path: int = parameters["max_path"]
        self._fuzz: float = parameters["fuzz"]
        distances = range(1, self._max_path + 1)
        names = tuple(f"{one}-{other}_{bonds}" for one, other in PAIRS for bonds in distances)
        super().__init__(column, len(names), names)

    def raw(self, mol: Chem.Mol) -> npt.NDArray[np.float64]:
        vector: npt.NDArray[np.float64] = rdReducedGraphs.GetErGFingerprint(
            mol, fuzzIncrement=self._fuzz, maxPath=self._max_path
        )
        return vector


class GobbiPharmacophore(Featurizer):
    """Bit i for pharmacophore i of rdkit.Chem.Pharm2D.Gobbi_Pharm2D, unfolded.

    RDKit works through all triples of features in Python: milliseconds for a drug, and minutes for a
    peptide, which the limit for a record then ends.
    """

    kind = "bits"

    def __init__(self, column: str) -> None:
        # Reads its feature definitions when imported.
        from rdkit.Chem.Pharm2D import Generate, Gobbi_Pharm2D

        super().__init__(column, GOBBI_SIZE)
        self._generate: Any = partial(Generate.Gen2DFingerprint, sigFactory=Gobbi_Pharm2D.factory)

    def raw(self, mol: Chem.Mol) -> list[int]:
        return list(self._generate(mol).GetOnBits())

    def pack(self, raws: Sequence[list[int]]) -> Packed:
        dense = np.zeros((len(raws), self.size), np.uint8)
        for row, on_bits in zip(dense, raws, strict=True):
            row[on_bits] = 1
        return np.packbits(dense, axis=1, bitorder="little")


ROWS = (
    FeaturizerRow(
        code="EGR",
        kind="descriptors",
        title="ErG, extended reduced graph: pairs of pharmacophoric features by distance",
        dimension="21 x max_path values, 315 by default",
        paper="Stiefl et al., ErG: 2D Pharmacophore Descriptions for Scaffold Hopping, "
        "J. Chem. Inf. Model. 46 (2006) 208-220",
        parameters=(
            Parameter("max_path", "integer", 15, "Bonds between the farthest features.", 2, 30),
            Parameter(
                "fuzz", "number", 0.3, "What a pair adds to the next shorter and longer distance.", 0, 1
            ),
        ),
        build=ReducedGraph,
        aliases=("ERG",),
    ),
    FeaturizerRow(
        code="PHARMA",
        kind="bits",
        title="Pairs and triples of pharmacophoric features by topological distance",
        dimension=f"{GOBBI_SIZE} bits",
        paper="Gobbi and Poppinger, Genetic Optimization of Combinatorial Libraries, "
        "Biotechnol. Bioeng. 61 (1998) 47-54",
        build=lambda column, parameters: GobbiPharmacophore(column),
        aliases=("PHARMACOPHORE", "GOBBI"),
    ),
)
