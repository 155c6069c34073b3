"""Molecules for the benchmarks: distinct, the same every time, readable."""

from __future__ import annotations

from pathlib import Path

from rdkit import Chem

from bench.molecules import distinct, family, lattice, many_file, record, variants, with_molecule

_PARENT = "CC(=O)Nc1ccc(O)cc1"


def test_variants_are_distinct_larger_than_their_parent_and_the_same_every_time() -> None:
    found = variants(_PARENT, 12)
    assert found[0] == _PARENT
    assert found == variants(_PARENT, 12)
    assert len(found) == len(set(found)) > 6
    atoms = [Chem.MolFromSmiles(smiles).GetNumAtoms() for smiles in found]
    assert min(atoms[1:]) > atoms[0]


def test_a_molecule_that_two_parents_give_is_kept_once() -> None:
    assert list(distinct([[("C", b"1"), ("CC", b"2")], [("CC", b"3")]])) == [b"1", b"2"]


def test_a_record_reads_back_as_its_molecule_with_coordinates_and_properties() -> None:
    data = record("C[C@H](N)C(=O)O")
    assert data is not None
    supplier = Chem.SDMolSupplier()
    supplier.SetData(data.decode())
    (mol,) = supplier
    assert Chem.MolToSmiles(mol) == mol.GetProp("SMILES") == "C[C@H](N)C(=O)O"
    assert not mol.GetConformer().Is3D()
    assert any(mol.GetConformer().GetAtomPosition(1))


def test_a_longer_file_repeats_the_molecules_under_titles_of_their_own(tmp_path: Path) -> None:
    base = tmp_path / "base.sdf"
    base.write_bytes(b"".join(one for _, one in family(_PARENT)[:2]))
    molecules = list(Chem.SDMolSupplier(str(many_file(base, 5, tmp_path))))
    assert [mol.GetProp("_Name") for mol in molecules] == [f"M{number:09d}" for number in range(5)]
    smiles = [Chem.MolToSmiles(mol) for mol in molecules]
    assert smiles == [smiles[0], smiles[1]] * 2 + [smiles[0]]


def test_a_lattice_binds_each_atom_to_its_neighbours_and_can_be_read(tmp_path: Path) -> None:
    cube = lattice((3, 5, 6), "S")
    assert (cube.GetNumAtoms(), cube.GetNumBonds()) == (90, 2 * 5 * 6 + 3 * 4 * 6 + 3 * 5 * 5)
    base = tmp_path / "base.sdf"
    base.write_bytes(b"".join(one for _, one in family(_PARENT)[:3]))
    sizes = [
        mol.GetNumAtoms() for mol in Chem.SDMolSupplier(str(with_molecule(base, cube, tmp_path / "c.sdf")))
    ]
    assert sorted(sizes)[-1] == 90
    assert len(sizes) == 4
    assert 0 < sizes.index(90) < 3
