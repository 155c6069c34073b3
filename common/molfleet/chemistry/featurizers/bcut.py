"""BCUT: extreme eigenvalues of the Burden matrix."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rdkit import Chem
from rdkit.Chem import rdMolDescriptors

from molfleet.chemistry.featurizers.vectors import vector_row

#: Highest and lowest eigenvalue with atomic masses, Gasteiger charges, Crippen's logP and his molar
#: refractivity on the diagonal; the names are those of RDKit's list of descriptors.
NAMES = tuple(
    f"BCUT2D_{value}" for value in ("MWHI", "MWLOW", "CHGHI", "CHGLO", "LOGPHI", "LOGPLOW", "MRHI", "MRLOW")
)


def eigenvalues(mol: Chem.Mol) -> Sequence[float]:
    """The eight eigenvalues; NaN all, as in RDKit's list, for an element without Gasteiger's
    parameters (metals) and for a bond that is not single, double, triple or aromatic."""
    try:
        values: list[float] = rdMolDescriptors.BCUT2D(mol)
    except (ValueError, RuntimeError):
        return [math.nan] * len(NAMES)
    return values


ROWS = (
    vector_row(
        "BCUT2D",
        "BCUT descriptors: extreme eigenvalues of the Burden matrix",
        "Pearlman and Smith, Metric Validation and the Receptor-Relevant Subspace Concept, "
        "J. Chem. Inf. Comput. Sci. 39 (1999) 28-35",
        NAMES,
        eigenvalues,
    ),
)
