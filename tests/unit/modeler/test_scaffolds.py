from __future__ import annotations

import pytest
from rdkit import Chem
from rdkit.Chem.Scaffolds import MurckoScaffold

from tests.unit.modeler.split_samples import nci
from tests.unit.modeler.support import bioactive
from workers.modeler.splits.samples import by_molecule
from workers.modeler.splits.scaffolds import scaffold_groups, scaffold_of


def test_scaffolds_are_those_of_rdkit() -> None:
    """But for the brackets of an iodine with a valence that only sanitizing looks at."""
    smiles = [*nci().smiles, *(Chem.MolToSmiles(Chem.MolFromSmiles(text)) for text, _ in bioactive()[::10])]
    oracle = MurckoScaffold.MurckoScaffoldSmiles
    expected = [oracle(text, includeChirality=False) for text in smiles]  # type: ignore[no-untyped-call]
    assert [scaffold_of(text) for text in smiles] == [text.replace("[I]", "I") for text in expected]


@pytest.mark.parametrize(
    ("smiles", "scaffold"),
    [
        ("CCO", ""),
        ("Cc1ccccc1", "c1ccccc1"),
        ("O=C1CCCCC1C", "O=C1CCCCC1"),
        ("C[C@H](c1ccccc1)[C@@H]1CCNC1", "c1ccc(CC2CCNC2)cc1"),
        ("CC(=O)N1CCOCC1.[Na+]", "C1COCCN1"),
    ],
)
def test_a_scaffold_is_rings_linkers_and_what_hangs_on_them_by_a_double_bond(
    smiles: str, scaffold: str
) -> None:
    assert scaffold_of(smiles) == scaffold


def test_molecules_without_a_ring_are_grouped_by_likeness_and_not_as_one_scaffold() -> None:
    molecules, _ = by_molecule(nci())
    groups = scaffold_groups(molecules)
    scaffolds = [scaffold_of(text) for text in molecules.smiles]
    acyclic = [number for number, text in zip(groups.numbers, scaffolds, strict=True) if not text]
    assert len(acyclic) > 100
    assert len(set(acyclic)) > len(acyclic) / 3
    ringed = {(number, text) for number, text in zip(groups.numbers, scaffolds, strict=True) if text}
    assert len(ringed) == len({text for _, text in ringed}) == len({number for number, _ in ringed})
