"""References for fingerprints: RDKit's older functions, and published vectors."""

from __future__ import annotations

from rdkit.Chem import AllChem, MACCSkeys, rdMolDescriptors

from tests.unit.chemistry.references.cases import Reference, everywhere

REFERENCES: dict[str, list[Reference]] = {
    "ECFP": everywhere("ECFP:1024:3", lambda m: list(AllChem.GetMorganFingerprintAsBitVect(m, 3, 1024))),
    "FCFP": everywhere(
        "FCFP:1024:2",
        lambda m: list(AllChem.GetMorganFingerprintAsBitVect(m, 2, 1024, useFeatures=True)),
    ),
    "ECFC": everywhere(
        "ECFC:512:2", lambda m: rdMolDescriptors.GetHashedMorganFingerprint(m, 2, 512).ToList()
    ),
    "FCFC": everywhere(
        "FCFC:512:2",
        lambda m: rdMolDescriptors.GetHashedMorganFingerprint(m, 2, 512, useFeatures=True).ToList(),
    ),
    "MACCS": everywhere("MACCS", lambda m: list(MACCSkeys.GenMACCSKeys(m))),
}
