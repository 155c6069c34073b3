"""MACCS structural keys."""

from __future__ import annotations

from rdkit.Chem import rdMolDescriptors

from molfleet.chemistry.featurizers.base import FeaturizerRow
from molfleet.chemistry.featurizers.packing import BitVectors

#: RDKit keeps the published numbering of the keys: bits 1 to 166, and bit 0 is always clear.
SIZE = 167

ROWS = (
    FeaturizerRow(
        code="MACCS",
        kind="bits",
        title="The 166 public MACCS structural keys, bit i for key i",
        dimension="167 bits (bit 0 unused)",
        paper="Durant et al., Reoptimization of MDL Keys, J. Chem. Inf. Comput. Sci. 42 (2002) 1273-1280",
        build=lambda column, parameters: BitVectors(
            column, SIZE, rdMolDescriptors.GetMACCSKeysFingerprint, stereo=False
        ),
        aliases=("MACCS_KEYS",),
    ),
)
