"""The rival reads every record of its range, once, and does what our worker does."""

from __future__ import annotations

from pathlib import Path

import pytest
from rdkit import Chem

from bench.molecules import record
from bench.rivals.raw_rdkit import SUPPLIERS, WORKS, convenient, ranges, run, standardizer
from molfleet.chemistry.standardize import STANDARDIZE

_SMILES = ["CC(=O)Oc1ccccc1C(=O)O", "C[C@H](N)C(=O)O", "OCCN1CCOCC1", "c1ccc2[nH]ccc2c1", "CCCCCCCC"]
_SALTS = ["[Na+].CC(=O)[O-]", "C[N+](C)(C)CC(=O)[O-]", "O=C([O-])c1ccccc1[NH3+]", "CC(=O)C=C(O)C"]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "few.sdf"
    records = [record(smiles) for smiles in _SMILES]
    path.write_bytes(b"".join(one for one in records if one is not None))
    return path


@pytest.mark.parametrize("parts", [1, 2, 3, 9])
@pytest.mark.parametrize("supplier", SUPPLIERS)
def test_every_way_to_read_gives_every_molecule_of_all_ranges_once(
    source: Path, supplier: str, parts: int
) -> None:
    found = [
        Chem.MolToSmiles(mol)
        for start, end in ranges(source, parts)
        for mol in SUPPLIERS[supplier](source, start, end)
    ]
    assert found == _SMILES


def test_ranges_cover_the_file_without_gaps(source: Path) -> None:
    found = ranges(source, 3)
    assert found[0][0] == 0
    assert found[-1][1] == source.stat().st_size
    assert [end for _, end in found[:-1]] == [start for start, _ in found[1:]]


@pytest.mark.parametrize("level", ["parent", "parent-neutral", "tautomer"])
def test_standardizing_by_hand_gives_what_the_convenience_functions_and_our_worker_give(level: str) -> None:
    ours, by_hand, easy = STANDARDIZE.get(level).build(), standardizer(level), convenient(level)
    for smiles in _SMILES + _SALTS:
        results = {Chem.MolToSmiles(each(Chem.MolFromSmiles(smiles))) for each in (ours, by_hand, easy)}
        assert len(results) == 1, smiles


@pytest.mark.parametrize("work", WORKS)
def test_each_work_is_done_to_every_molecule_that_can_be_read(work: str) -> None:
    molecules = [Chem.MolFromSmiles(smiles) for smiles in _SMILES[:2]]
    assert run([*molecules, None], WORKS[work]()) == 2
