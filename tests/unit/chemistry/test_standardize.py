from __future__ import annotations

from collections.abc import Callable

import pytest
from rdkit import Chem
from rdkit.Chem import rdFingerprintGenerator
from rdkit.Chem.MolStandardize import rdMolStandardize

from molfleet.chemistry.rdkit_log import silence
from molfleet.chemistry.standardize import STANDARDIZE
from tests.unit.chemistry.samples import NCI_SDF, nci_smiles

FINGERPRINT = rdFingerprintGenerator.GetMorganGenerator(radius=2, includeChirality=True)

CONVENIENCE: dict[str, tuple[Callable[[Chem.Mol], Chem.Mol], int]] = {
    "none": (lambda mol: mol, 100),
    "parent": (rdMolStandardize.FragmentParent, 300),
    "parent-neutral": (rdMolStandardize.ChargeParent, 300),
    "tautomer": (lambda mol: rdMolStandardize.CanonicalTautomer(rdMolStandardize.ChargeParent(mol)), 60),
}

#: Salts, metals, charges, and one whose aromaticity only appears after the second clean-up.
HARD = [
    "[Na+].CC(=O)[O-]",
    "CC(=O)O[Na]",
    "c1ccc2c(c1)SC1=[S+][Cu]3([S+]=C4Sc5ccccc5[N]43)[N]12",
    "C[N+](C)(C)CC(=O)[O-]",
    "O=C(O)c1ccccc1.Cl",
    "[2H]C([2H])([2H])O",
    "[H][H]",
    "CN(=O)=O",
    "Oc1ccccn1",
    "N[C@@H](C)C(=O)[O-]",
]


def _molecules(count: int) -> list[Chem.Mol]:
    silence()
    texts = [*HARD, *nci_smiles(count)]
    mols = [mol for text in texts if (mol := Chem.MolFromSmiles(text))]
    return mols + [mol for mol in Chem.SDMolSupplier(str(NCI_SDF)) if mol][: count // 6]


@pytest.mark.parametrize("row", list(STANDARDIZE), ids=lambda row: row.code)
def test_every_level_gives_what_the_convenience_functions_give(row) -> None:
    convenience, count = CONVENIENCE[row.code]
    standardize = row.build()
    for mol in _molecules(count):
        expected = convenience(Chem.Mol(mol))
        Chem.GetSymmSSSR(expected)  # FragmentParent forgets the rings, and fingerprints need them
        found = standardize(Chem.Mol(mol))
        assert Chem.MolToSmiles(found) == Chem.MolToSmiles(expected), Chem.MolToSmiles(mol)
        assert FINGERPRINT.GetFingerprint(found) == FINGERPRINT.GetFingerprint(expected)


def test_the_levels_build_on_each_other() -> None:
    salt = "Oc1cccc[nH+]1.[Cl-]"
    found = {row.code: Chem.MolToSmiles(row.build()(Chem.MolFromSmiles(salt))) for row in STANDARDIZE}
    assert found == {
        "none": "Oc1cccc[nH+]1.[Cl-]",
        "parent": "Oc1cccc[nH+]1",
        "parent-neutral": "Oc1ccccn1",
        "tautomer": "O=c1cccc[nH]1",
    }
