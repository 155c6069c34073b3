"""A load tells a damaged model from changed chemistry."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rdkit import rdBase

from molfleet.bundles.arrays import pack, unpack
from molfleet.bundles.predict import load_model
from molfleet.errors import Code, Rejected
from tests.unit.bundles.factory import Made, make

LIMIT = 64 << 20


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    path = tmp_path_factory.mktemp("golden") / "model.molmodel"
    return make(path, featurizer="DESC", library_versions={"rdkit": "2025.03.1"})


def refusal(path: Path) -> Rejected:
    with pytest.raises(Rejected) as caught:
        load_model(path, max_bytes=LIMIT)
    assert caught.value.code is Code.INVALID_MODEL
    return caught.value


def test_another_prediction_from_the_stored_features_is_corruption(made: Made, tmp_path: Path) -> None:
    arrays = unpack(made.parts["golden.npz"])
    outputs = arrays["outputs"].copy()
    outputs[2, 0] += 0.01
    path = made.with_parts(tmp_path / "bad", golden__npz=pack({**arrays, "outputs": outputs}))
    error = refusal(path)
    assert error.details["reason"] == "golden"
    assert f"golden molecule {made.manifest.golden.smiles[2]}" in error.message
    assert "RDKit" not in error.message


def test_other_features_name_the_featurizer_and_both_versions_of_rdkit(made: Made, tmp_path: Path) -> None:
    smiles = list(made.manifest.golden.smiles)
    smiles[1] = "OCCO"
    golden = made.manifest.golden.model_copy(update={"smiles": tuple(smiles)})
    error = refusal(made.written(tmp_path / "bad", golden=golden))
    assert error.details["reason"] == "features"
    assert error.details["rdkit_then"] == "2025.03.1"
    assert error.details["rdkit_now"] == rdBase.rdkitVersion
    for word in ("DESC", "MolWt", "OCCO", "2025.03.1", rdBase.rdkitVersion, "train the model again"):
        assert word in error.message


def test_a_golden_molecule_that_no_longer_parses_is_changed_chemistry(made: Made, tmp_path: Path) -> None:
    smiles = ("not a molecule", *made.manifest.golden.smiles[1:])
    golden = made.manifest.golden.model_copy(update={"smiles": smiles})
    error = refusal(made.written(tmp_path / "bad", golden=golden))
    assert error.details["reason"] == "features"
    assert "no longer reads" in error.message


def test_stored_arrays_of_another_shape_are_refused(made: Made, tmp_path: Path) -> None:
    arrays = unpack(made.parts["golden.npz"])
    path = made.with_parts(
        tmp_path / "bad", golden__npz=pack({**arrays, "features": np.zeros((1, 4), "f4")})
    )
    assert "golden.npz does not hold" in refusal(path).message


def test_golden_molecules_may_be_left_unchecked(made: Made, tmp_path: Path) -> None:
    golden = made.manifest.golden.model_copy(update={"smiles": ("C",) * 8})
    path = made.written(tmp_path / "unchecked", golden=golden)
    assert load_model(path, max_bytes=LIMIT, verify_golden=False).manifest.golden == golden
