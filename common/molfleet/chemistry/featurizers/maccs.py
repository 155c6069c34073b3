"""MACCS structural keys."""

from __future__ import annotations

from collections.abc import Sequence

from rdkit import Chem, DataStructs
from rdkit.Chem import rdMolDescriptors

from molfleet.chemistry.featurizers.base import Featurizer, FeaturizerRow, Packed
from molfleet.chemistry.featurizers.packing import bits_of_texts

#: RDKit keeps the published numbering of the keys: bits 1 to 166, and bit 0 is always clear.
SIZE = 167


class MaccsKeys(Featurizer):
    """The 166 public MACCS keys, bit i for key i."""

    kind = "bits"

    def __init__(self, column: str) -> None:
        super().__init__(column, SIZE)

    def raw(self, mol: Chem.Mol) -> bytes:
        return bytes(DataStructs.BitVectToBinaryText(rdMolDescriptors.GetMACCSKeysFingerprint(mol)))

    def pack(self, raws: Sequence[bytes]) -> Packed:
        return bits_of_texts(raws)


ROWS = (
    FeaturizerRow(
        code="MACCS",
        kind="bits",
        title="MACCS structural keys",
        dimension="167 bits (bit 0 unused)",
        paper="Durant et al., Reoptimization of MDL Keys, J. Chem. Inf. Comput. Sci. 42 (2002) 1273-1280",
        build=lambda column, parameters: MaccsKeys(column),
    ),
)
