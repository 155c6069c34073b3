"""References for RDKit's list of descriptors: the list itself, and what was published."""

from __future__ import annotations

from rdkit.Chem import Descriptors

from tests.unit.chemistry.references.cases import Reference, everywhere

#: Polar surface areas in square angstrom: Ertl, Rohde and Selzer, J. Med. Chem. 43 (2000) 3714-3717.
POLAR_SURFACE_AREAS = {
    "CN1C(=O)CN=C(c2ccccc2)c2cc(Cl)ccc21": 32.7,  # diazepam
    "O=C1CN=C(c2ccccc2)c2cc(Cl)ccc2N1": 41.5,  # nordiazepam
    "COCCc1ccc(OCC(O)CNC(C)C)cc1": 50.7,  # metoprolol
    "NCC1CCC(C(=O)O)CC1": 63.3,  # tranexamic acid
    "CC(C)NCC(O)COc1ccc(CC(N)=O)cc1": 84.6,  # atenolol
    "OCC(O)C(O)C(O)C(O)CO": 121.4,  # mannitol
}

#: Of the authors' own program for Bickerton et al., Nature Chemistry 4 (2012) 90-98, as RDKit tells.
DRUG_LIKENESS = {
    "N=C(CCSCc1csc(N=C(N)N)n1)NS(N)(=O)=O": 0.253,
    "CNC(=NCCSCc1nc[nH]c1C)NC#N": 0.234,
    "CCCCCNC(=N)NN=Cc1c[nH]c2ccc(CO)cc12": 0.234,
}


def _published(name: str, values: dict[str, float], rtol: float) -> list[Reference]:
    return [
        Reference(f"DESC:names={name}", smiles, lambda mol, value=value: [value], rtol=rtol)
        for smiles, value in values.items()
    ]


REFERENCES: dict[str, list[Reference]] = {
    "DESC": [
        *everywhere(
            "DESC", lambda mol: list(Descriptors.CalcMolDescriptors(mol, missingVal=None).values())
        ),
        *_published("TPSA", POLAR_SURFACE_AREAS, 0.002),
        *_published("qed", DRUG_LIKENESS, 0.005),
    ],
}
