from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from rdkit import Chem, DataStructs
from rdkit.Chem.rdFingerprintGenerator import GetMorganGenerator

from tests.unit.modeler.curation.molecules import make, smiles, weight
from workers.modeler.curation import cliffs as module
from workers.modeler.curation.cliffs import SIMILARITY, cliffs, flat_structures, threshold_of

STEREO = ("C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O", "F/C=C/Cl", "F/C=C\\Cl")


def similar_pairs(molecules: list[str]) -> list[tuple[int, int, float]]:
    """By RDKit alone."""
    generator = GetMorganGenerator(radius=2, fpSize=2048)
    bits = [generator.GetFingerprint(Chem.MolFromSmiles(text)) for text in molecules]
    pairs = (
        (a, b, DataStructs.TanimotoSimilarity(bits[a], bits[b]))
        for a, b in itertools.combinations(range(len(bits)), 2)
    )
    return [pair for pair in pairs if pair[2] >= SIMILARITY]


@pytest.mark.parametrize(("transform", "decades"), [("none", 0.2), ("log10", 1.5)])
def test_cliffs_are_the_similar_pairs_that_measure_far_apart(transform: str, decades: float) -> None:
    rng = np.random.default_rng(1)
    made = make(value=lambda text: f"{10 ** rng.normal(0, decades):.4g}", transform=transform)
    values, threshold = made.curated.values, threshold_of(made.curated)
    similar = similar_pairs(list(smiles()))
    steep = [(a, b) for a, b, _ in similar if abs(values[a] - values[b]) > threshold]
    found = cliffs(made.curated, made.measured, made.ecfp4, seed=0)
    assert len(steep) > 3
    assert (found["similar_pairs"], found["cliffs"]) == (len(similar), len(steep))
    assert found["molecules_on_cliffs"] == len({place for pair in steep for place in pair})
    assert found["share_of_molecules"] == found["molecules_on_cliffs"] / len(values)
    differences = [worst["difference"] for worst in found["worst"]]
    assert differences == sorted(differences, reverse=True)
    assert differences[0] == pytest.approx(max(abs(values[a] - values[b]) for a, b in steep))


def named(target: str, **rules: str) -> float:
    curated = make(**rules).curated
    return threshold_of(replace(curated, rules=replace(curated.rules, target=target))) / np.std(
        curated.values
    )


def test_a_cliff_is_tenfold_where_a_transform_gives_logarithms_and_two_deviations_elsewhere() -> None:
    assert threshold_of(make(transform="log10").curated) == 1.0
    assert named("y") == 2.0


@pytest.mark.parametrize(
    "name", ["pIC50", "pKi", "pchembl_value", "logS", "LogD74", "exp_logBB", "-log(LC50)", "log10 Kd"]
)
def test_the_name_of_a_target_may_say_that_it_is_a_logarithm(name: str) -> None:
    assert named(name) == pytest.approx(1 / np.std(make().curated.values))


@pytest.mark.parametrize(
    "name", ["p_np", "analog", "biological", "toxicology", "catalogue", "logic", "solubility", "price"]
)
def test_other_names_do_not(name: str) -> None:
    assert named(name) == 2.0


def test_any_other_class_is_a_cliff() -> None:
    made = make(value=lambda text: "yes" if len(text) % 2 else "no")
    values = made.curated.values
    steep = {(a, b): s for a, b, s in similar_pairs(list(smiles())) if values[a] != values[b]}
    found = cliffs(made.curated, made.measured, made.ecfp4, seed=0)
    assert found["cliffs"] == len(steep) > 10
    listed = {tuple(worst["records"]): worst["similarity"] for worst in found["worst"]}
    assert listed.keys() <= steep.keys()
    assert sorted(listed.values()) == pytest.approx(sorted(steep.values())[-10:])


def test_kept_replicates_of_one_molecule_are_no_cliff() -> None:
    first = smiles()[0]
    made = make(extra=[(first, "9000")], replicates="keep")
    found = cliffs(made.curated, made.measured, made.ecfp4, seed=0)
    assert len(smiles()) in made.curated.rows
    assert all(set(worst["smiles"]) != {first} for worst in found["worst"])


def test_of_a_large_set_a_seeded_sample_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOLECULES", 50)
    made = make(value=lambda text: "yes" if len(text) % 2 else "no")
    found = cliffs(made.curated, made.measured, made.ecfp4, seed=3)
    assert found["sampled"]
    assert found["molecules"] == 50
    assert found == cliffs(made.curated, made.measured, made.ecfp4, seed=3)
    whole = {(a, b) for a, b, _ in similar_pairs(list(smiles()))}
    assert {tuple(worst["records"]) for worst in found["worst"]} <= whole


def test_records_are_named_as_in_the_file_after_sampling() -> None:
    made = make(value=lambda text: "yes" if len(text) % 2 else "no")
    kept = np.arange(len(made.curated.rows))[::2]
    sampled = replace(
        made.curated,
        rows=made.curated.rows[kept],
        values=made.curated.values[kept],
        molecules=made.curated.molecules[kept],
    )
    found = cliffs(sampled, made.measured, made.ecfp4[kept], seed=0)
    assert found["worst"]
    for worst in found["worst"]:
        assert [made.measured[record].molecule for record in worst["records"]] == worst["smiles"]
        assert all(record % 2 == 0 for record in worst["records"])


def test_molecules_that_differ_in_stereochemistry_alone_are_told() -> None:
    far = dict(zip(STEREO, ("100", "100", "1", "900"), strict=True))
    made = make([*smiles()[:40], *STEREO], lambda text: far.get(text) or weight(text))
    found = flat_structures(made.curated, made.measured, made.ecfp4)
    assert found == {"structures": 2, "molecules": 4, "disagreeing": 1, "complete": True}


def test_equal_fingerprints_of_different_skeletons_are_no_stereoisomers() -> None:
    chains = ["C" * size for size in range(12, 20)]
    made = make([*smiles()[:40], *chains])
    assert len(np.unique(made.ecfp4[-8:], axis=0)) == 1
    assert flat_structures(made.curated, made.measured, made.ecfp4)["structures"] == 0
