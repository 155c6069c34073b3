"""References for descriptors."""

from __future__ import annotations

from rdkit.Chem import Descriptors

from tests.unit.chemistry.references.cases import Reference, everywhere

REFERENCES: dict[str, list[Reference]] = {
    "DESC": everywhere(
        "DESC", lambda mol: list(Descriptors.CalcMolDescriptors(mol, missingVal=None).values())
    ),
}
