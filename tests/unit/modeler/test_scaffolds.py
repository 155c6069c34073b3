from __future__ import annotations

from pathlib import Path

import pytest
from rdkit import Chem
from rdkit.Chem.Scaffolds import MurckoScaffold

from molfleet.bundles.features import ECFP4, Featurization, Toolbox
from molfleet.chemistry.records import open_records
from molfleet.chemistry.scaffolds import scaffold_of
from tests.unit.modeler.split_samples import nci
from tests.unit.modeler.support import bioactive
from workers.modeler.dataset import Fields, read_dataset
from workers.modeler.splits.samples import by_molecule
from workers.modeler.splits.scaffolds import scaffold_groups


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
    assert molecules.scaffolds is not None
    grouped = list(zip(scaffold_groups(molecules), molecules.scaffolds, strict=True))
    acyclic = [name for name, scaffold in grouped if not scaffold]
    assert len(acyclic) > 100
    assert len(set(acyclic)) > len(acyclic) / 3
    ringed = {(name, scaffold) for name, scaffold in grouped if scaffold}
    assert len(ringed) == len({scaffold for _, scaffold in ringed}) == len({name for name, _ in ringed})
    assert not {name for name, _ in ringed} & set(acyclic)


def test_the_scaffold_is_read_with_its_molecule_and_is_that_of_the_standardized_one(tmp_path: Path) -> None:
    """Of the parent, not of the counter-ion's ring."""
    source = tmp_path / "some.csv"
    source.write_text("smiles,y\nCc1ccccc1C(=O)O.c1cc[nH+]cc1,1\nCCO,2\n")
    records = open_records(source, "csv", "smiles", scratch=tmp_path, max_bytes=1000)
    tools = Toolbox()
    featurization = Featurization("parent-neutral", (tools.add(ECFP4),))
    read = read_dataset(records, Fields("y"), featurization, tools, 1, 60.0, lambda *_: None)
    assert [(each.molecule, each.scaffold) for each in read.measured] == [
        ("Cc1ccccc1C(=O)O", "c1ccccc1"),
        ("CCO", ""),
    ]
