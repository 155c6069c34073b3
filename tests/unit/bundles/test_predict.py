"""A model from a bundle predicts what the estimator predicted, whatever else is predicted with it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from molfleet.bundles.arrays import pack, unpack
from molfleet.bundles.features import Toolbox
from molfleet.bundles.manifest import Estimator
from molfleet.bundles.predict import Model, load_model
from molfleet.errors import Code, Rejected
from tests.unit.bundles.factory import CHAINS, Made, make, molecules

LIMIT = 64 << 20
KINDS = ["forest", "boosted", "linear"]
TASKS = ["regression", "classification"]


def load(path: Path) -> Model:
    return load_model(path, max_bytes=LIMIT)


def refusal(path: Path) -> Rejected:
    with pytest.raises(Rejected) as caught:
        load(path)
    assert caught.value.code is Code.INVALID_MODEL
    return caught.value


@pytest.fixture(scope="module")
def forest(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("forest") / "model.molmodel")


@pytest.fixture(scope="module")
def linear(tmp_path_factory: pytest.TempPathFactory) -> tuple[Made, Model]:
    made = make(tmp_path_factory.mktemp("linear") / "model.molmodel", "linear", featurizer="DESC")
    return made, load(made.path)


@pytest.mark.parametrize("featurizer", ["ECFP", "DESC"])
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("kind", KINDS)
def test_predictions_are_those_of_the_estimator(
    tmp_path: Path, kind: str, task: str, featurizer: str
) -> None:
    made = make(tmp_path / "model.molmodel", kind, task, featurizer)
    model = load(made.path)
    found = model.predict(made.features, made.ecfp4, 0.9)
    prepared = made.features.astype(np.float64)
    if featurizer == "DESC":
        arrays = unpack(made.parts["preparation.npz"])
        prepared = (prepared - arrays["center"]) / arrays["scale"]
    inputs = prepared.astype(np.float32)
    if task == "classification":
        expected = made.estimator.predict_proba(inputs)
        assert found.probabilities == pytest.approx(expected, abs=1e-5)
        assert found.value == pytest.approx(expected[:, 1], abs=1e-5)
        assert found.label.tolist() == expected.argmax(axis=1).tolist()
    else:
        assert found.value == pytest.approx(np.ravel(made.estimator.predict(inputs)), abs=1e-4)
        assert (found.label == -1).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("task", TASKS)
def test_a_row_is_the_same_bit_for_bit_in_every_batch(tmp_path: Path, kind: str, task: str) -> None:
    made = make(tmp_path / "model.molmodel", kind, task, "DESC" if kind == "linear" else "ECFP")
    model = load(made.path)
    together = model.predict(made.features, made.ecfp4, 0.9)
    repeated = model.predict(np.tile(made.features, (4, 1)), np.tile(made.ecfp4, (4, 1)), 0.9)
    assert np.array_equal(repeated.value, np.tile(together.value, 4))
    for row in range(len(CHAINS)):
        alone = model.predict(made.features[row : row + 1], made.ecfp4[row : row + 1], 0.9)
        assert alone.value[0] == together.value[row]


@settings(max_examples=15, deadline=None)
@given(rows=st.lists(st.integers(0, len(CHAINS) - 1), min_size=1, max_size=40))
def test_any_choice_and_order_of_rows_gives_the_same_figures(
    linear: tuple[Made, Model], rows: list[int]
) -> None:
    made, model = linear
    whole = model.predict(made.features, made.ecfp4, 0.9)
    some = model.predict(made.features[rows], made.ecfp4[rows], 0.9)
    assert np.array_equal(some.value, whole.value[rows])
    assert some.domain is not None
    assert whole.domain is not None
    assert np.array_equal(some.domain.density, whole.domain.density[rows])


def test_features_computed_here_are_those_of_training(forest: Made) -> None:
    tools = Toolbox()
    model = load_model(forest.path, max_bytes=LIMIT, tools=tools)
    assert np.array_equal(model.features(molecules(CHAINS, tools)), forest.features)


def test_a_vector_is_calculated_once_for_all_models_of_one_featurization(tmp_path: Path) -> None:
    tools = Toolbox()
    models = [load_model(make(tmp_path / kind, kind).path, max_bytes=LIMIT, tools=tools) for kind in KINDS]
    (molecule,) = molecules(["CCO"], tools)
    first = molecule.packed(models[0].featurization.level, models[0].featurization.specs[0])
    for model in models:
        assert model.featurization == models[0].featurization
        assert molecule.packed(model.featurization.level, model.featurization.specs[0]) is first


def test_several_estimators_are_averaged_by_their_weights(tmp_path: Path, forest: Made) -> None:
    boosted = make(tmp_path / "boosted", "boosted")
    estimators = (
        Estimator(part="estimators/0.onnx", weight=3.0),
        Estimator(part="estimators/1.onnx", weight=1.0),
    )
    one, other = load(forest.path), load(boosted.path)
    mean = (
        3 * one.predict(forest.features, forest.ecfp4, 0.9).value
        + other.predict(forest.features, forest.ecfp4, 0.9).value
    ) / 4
    golden = unpack(forest.parts["golden.npz"])
    rows = [CHAINS.index(smiles) for smiles in forest.manifest.golden.smiles]
    parts = {
        **forest.parts,
        "estimators/1.onnx": boosted.parts["estimators/0.onnx"],
        "golden.npz": pack({**golden, "outputs": mean[rows].reshape(-1, 1)}),
    }
    made = Made(tmp_path / "x", forest.manifest, parts, None, forest.features, forest.ecfp4)
    both = load(made.written(tmp_path / "both", estimators=estimators))
    assert both.predict(forest.features, forest.ecfp4, 0.9).value == pytest.approx(mean, abs=1e-9)


@pytest.mark.parametrize(("transform", "expected"), [("log10", 10.0), ("p", 0.1)])
def test_a_transformed_target_comes_back_in_its_own_units(
    tmp_path: Path, transform: str, expected: float
) -> None:
    plain = make(tmp_path / "plain")
    raw = load(plain.path).predict(plain.features, plain.ecfp4, 0.8)
    made = make(tmp_path / "model", target_transform=transform)
    found = load(made.path).predict(made.features, made.ecfp4, 0.8)
    assert found.value == pytest.approx(expected**raw.value)
    ends = np.sort(np.stack([expected**raw.lower, expected**raw.upper]), axis=0)
    assert found.lower == pytest.approx(ends[0])
    assert found.upper == pytest.approx(ends[1])
    assert (found.lower <= found.value).all()
    assert (found.value <= found.upper).all()


def test_an_interval_is_the_value_plus_and_minus_the_ranked_residual(forest: Made) -> None:
    residuals = unpack(forest.parts["calibration.npz"])["residuals"]
    found = load(forest.path).predict(forest.features, forest.ecfp4, 0.8)
    half = residuals[int(np.ceil(61 * 0.8)) - 1]
    assert found.upper - found.value == pytest.approx(np.full(60, half))
    assert found.value - found.lower == pytest.approx(np.full(60, half))


def test_a_confidence_beyond_the_calibration_gives_no_interval(forest: Made) -> None:
    found = load(forest.path).predict(forest.features[:2], forest.ecfp4[:2], 0.999)
    assert np.isnan(found.lower).all()
    assert np.isnan(found.upper).all()


def test_three_labels_have_probabilities_and_no_value(tmp_path: Path) -> None:
    made = make(tmp_path / "model", task="classification", labels=("low", "middle", "high"))
    found = load(made.path).predict(made.features, made.ecfp4, 0.9)
    assert np.isnan(found.value).all()
    assert found.probabilities.sum(axis=1) == pytest.approx(np.ones(60))
    assert set(found.label.tolist()) == {0, 1, 2}


def test_the_positive_label_need_not_be_the_last(tmp_path: Path) -> None:
    made = make(tmp_path / "model", task="classification", positive_label="inactive")
    found = load(made.path).predict(made.features, made.ecfp4, 0.9)
    assert np.array_equal(found.value, found.probabilities[:, 0])


def test_analogues_are_training_molecules_with_what_was_measured(forest: Made) -> None:
    model = load(forest.path)
    nearest = model.analogues(forest.ecfp4[7], 3)
    assert nearest[0].smiles == CHAINS[7]
    assert nearest[0].similarity == 1.0
    assert float(nearest[0].measured) == pytest.approx(
        forest.estimator.predict(forest.features)[7], abs=0.5
    )


def test_a_model_tells_about_how_much_memory_it_takes(forest: Made) -> None:
    assert load(forest.path).nbytes > len(forest.parts["estimators/0.onnx"])


def test_an_estimator_that_is_no_onnx_is_refused_by_part(forest: Made, tmp_path: Path) -> None:
    path = forest.with_parts(tmp_path / "bad", **{"estimators/0__onnx": b"no onnx"})
    assert "part estimators/0.onnx: it is not an ONNX graph" in refusal(path).message


def test_an_estimator_for_other_features_is_refused(forest: Made, tmp_path: Path) -> None:
    other = make(tmp_path / "other", featurizer="DESC")
    path = forest.with_parts(tmp_path / "bad", **{"estimators/0__onnx": other.parts["estimators/0.onnx"]})
    assert "not [rows, 512]" in refusal(path).message


def test_an_estimator_with_the_wrong_number_of_outputs_is_refused(forest: Made, tmp_path: Path) -> None:
    other = make(tmp_path / "other", task="classification")
    path = forest.with_parts(tmp_path / "bad", **{"estimators/0__onnx": other.parts["estimators/0.onnx"]})
    assert "gives 2 outputs, not 1" in refusal(path).message


def test_an_estimator_that_reads_files_outside_is_refused(forest: Made, tmp_path: Path) -> None:
    import onnx
    from onnx import TensorProto, external_data_helper, helper, numpy_helper

    weights = numpy_helper.from_array(np.zeros((512, 1), np.float32), "w")
    external_data_helper.set_external_data(weights, location="secret.bin")
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["features", "w"], ["output"])],
        "g",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, 512])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [None, 1])],
        [weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    assert isinstance(model, onnx.ModelProto)
    path = forest.with_parts(tmp_path / "bad", **{"estimators/0__onnx": model.SerializeToString()})
    assert "files outside the bundle" in refusal(path).message


def test_an_unknown_kind_of_estimator_is_refused_with_those_that_exist(
    forest: Made, tmp_path: Path
) -> None:
    estimators = (Estimator(kind="pickle", part="estimators/0.onnx"),)
    assert "Known: onnx" in refusal(forest.written(tmp_path / "bad", estimators=estimators)).message


def test_an_array_with_python_objects_is_refused(forest: Made, tmp_path: Path) -> None:
    np.savez(tmp_path / "objects.npz", residuals=np.array([{"a": 1}], dtype=object))
    data = (tmp_path / "objects.npz").read_bytes()
    path = forest.with_parts(tmp_path / "bad", calibration__npz=data)
    assert "part calibration.npz: array 'residuals' is of dtype object" in refusal(path).message


@pytest.mark.parametrize(
    "residuals", [np.array([2.0, 1.0]), np.array([np.nan]), np.zeros((2, 2)), np.zeros(2, np.float32)]
)
def test_a_calibration_that_is_not_sorted_is_refused(
    forest: Made, tmp_path: Path, residuals: np.ndarray
) -> None:
    path = forest.with_parts(tmp_path / "bad", calibration__npz=pack({"residuals": residuals}))
    assert "residuals is not a sorted array" in refusal(path).message


@pytest.mark.parametrize(
    "arrays",
    [
        {"center": np.zeros(3)},
        {"keep": np.array([9])},
        {"scale": np.full(4, np.nan)},
        {"else": np.zeros(4)},
    ],
)
def test_a_preparation_that_does_not_fit_is_refused(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    made = make(tmp_path / "model", featurizer="DESC")
    path = made.with_parts(tmp_path / "bad", preparation__npz=pack(arrays))
    assert "part preparation.npz" in refusal(path).message


def test_a_model_needs_no_training_library() -> None:
    import subprocess
    import sys

    code = (
        "import sys, molfleet.bundles.predict; "
        "sys.exit(any(name in sys.modules for name in ('sklearn', 'lightgbm', 'onnx', 'scipy', 'pandas')))"
    )
    path = {"PYTHONPATH": ":".join(sys.path)}
    assert subprocess.run([sys.executable, "-c", code], env=path, check=False).returncode == 0
    assert ort.get_device()
