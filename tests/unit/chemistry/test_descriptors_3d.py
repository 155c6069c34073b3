from __future__ import annotations

import random

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import rdDistGeom

from molfleet.chemistry.featurizers import FEATURIZERS, geometry, parse_spec
from molfleet.chemistry.featurizers.conformers import PARAMETERS, conformers
from tests.unit.chemistry.samples import ASPIRIN

CODES = [row.code for row in geometry.ROWS]
DEFAULTS = {parameter.name: parameter.default for parameter in PARAMETERS}


def _placed(smiles: str, seed: int) -> Chem.Mol:
    """As read from an SD file with 3D coordinates: hydrogens taken out, the conformer kept."""
    full = Chem.AddHs(Chem.MolFromSmiles(smiles))
    assert rdDistGeom.EmbedMolecule(full, randomSeed=seed) == 0
    return Chem.MolFromMolBlock(Chem.MolToMolBlock(full))


@pytest.mark.parametrize("code", CODES)
def test_a_conformers_descriptors_do_not_depend_on_the_order_of_the_atoms(code: str) -> None:
    featurizer = FEATURIZERS.build(parse_spec(code))
    mol = Chem.MolFromSmiles(ASPIRIN)
    order = list(range(mol.GetNumAtoms()))
    random.Random(7).shuffle(order)
    np.testing.assert_array_equal(
        featurizer.calculate(mol), featurizer.calculate(Chem.RenumberAtoms(mol, order))
    )


def test_another_seed_is_another_conformer_and_another_column() -> None:
    first, second = (FEATURIZERS.build(parse_spec(text)) for text in ("DESC3D", "DESC3D:seed=7"))
    mol = Chem.MolFromSmiles("CCCCCCO")
    assert (first.calculate(mol) != second.calculate(mol)).any()
    assert (first.column, second.column) == ("DESC3D", "DESC3D_seed=7")


def test_featurizers_of_one_molecule_share_its_conformer() -> None:
    mol, other = Chem.MolFromSmiles("CCO"), Chem.MolFromSmiles("CCO")
    made = conformers(DEFAULTS).of(mol)
    assert conformers(DEFAULTS).of(mol) is made
    assert conformers(DEFAULTS).of(other) is not made


def test_the_records_own_coordinates_are_used_where_asked_for() -> None:
    own = FEATURIZERS.build(parse_spec("DESC3D:input_coordinates=true"))
    generated = FEATURIZERS.build(parse_spec("DESC3D"))
    one, two = _placed("CCCCCCO", 1), _placed("CCCCCCO", 2)
    assert (own.calculate(one) != own.calculate(two)).any()
    np.testing.assert_array_equal(generated.calculate(one), generated.calculate(two))


@pytest.mark.parametrize("flat", [False, True])
def test_a_record_without_coordinates_in_space_has_none_of_its_own(flat: bool) -> None:
    mol = Chem.MolFromSmiles("CCO")
    if flat:
        mol = Chem.MolFromMolBlock(Chem.MolToMolBlock(mol))
    with pytest.raises(ValueError, match="no 3D coordinates of its own"):
        FEATURIZERS.build(parse_spec("USR:input_coordinates=true")).calculate(mol)


def test_a_molecule_without_a_conformer_fails_with_the_number_of_attempts() -> None:
    impossible = Chem.MolFromSmiles("C1#CC1")
    with pytest.raises(ValueError, match="no 3D conformer within 3 attempts"):
        FEATURIZERS.build(parse_spec("WHIM:attempts=3")).calculate(impossible)


def test_getaway_refuses_fragments_which_rdkit_would_be_minutes_at() -> None:
    with pytest.raises(ValueError, match="the molecule has 2 fragments"):
        FEATURIZERS.build(parse_spec("GETAWAY")).calculate(Chem.MolFromSmiles("c1ccccc1.Cl"))


def test_a_single_atom_has_what_rdkit_gives_and_is_too_little_for_shape_recognition() -> None:
    atom = Chem.MolFromSmiles("[Na+]")
    assert np.isnan(FEATURIZERS.build(parse_spec("AUTOCORR3D")).calculate(atom)).all()
    with pytest.raises(ValueError, match="too few atoms"):
        FEATURIZERS.build(parse_spec("USR")).calculate(atom)


def test_calculating_a_conformer_does_not_change_the_molecule() -> None:
    mol = Chem.MolFromSmiles(ASPIRIN)
    FEATURIZERS.build(parse_spec("RDF")).calculate(mol)
    assert (mol.GetNumConformers(), mol.GetNumAtoms()) == (0, 13)
