from __future__ import annotations

import csv
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from rdkit import Chem
from rdkit.Chem import rdFingerprintGenerator
from rdkit.Chem.MolStandardize import rdMolStandardize

from molfleet.chemistry.rdkit_log import silence
from molfleet.chemistry.standardize import STANDARDIZE, StandardizeError, Standardizer
from tests.unit.chemistry.samples import NCI_SDF, nci_smiles, shared

FINGERPRINT = rdFingerprintGenerator.GetMorganGenerator(radius=2, includeChirality=True)

CONVENIENCE: dict[str, Callable[[Chem.Mol], Chem.Mol]] = {
    "none": lambda mol: mol,
    "parent": rdMolStandardize.FragmentParent,
    "parent-neutral": rdMolStandardize.ChargeParent,
    "tautomer": lambda mol: rdMolStandardize.CanonicalTautomer(rdMolStandardize.ChargeParent(mol)),
}

#: Salts, mixtures, metals, charges, isotopes, stereo, and one molecule for each of RDKit's normalizations.
HARD = [
    "[Na+].CC(=O)[O-]",
    "CC(=O)O[Na]",
    "CC(=O)O[Mg]OC(C)=O",
    "[Na].OC(=O)c1ccccc1",
    "[Cl]",
    "[Cl].NCC",
    "O=C(O)c1ccccc1.Cl",
    "CCO.CCCN.O",
    "c1ccc2c(c1)SC1=[S+][Cu]3([S+]=C4Sc5ccccc5[N]43)[N]12",
    "[CH2]1=[CH2][Pt]1(Cl)(Cl)N",
    "C[Hg]Cl",
    "C[Si](C)(C)C",
    "[cH-]1cccc1.[cH-]1cccc1.[Fe+2]",
    "OB(O)c1ccccc1",
    "C[Se](=O)C",
    "C[N+](C)(C)CC(=O)[O-]",
    "[NH3+][C@@H](C)C(=O)[O-]",
    "N[C@@H](C)C(=O)[O-]",
    "[O-]S(=O)(=O)c1ccc(C(=O)O)cc1",
    "C[NH+]=C([O-])C",
    "[2H]C([2H])([2H])O",
    "[13CH3]C(=O)[O-].[K+]",
    "[H][H]",
    "[H]C([H])([H])[H]",
    "C/C=C\\C(=O)O",
    "F/C=C/C=N/O",
    "C[C@H](O)[C@@H](F)Cl",
    "CN(=O)=O",
    "C[S+2]([O-])([O-])C",
    "O=n1ccccc1",
    "CN=N#N",
    "C=N#N",
    "CS(=O)C",
    "CS(=O)O",
    "CP(=O)=O",
    "C[P+](C)([O-])[O-]",
    "C[C+](N(C)C)N",
    "C[S+](N(C)C)N",
    "C[P+](C)(N(C)C)N",
    "CNNC[N+]#N",
    "[O-]C(C)=[N+](C)C",
    "[O-]C=CC=[N+](C)C",
    "[O-]c1cc[n+](C)cc1",
    "NC=CC=[N+](C)C",
    "NC(C)=[N+](C)C",
    "[O-][Cl+2]([O-])O",
    "[Cl-]=O",
    "[N-]=[C+]C",
    "Oc1ccccn1",
    "O=C1CCCCC1=O",
]


def convenient(level: str, mol: Chem.Mol) -> Chem.Mol:
    expected = CONVENIENCE[level](Chem.Mol(mol))
    Chem.GetSymmSSSR(expected)  # FragmentParent forgets the rings, and fingerprints need them
    return expected


def assert_same(level: str, standardize: Standardizer, mols: Iterator[Chem.Mol]) -> None:
    for mol in mols:
        expected, found = convenient(level, mol), standardize(Chem.Mol(mol))
        assert Chem.MolToSmiles(found) == Chem.MolToSmiles(expected), Chem.MolToSmiles(mol)
        assert FINGERPRINT.GetFingerprint(found) == FINGERPRINT.GetFingerprint(expected)


def parsed(texts: list[str]) -> Iterator[Chem.Mol]:
    silence()
    return (mol for text in texts if (mol := Chem.MolFromSmiles(text)))


