from __future__ import annotations

import math

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import QED, Descriptors

from molfleet.chemistry.featurizers import FEATURIZERS, parse_spec, shared
from tests.unit.chemistry.samples import nci_smiles

#: What the shared calculations could get wrong: metals, salts, charges, isotopes, explicit hydrogens,
#: single atoms, bonds of odd orders, wild cards, radicals, stereo, rings in rings, long and large.
ODD = (
    *("[Na+].[Cl-]", "[Fe]", "C[Hg]C", "N->[Pt]", "C[Sn](C)(C)C", "[Fe+2].c1ccc[cH-]1.c1ccc[cH-]1"),
    *("[H][H]", "[H+]", "[2H]C([2H])O", "[13CH4]", "C", "[U]", "*", "CC*", "BrBr", "C~C", "C$C"),
    *("[CH2]C", "C[C]", "F/C=C/F", "FC=CF", "C[C@H](F)Cl", "CC(F)Cl", "C[N+](C)(C)C", "CC(=O)[O-]"),
    *("C1CC1", "C1CC2CCC1CC2", "c1cc2ccc3cccc4ccc(c1)c2c34", "C" * 40, "NCC(=O)" * 8 + "O"),
    *("O=[N+]([O-])c1ccccc1Cl", "OS(=O)(=O)C(F)(F)F", "CN=[N+]=[N-]", "C=C=O", "OP(O)(=O)OCC#C"),
)
MOLECULES = (*ODD, *nci_smiles(25))


def _rdkits(mol: Chem.Mol) -> dict[str, float]:
    values = Descriptors.CalcMolDescriptors(mol)
    return {name: math.nan if value is None else value for name, value in values.items()}


@pytest.mark.parametrize("smiles", MOLECULES)
def test_every_descriptor_equals_rdkits_own_in_every_bit(smiles: str) -> None:
    featurizer = FEATURIZERS.build(parse_spec("DESC"))
    expected = _rdkits(Chem.MolFromSmiles(smiles))
    given = dict(zip(featurizer.names or (), featurizer.raw(Chem.MolFromSmiles(smiles)), strict=True))
    assert given.keys() == expected.keys()
    unlike = {
        name: (value, expected[name])
        for name, value in given.items()
        if value != expected[name] and not (math.isnan(value) and math.isnan(expected[name]))
    }
    assert not unlike


def test_a_descriptor_is_the_same_alone_as_among_the_others() -> None:
    smiles = "CC(F)=CC(C)NC(=O)c1cc[n+]([O-])cc1.[Cl-]"
    everything = FEATURIZERS.build(parse_spec("DESC"))
    together = everything.calculate(Chem.MolFromSmiles(smiles))
    alone = [
        FEATURIZERS.build(parse_spec(f"DESC:names={name}")).calculate(Chem.MolFromSmiles(smiles))[0]
        for name in everything.names or ()
    ]
    np.testing.assert_array_equal(together, alone)


def test_calculating_descriptors_does_not_change_the_molecule() -> None:
    mol = Chem.MolFromSmiles("CC(F)C(C)=CCC(O)=N")
    before = Chem.MolToCXSmiles(mol), [bond.GetStereo() for bond in mol.GetBonds()]
    for code in ("DESC", "MQN", "ESTATE", "AUTOCORR2D", "BCUT2D"):
        FEATURIZERS.build(parse_spec(code)).calculate(mol)
    assert (Chem.MolToCXSmiles(mol), [bond.GetStereo() for bond in mol.GetBonds()]) == before


def test_a_descriptor_that_rdkit_cannot_calculate_costs_no_other() -> None:
    featurizer = FEATURIZERS.build(parse_spec("DESC:names=MolWt,SPS"))
    hydrogen = Chem.MolFromSmiles("[H][H]")
    with pytest.raises(ZeroDivisionError):
        Descriptors.SPS(hydrogen)
    row = featurizer.calculate(hydrogen)
    assert row[0] == pytest.approx(2.016)
    assert np.isnan(row[1])
    assert (featurizer.losses["failures"], featurizer.losses["overflows"]) == (1, 0)


def test_what_rdkit_itself_calls_nan_is_missing_and_counted_nowhere() -> None:
    featurizer = FEATURIZERS.build(parse_spec("DESC:names=BCUT2D_CHGHI,PEOE_VSA1,MolWt"))
    row = featurizer.calculate(Chem.MolFromSmiles("C[Hg]C"))
    assert np.isnan(row[0])
    assert np.isfinite(row[2])
    assert featurizer.losses["overflows"] == 0
    assert np.isnan(FEATURIZERS.build(parse_spec("BCUT2D")).calculate(Chem.MolFromSmiles("C[Hg]C"))).all()


@pytest.mark.parametrize("beyond", [math.inf, -math.inf, 1e39, -1e39])
def test_what_is_infinite_or_too_large_for_float32_is_missing_and_counted(beyond: float) -> None:
    featurizer = FEATURIZERS.build(parse_spec("DESC:names=MolWt,Ipc"))
    rows = featurizer.pack([[1.0, beyond], [2.0, 3.4e38], [3.0, math.nan]])
    assert np.isnan(rows[[0, 2], 1]).all()
    assert np.isfinite(rows[1]).all()
    assert featurizer.losses["overflows"] == 1


def test_ipc_that_explodes_is_missing_and_the_average_stands() -> None:
    featurizer = FEATURIZERS.build(parse_spec("DESC:names=Ipc,AvgIpc"))
    ladder = Chem.MolFromSmiles("c1ccccc1" * 21)
    exact = Descriptors.Ipc(ladder)
    assert np.finfo(np.float32).max < exact < math.inf
    row = featurizer.calculate(Chem.Mol(ladder))
    assert np.isnan(row[0])
    assert row[1] == np.float32(Descriptors.AvgIpc(ladder))
    assert featurizer.losses["overflows"] == 1


def test_a_pattern_that_is_not_tried_does_not_match() -> None:
    patterns = [*QED.StructuralAlerts, *shared._fragments().values()]
    skipped = 0
    for smiles in (*MOLECULES, *DRUGS):
        mol = Chem.MolFromSmiles(smiles)
        for pattern, possible in zip(patterns, shared.Shared(mol).possible, strict=True):
            if not possible:
                skipped += 1
                assert not mol.HasSubstructMatch(pattern), (smiles, Chem.MolToSmarts(pattern))
    assert skipped > len(patterns) * len((*MOLECULES, *DRUGS)) / 2


#: Between them they match most of the patterns.
DRUGS = (
    "CN1C(=O)CN=C(c2ccccc2)c2cc(Cl)ccc21",
    "CC1(C)S[C@@H]2[C@H](NC(=O)Cc3ccccc3)C(=O)N2[C@H]1C(=O)O",
    "O=C(O)c1cn(C2CC2)c2cc(N3CCNCC3)c(F)cc2c1=O",
    "NS(=O)(=O)c1cc(C(=O)O)c(NCc2ccco2)cc1Cl",
    "COc1ccc2nc(S(=O)Cc3ncc(C)c(OC)c3C)[nH]c2c1",
    "O=C1NC(=O)C(c2ccccc2)(c2ccccc2)N1",
    "CCOC(=O)C1=C(C)NC(C)=C(C(=O)OC)C1c1cccc([N+](=O)[O-])c1",
    "CC(=O)C=Cc1ccc(N=Nc2ccc(O)cc2)cc1",
)
