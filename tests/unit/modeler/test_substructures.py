"""What sets a bit of a circular fingerprint, held against RDKit's own account of it."""

from __future__ import annotations

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import rdFingerprintGenerator

from molfleet.bundles.features import Toolbox
from molfleet.chemistry.featurizers import SpecValue
from tests.unit.modeler.figures.samples import fingerprint, molecules
from workers.modeler.importance import Column, Importance, columns_of
from workers.modeler.substructures import MOST_BITS, environments_of, is_circular


def wanted(columns: list[Column], places: list[int], features: np.ndarray) -> list[Importance]:
    return [
        Importance(at, columns[at], 0.5 / rank, 1, int((features[:, at] > 0).sum()))
        for rank, at in enumerate(places, 1)
    ]


@pytest.mark.parametrize("code", ["ECFP", "FCFP", "ECFC", "FCFC", "ECFP_CHIRALITY"])
def test_an_environment_sets_the_bit_that_it_is_shown_for(code: str) -> None:
    known = fingerprint(code, 512, 2)
    columns = columns_of([known.featurizer])
    places = np.argsort(-known.features.sum(axis=0), kind="stable")[5:15].tolist()
    found = environments_of(wanted(columns, places, known.features), molecules(), known.features)
    assert set(found) == set(places)
    generator = rdFingerprintGenerator.GetMorganGenerator(
        radius=2,
        fpSize=512,
        includeChirality=code.endswith("CHIRALITY"),
        atomInvariantsGenerator=(
            rdFingerprintGenerator.GetMorganFeatureAtomInvGen() if code.startswith("FC") else None
        ),
    )
    for place, environments in found.items():
        for environment in environments.found:
            output = rdFingerprintGenerator.AdditionalOutput()
            output.AllocateBitInfoMap()
            mol = Chem.MolFromSmiles(environment.molecule)
            generator.GetFingerprint(mol, additionalOutput=output)
            assert (environment.centre, environment.radius) in output.GetBitInfoMap()[place]
            bonds = Chem.FindAtomEnvironmentOfRadiusN(mol, environment.radius, environment.centre)
            assert environment.bonds == tuple(sorted(bonds))
            assert environment.centre in environment.atoms


def test_a_known_substructure_is_read_off() -> None:
    smiles = ["CCO", "CCCO", "OCC1CC1", "CCN"]
    spec = SpecValue("ECFP", 2048, 1)
    tools = Toolbox()
    featurizer = tools.featurizer(tools.add(spec))
    rows = featurizer.unpack(np.stack([featurizer.calculate(Chem.MolFromSmiles(s)) for s in smiles]))
    hydroxyl = [at for at in range(2048) if rows[:, at].tolist() == [1, 1, 1, 0]]
    columns = columns_of([featurizer])
    found = environments_of(wanted(columns, hydroxyl, rows), smiles, rows)
    assert {of.found[0].smiles for of in found.values()} == {"O", "CO"}
    assert {of.found[0].molecule for of in found.values()} == {"CCO"}
    assert all((of.looked_at, of.found[0].count) == (3, 3) for of in found.values())


def test_environments_that_share_a_bit_are_told_apart_and_counted() -> None:
    known = fingerprint("ECFP", 64, 2)  # so short that bits must be shared
    columns = columns_of([known.featurizer])
    found = environments_of(wanted(columns, [3], known.features), molecules(), known.features)[3]
    assert len(found.found) > 1
    assert len({of.identifier for of in found.found}) == len(found.found)
    assert {of.identifier % 64 for of in found.found} == {3}
    counts = [of.count for of in found.found]
    assert counts == sorted(counts, reverse=True)
    assert max(counts) <= found.looked_at <= sum(counts)


def test_only_weighty_bits_of_circular_fingerprints_are_explained_and_not_too_many() -> None:
    known = fingerprint()
    columns = columns_of([known.featurizer])
    common = np.argsort(-known.features.sum(axis=0), kind="stable")[:20].tolist()
    items = wanted(columns, common, known.features)
    assert list(environments_of(items, molecules(), known.features)) == common[:MOST_BITS]
    idle = [Importance(common[0], columns[common[0]], 0.0, 1, 1)]
    assert environments_of(idle, molecules(), known.features) == {}
    other = Column("MACCS", "MACCS", "bits", 0, "0")
    assert environments_of([Importance(0, other, 1.0, 1, 1)], molecules(), known.features) == {}


def test_a_molecule_that_cannot_be_read_any_more_costs_no_other() -> None:
    known = fingerprint()
    columns = columns_of([known.featurizer])
    at = int(known.features.sum(axis=0).argmax())
    broken = ["not a molecule", *molecules()[1:]]
    found = environments_of(wanted(columns, [at], known.features), broken, known.features)[at]
    assert found.looked_at >= 1
    lost = environments_of(wanted(columns, [at], known.features), ["?"] * len(broken), known.features)
    assert lost == {}


@pytest.mark.parametrize(
    ("spec", "circular"),
    [
        ("ECFP:2048:2", True),
        ("FCFC:512:3", True),
        ("MORGAN:1024:2", True),
        ("MACCS", False),
        ("DESC", False),
    ],
)
def test_circular_fingerprints_are_known_by_their_catalogue(spec: str, circular: bool) -> None:
    assert is_circular(spec) is circular
