"""Fingerprints against what others have published of them, and against what they are made for."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest
from rdkit import Chem
from rdkit.Chem import rdMHFPFingerprint, rdTautomerQuery

from molfleet.chemistry.featurizers import FEATURIZERS, parse_spec
from tests.unit.chemistry.references.cases import MOLECULES

Vector = npt.NDArray[np.float32]

#: Getting Started with the RDKit in Python, "Fingerprinting and Molecular Similarity".
ETHERS = ("CCOC", "CCO", "COC")
PAIRED = ("C1CCC1OCC", "CC(C)OCC", "CCOCC")


def vector(spec: str, smiles: str) -> Vector:
    featurizer = FEATURIZERS.build(parse_spec(spec))
    row: Vector = featurizer.unpack(featurizer.calculate(Chem.MolFromSmiles(smiles))[np.newaxis])[0]
    return row


def tanimoto(one: Vector, other: Vector) -> float:
    both = np.minimum(one, other).sum()
    return float(both / (one.sum() + other.sum() - both))


def dice(one: Vector, other: Vector) -> float:
    return float(2 * np.minimum(one, other).sum() / (one.sum() + other.sum()))


@pytest.mark.parametrize(
    ("spec", "molecules", "similarity", "published"),
    [
        ("RDK", ETHERS, tanimoto, (0.6, 0.4, 0.25)),
        ("RDK", ETHERS, dice, (0.75, None, None)),
        ("RDK:1024:max_path=2", ETHERS, tanimoto, (None, 0.5, None)),
        ("ATOM_PAIRS:16384:chirality=false", PAIRED, dice, (1 / 3, 0.258, 0.56)),
        ("ATOM_PAIRS_BITS", PAIRED, dice, (0.352, 0.266, 0.583)),
        ("ATOM_PAIRS_BITS:count_simulation=false", PAIRED, dice, (0.5, 0.4, 0.625)),
        ("TOPOLOGICAL_TORSION:16384", PAIRED, dice, (1 / 6, None, None)),
        ("MACCS", ETHERS, tanimoto, (0.5, 0.538, 0.214)),
    ],
)
def test_similarities_are_those_that_rdkits_manual_gives(
    spec: str, molecules: tuple[str, str, str], similarity, published: tuple[float | None, ...]
) -> None:
    one, other, third = (vector(spec, smiles) for smiles in molecules)
    found = [similarity(*pair) for pair in ((one, other), (one, third), (other, third))]
    for value, expected in zip(found, published, strict=True):
        assert expected is None or value == pytest.approx(expected, abs=1e-3)


def test_maccs_keys_of_aspirin_are_those_of_their_definitions() -> None:
    # Keys 165 ring, 164 O, 163 six-ring, 162 aromatic, 161 N, 160 CH3, 159 more than one O, 154 C=O,
    # 103 Cl, 49 charge, 166 fragments.
    keys = vector("MACCS", MOLECULES[0])
    assert keys[[165, 164, 163, 162, 160, 159, 154]].all()
    assert not keys[[0, 161, 103, 49, 166]].any()


def test_a_pair_of_features_is_named_by_both_and_their_distance() -> None:
    featurizer = FEATURIZERS.build(parse_spec("EGR"))
    row = featurizer.calculate(Chem.MolFromSmiles("CC(C)CCC(C)C"))
    named = {
        name: round(float(value), 3)
        for name, value in zip(featurizer.names or (), row, strict=True)
        if value
    }
    assert named == {
        "Hydrophobic-Hydrophobic_2": 0.3,
        "Hydrophobic-Hydrophobic_3": 1.0,
        "Hydrophobic-Hydrophobic_4": 0.3,
    }


def parts() -> Iterator[tuple[str, str]]:
    yield from [("c1ccccc1", MOLECULES[0]), ("CC(=O)O", MOLECULES[0]), ("c1ccncc1", "CN1CCC[C@H]1c1cccnc1")]


@pytest.mark.parametrize("spec", ["PATTERN", "LAYERED", "RDK", "AVALON_BITS"])
def test_the_bits_of_a_part_are_among_those_of_the_whole(spec: str) -> None:
    for part, whole in parts():
        assert (vector(spec, part) <= vector(spec, whole)).all()
        assert vector(spec, part).any()


def test_the_bits_of_a_tautomer_query_are_among_those_of_each_tautomer_where_asked_for() -> None:
    query = rdTautomerQuery.TautomerQuery(Chem.MolFromSmiles("CC(=O)CC(C)=O"))
    bits = np.array(query.PatternFingerprintTemplate(2048).ToList())
    enol = "CC(O)=CC(C)=O"
    assert (bits <= vector("PATTERN:tautomers=true", enol)).all()
    assert not (bits <= vector("PATTERN", enol)).all()


def test_agreement_of_minimum_hashes_estimates_the_jaccard_similarity() -> None:
    encoder = rdMHFPFingerprint.MHFPEncoder(1, 42)
    texts = {
        s: set(encoder.CreateShinglingFromMol(Chem.MolFromSmiles(s))) for s in (MOLECULES[0], MOLECULES[7])
    }
    one, other = texts.values()
    jaccard = len(one & other) / len(one | other)
    first, second = (vector("MHFP:4096", smiles) for smiles in texts)
    # Three standard deviations of 4096 throws.
    assert 2 * (first == second).mean() - 1 == pytest.approx(jaccard, abs=6 * (0.25 / 4096) ** 0.5)
    assert 0.1 < jaccard < 0.9


@pytest.mark.parametrize(
    "spec",
    [
        *("ECFP", "FCFP", "ECFC", "FCFC", "SECFP", "MHFP"),
        *("TOPOLOGICAL_TORSION", "TOPOLOGICAL_TORSION_BITS", "ATOM_PAIRS:1024", "ATOM_PAIRS_BITS:4096"),
    ],
)
def test_stereoisomers_differ_only_where_asked_for(spec: str) -> None:
    left, right = "C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O"
    plain, chiral = (f"{spec}:chirality={value}" for value in ("false", "true"))
    np.testing.assert_array_equal(vector(plain, left), vector(plain, right))
    assert (vector(chiral, left) != vector(chiral, right)).any()


@pytest.mark.parametrize("code", ["ECFP", "FCFP", "ECFC", "FCFC"])
def test_a_chirality_code_is_its_code_with_chirality(code: str) -> None:
    for smiles in MOLECULES:
        np.testing.assert_array_equal(
            vector(f"{code}_CHIRALITY:512:3", smiles), vector(f"{code}:512:3:chirality=true", smiles)
        )