@pytest.fixture(params=list(STANDARDIZE), ids=lambda row: row.code)
def level(request: pytest.FixtureRequest) -> str:
    return str(request.param.code)


def build(level: str) -> Standardizer:
    return STANDARDIZE.get(level).build()


def test_odd_molecules_become_what_the_convenience_functions_make_of_them(level: str) -> None:
    assert_same(level, build(level), parsed(HARD))


def test_hydrogens_drawn_out_are_removed_as_the_convenience_functions_do(level: str) -> None:
    mols = (Chem.AddHs(mol) for mol in parsed(HARD))
    assert_same(level, build(level), mols)


def test_molecules_of_files_become_what_the_convenience_functions_make_of_them(level: str) -> None:
    count = 12 if level == "tautomer" else 100
    mols = [mol for mol in Chem.SDMolSupplier(str(NCI_SDF)) if mol][:count]
    assert_same(level, build(level), iter([*parsed(list(nci_smiles(count))), *mols]))


@pytest.mark.slow
def test_published_molecules_become_what_the_convenience_functions_make_of_them(level: str) -> None:
    names = ("bace", "bbbp", "esol", "freesolv", "lipophilicity")
    texts = []
    for name in names:
        with shared(f"{name}.csv").open(encoding="utf-8", newline="") as file:
            texts += [row["smiles"] for row in csv.DictReader(file)]
    sample = random.Random(7).sample(texts, 300)
    assert_same(level, build(level), parsed(sample[:25] if level == "tautomer" else sample))


def test_the_levels_build_on_each_other() -> None:
    salt = "Oc1cccc[nH+]1.[Cl-]"
    found = {row.code: Chem.MolToSmiles(row.build()(Chem.MolFromSmiles(salt))) for row in STANDARDIZE}
    assert found == {
        "none": "Oc1cccc[nH+]1.[Cl-]",
        "parent": "Oc1cccc[nH+]1",
        "parent-neutral": "Oc1ccccn1",
        "tautomer": "O=c1cccc[nH]1",
    }


@pytest.mark.parametrize(
    ("smiles", "changed"),
    [
        ("CCO", set()),
        ("C[N+](=O)[O-]", set()),
        ("C[N+](C)(C)C", set()),
        ("[H]OCC", {"hydrogens"}),
        ("[2H]OCC", set()),
        ("CC(=O)O[Na]", {"metals", "fragment", "uncharge"}),
        ("CS(C)=O", {"normalize"}),
        ("[O-]S(=O)(=O)c1ccc(C(=O)O)cc1", {"uncharge"}),
        ("O=S(=O)(O)c1ccc(C(=O)[O-])cc1", {"reionize", "uncharge"}),
        ("CCO.O", {"fragment"}),
        ("CC(=O)[O-]", {"uncharge"}),
        ("Oc1ccccn1", {"tautomer"}),
        ("O=c1cccc[nH]1", set()),
    ],
)
def test_each_step_that_changes_a_molecule_is_counted_once(smiles: str, changed: set[str]) -> None:
    standardize = build("tautomer")
    keep: Any = Chem.SmilesParserParams()
    keep.removeHs = False
    for _ in range(2):
        standardize(Chem.MolFromSmiles(smiles, keep))
    assert standardize.changed == dict.fromkeys(changed, 2)


def test_a_tautomer_that_is_only_the_best_of_those_found_is_counted() -> None:
    standardize = build("tautomer")
    mol = Chem.MolFromSmiles("O=C1CC(=O)CC(=O)C1" + "C(=O)CC(=O)CC(=O)CC(=O)CC(=O)C")
    assert Chem.MolToSmiles(standardize(Chem.Mol(mol))) == Chem.MolToSmiles(convenient("tautomer", mol))
    assert standardize.changed["tautomer-limit"] == 1


def test_what_rdkit_cannot_do_names_the_step_and_counts_as_nothing() -> None:
    standardize = build("parent")
    impossible = Chem.MolFromSmiles("C[Na].C(C)(C)(C)(C)C", sanitize=False)
    with pytest.raises(StandardizeError, match=r"^at the step 'sanitize': .*valence") as raised:
        standardize(impossible)
    assert raised.value.step == "sanitize"
    assert not standardize.changed
    assert Chem.MolToSmiles(standardize(Chem.MolFromSmiles("CCO"))) == "CCO"
