"""Bundles whose models take columns of a record besides its structure."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError
from rdkit import Chem

from molfleet.bundles.archive import open_bundle, write_bundle
from molfleet.bundles.arrays import pack, unpack
from molfleet.bundles.features import Featurization, Molecule, Toolbox
from molfleet.bundles.loading import featurization_of
from molfleet.bundles.manifest import Featurizer, Golden
from molfleet.bundles.predict import load_model
from molfleet.chemistry.featurizers import FEATURIZERS, SpecValue
from molfleet.errors import Code, Rejected
from tests.unit.bundles.factory import make

LIMIT = 64 << 20
PARAMETERS = {"numeric": ["dose"], "categorical": ["assay"], "categories": ["assay=a", "assay=b"]}
COLUMNS = Featurizer(
    type="COLUMNS", parameters=PARAMETERS, n_features=3, names=("dose", "assay=a", "assay=b")
)
SAID = [{"dose": str(number), "assay": "ab"[number % 2]} for number in range(8)]


def taking_columns(path: Path, properties: tuple[dict[str, str], ...]) -> Path:
    """A linear model of four descriptors, put on a dose, two assays and one descriptor."""
    made = make(path.with_name("plain"), "linear", featurizer="DESC", level="none")
    tools = Toolbox()
    spec = tools.add(SpecValue("COLUMNS", parameters=PARAMETERS))
    descriptor = tools.add(SpecValue("DESC", parameters={"names": ["MolWt"]}))
    featurization = Featurization("none", (spec, descriptor))
    features = np.stack(
        [
            Molecule(Chem.MolFromSmiles(smiles), tools, said).features(featurization)
            for smiles, said in zip(made.manifest.golden.smiles, SAID, strict=True)
        ]
    )
    scaling = unpack(made.parts["preparation.npz"])
    prepared = ((features - scaling["center"]) / scaling["scale"]).astype(np.float32)
    outputs = made.estimator.predict(prepared).reshape(-1, 1).astype(float)
    golden = Golden(smiles=made.manifest.golden.smiles, part="golden.npz", properties=properties)
    weight = Featurizer(type="DESC", n_features=1, names=("MolWt",))
    changes = {"featurizers": (COLUMNS, weight), "golden": golden}
    parts = {**made.parts, "golden.npz": pack({"features": features, "outputs": outputs})}
    write_bundle(path, made.manifest.model_copy(update=changes), parts)
    return path


def test_golden_molecules_are_verified_with_what_their_records_said(tmp_path: Path) -> None:
    model = load_model(taking_columns(tmp_path / "model", tuple(SAID)), max_bytes=LIMIT)
    assert model.columns == ("dose", "assay")
    assert model.manifest.golden.properties == tuple(SAID)


@pytest.mark.parametrize("properties", [(), tuple(SAID[::-1])])
def test_golden_molecules_that_said_something_else_are_refused(
    properties: tuple[dict[str, str], ...], tmp_path: Path
) -> None:
    with pytest.raises(Rejected, match="COLUMNS") as refusal:
        load_model(taking_columns(tmp_path / "model", properties), max_bytes=LIMIT)
    assert (refusal.value.code, refusal.value.details["reason"]) == (Code.INVALID_MODEL, "features")


def test_a_manifest_from_before_there_were_properties_is_read() -> None:
    assert Golden.model_validate({"smiles": ["C", "CC"], "part": "golden.npz"}).properties == ()


def test_properties_of_some_golden_molecules_only_are_refused() -> None:
    with pytest.raises(ValidationError, match="not of one number"):
        Golden(smiles=("C", "CC"), part="golden.npz", properties=({"dose": "1"},))


def test_the_same_molecule_with_other_properties_has_other_features() -> None:
    tools = Toolbox()
    featurization = Featurization("none", (tools.add(SpecValue("COLUMNS", parameters=PARAMETERS)),))
    mol = Chem.MolFromSmiles("CCO")
    found = [
        Molecule(mol, tools, said).features(featurization).tolist()
        for said in ({"dose": "2", "assay": "a"}, {"dose": "2", "assay": "b"}, {"assay": "c"})
    ]
    assert found[:2] == [[2, 1, 0], [2, 0, 1]]
    assert np.isnan(found[2][0])
    assert found[2][1:] == [0, 0]


@pytest.mark.parametrize(
    ("said", "familiar"),
    [({"assay": " a "}, True), ({"assay": ""}, True), ({}, True), ({"assay": "c"}, False)],
)
def test_only_a_category_that_the_model_has_no_place_for_is_unfamiliar(
    said: dict[str, str], familiar: bool
) -> None:
    tools = Toolbox()
    featurization = Featurization(
        "none", (tools.ecfp4, tools.add(SpecValue("COLUMNS", parameters=PARAMETERS)))
    )
    assert Molecule(Chem.MolFromSmiles("CCO"), tools, said).familiar(featurization) is familiar


def test_what_is_unfamiliar_is_outside_the_domain_and_predicted_all_the_same(tmp_path: Path) -> None:
    made = make(tmp_path / "model")
    model = load_model(made.path, max_bytes=LIMIT)
    familiar = np.arange(len(made.features)) % 2 == 0
    plain = model.predict(made.features, made.ecfp4, 0.9)
    marked = model.predict(made.features, made.ecfp4, 0.9, familiar)
    assert plain.domain is not None
    assert marked.domain is not None
    np.testing.assert_array_equal(marked.domain.inside, plain.domain.inside & familiar)
    np.testing.assert_array_equal(marked.value, plain.value)


def test_records_of_one_molecule_do_not_make_the_domain_narrower(tmp_path: Path) -> None:
    from molfleet.bundles import domain

    made = make(tmp_path / "model")
    count = len(made.features)
    twice = [*range(count), *range(count)]
    texts = [str(row) for row in twice]
    alone = domain.fit(made.features, made.ecfp4, texts[:count], texts[:count], seed=1)
    fitted = domain.fit(
        made.features[twice], made.ecfp4[twice], texts, texts, seed=1, molecules=np.array(twice)
    )
    assert fitted.similarity_threshold == alone.similarity_threshold < 1.0


def test_every_featurizer_with_names_is_known_again_by_a_bundle(tmp_path: Path) -> None:
    bundle = open_bundle(make(tmp_path / "model").path, max_bytes=LIMIT)
    built = [FEATURIZERS.build(SpecValue(row.code)) for row in FEATURIZERS if row.code != "COLUMNS"]
    named = [one for one in built if one.names]
    assert len(named) > 10
    entries = tuple(
        Featurizer(type=one.spec.split(":")[0], n_features=one.size, names=one.names or ()) for one in named
    )
    known = replace(bundle, manifest=bundle.manifest.model_copy(update={"featurizers": entries}))
    tools = Toolbox()
    found = featurization_of(known, tools)
    assert [tools.featurizer(spec).names for spec in found.specs] == [one.names for one in named]
    mqn = next(entry for entry in entries if entry.type == "MQN")
    other = mqn.model_copy(update={"names": mqn.names[::-1]})
    with pytest.raises(Rejected, match="MQN have other names"):
        featurization_of(
            replace(bundle, manifest=bundle.manifest.model_copy(update={"featurizers": (other,)})), tools
        )
