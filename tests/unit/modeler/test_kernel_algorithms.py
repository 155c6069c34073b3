from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from rdkit import DataStructs
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, DotProduct
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics import roc_auc_score
from sklearn.svm import SVC, SVR
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from molfleet.bundles.estimators import ESTIMATORS
from molfleet.bundles.estimators.kernel import Expansion
from molfleet.bundles.estimators.references import References
from tests.unit.modeler.support import features_of_bioactive
from workers.modeler.algorithms import ALGORITHMS, gaussian_process, kernel_ridge
from workers.modeler.algorithms import support_vector_machine as svm
from workers.modeler.algorithms.base import Run
from workers.modeler.algorithms.gaussian_evidence import fit_evidence
from workers.modeler.algorithms.kernels import fit_space, gram, mixture

BITS = 512
X, ACTIVITY = features_of_bioactive(40)
CONTINUOUS = np.arange(X.shape[1]) >= BITS
ACTIVE = (np.median(ACTIVITY) <= ACTIVITY).astype(int)
RUN = Run(7, 1, CONTINUOUS)

ON_MOLECULES = [row.code for row in ALGORITHMS if row.kind in ("kernel", "neighbours")]
WITH_LIMIT = [row.code for row in ALGORITHMS if row.kind == "kernel"]


def fitted(code: str, y: np.ndarray | None = None, x: np.ndarray = X, **given: Any) -> Any:
    algorithm = ALGORITHMS.get(code)
    if y is None:
        y = ACTIVITY if algorithm.task == "regression" else ACTIVE
    return algorithm.fit(x, y, algorithm.resolve(given), RUN)


def similarities(model: Expansion | Any, x: np.ndarray) -> np.ndarray:
    """Of rows to all training rows, as bundles compute them."""
    space = fit_space(X, CONTINUOUS)
    return References(space.encode(X)).similarities(space.encode(x), model.mixture)


def others() -> np.ndarray:
    """Rows between the training rows."""
    rng = np.random.default_rng(2)
    one, other = rng.integers(len(X), size=(2, 30))
    return np.where(rng.random((30, X.shape[1])) < 0.5, X[one], X[other]).astype(np.float32)


@pytest.mark.parametrize("code", ON_MOLECULES)
def test_the_dense_products_of_the_estimator_are_what_bundles_compute_from_bits(code: str) -> None:
    algorithm, estimator = ALGORITHMS.get(code), fitted(code)
    predictor = ESTIMATORS.get(algorithm.kind).load(
        algorithm.export(estimator, X.shape[1]), X.shape[1], True
    )
    found = predictor(others())
    assert np.allclose(found, algorithm.outputs(estimator, others()), rtol=0, atol=1e-10)
    assert np.std(found[:, -1]) > 0


def test_tanimoto_matrices_are_those_of_rdkit() -> None:
    space = fit_space(X[:, :BITS], None)
    mix = mixture(space, kernel_ridge.REGRESSOR.resolve({"kernel": "tanimoto"}))
    vectors = [DataStructs.CreateFromBitString("".join(str(int(b)) for b in row[:BITS])) for row in X]
    wanted = [DataStructs.BulkTanimotoSimilarity(vector, vectors) for vector in vectors]
    assert np.allclose(gram(mix, space.encode(X[:, :BITS]), space.encode(X[:, :BITS])), wanted, atol=1e-15)


def test_descriptors_are_numbers_even_where_they_are_whole_and_scaled_bits_are_no_bits() -> None:
    assert fit_space(X, CONTINUOUS).fingerprint.tolist() == list(range(BITS))
    scaled = X.copy()
    scaled[:, :BITS] -= X[:, :BITS].mean(axis=0)
    assert not set(np.flatnonzero(X[:, :BITS].std(axis=0) > 0)) & set(
        fit_space(scaled, CONTINUOUS).fingerprint.tolist()
    )


def test_the_units_of_a_descriptor_do_not_matter() -> None:
    other = X.copy()
    other[:, BITS:] = (X[:, BITS:].astype(np.float64) * 64 + 8).astype(np.float32)
    one, same = fit_space(X, CONTINUOUS).encode(X), fit_space(other, CONTINUOUS).encode(other)
    assert np.mean(one.grid != same.grid) < 0.01


@pytest.mark.parametrize(
    ("columns", "kernel", "terms"),
    [
        (slice(None), "sum", (0.25, 0.75, 0.0)),
        (slice(None), "product", (0.0, 0.0, 1.0)),
        (slice(None), "tanimoto", (1.0, 0.0, 0.0)),
        (slice(None), "gaussian", (0.0, 1.0, 0.0)),
        (slice(0, BITS), "gaussian", (1.0, 0.0, 0.0)),
        (slice(0, BITS), "sum", (1.0, 0.0, 0.0)),
        (slice(BITS, None), "product", (0.0, 1.0, 0.0)),
    ],
)
def test_where_there_are_columns_of_one_sort_the_kernel_is_of_that_sort(
    columns: slice, kernel: str, terms: tuple[float, ...]
) -> None:
    space = fit_space(X[:, columns], CONTINUOUS[columns])
    given = kernel_ridge.REGRESSOR.resolve({"kernel": kernel, "tanimoto_share": 0.25})
    mix = mixture(space, given)
    assert (mix.tanimoto, mix.gaussian, mix.product) == terms


def test_kernel_ridge_is_that_of_scikit_learn() -> None:
    model = fitted("kernelridgeregressor", alpha=0.3)
    oracle = KernelRidge(alpha=0.3, kernel="precomputed")
    oracle.fit(similarities(model.expansion, X), ACTIVITY - ACTIVITY.mean())
    wanted = oracle.predict(similarities(model.expansion, others())) + ACTIVITY.mean()
    assert np.allclose(model.predict(others()), wanted, rtol=1e-9)


def test_support_vector_regression_is_that_of_scikit_learn_on_the_standardized_target() -> None:
    model = fitted("supportvectormachineregressor", C=2.0, epsilon=0.2)
    mean, unit = ACTIVITY.mean(), ACTIVITY.std()
    oracle = SVR(kernel="precomputed", C=2.0, epsilon=0.2)
    oracle.fit(similarities(model.expansion, X), (ACTIVITY - mean) / unit)
    wanted = oracle.predict(similarities(model.expansion, others())) * unit + mean
    assert np.allclose(model.predict(others()), wanted, rtol=1e-9)
    assert len(model.expansion.rows) == len(oracle.support_)


def test_where_no_molecule_is_beyond_epsilon_the_mean_of_the_ends_is_predicted() -> None:
    model = fitted("supportvectormachineregressor", epsilon=10.0)
    assert np.ptp(model.predict(others())) == 0.0
    assert np.abs(model.predict(others())[0] - ACTIVITY).max() <= 10.0 * ACTIVITY.std()
    assert len(Expansion.unpack(model.expansion.pack(), X.shape[1]).rows) == 1


@pytest.mark.parametrize("weight", ["balanced", "none"])
def test_the_order_of_a_classifiers_probabilities_is_that_of_scikit_learns_decisions(weight: str) -> None:
    few = (np.quantile(ACTIVITY, 0.75) <= ACTIVITY).astype(int)
    model = fitted("supportvectormachineclassifier", few, C=2.0, class_weight=weight)
    oracle = SVC(kernel="precomputed", C=2.0, class_weight=None if weight == "none" else weight)
    oracle.fit(similarities(model.expansion, X), few)
    decision = oracle.decision_function(similarities(model.expansion, others()))
    probability = model.predict_proba(others())[:, 1]
    log_odds = np.log(probability / (1 - probability))
    link = model.expansion.link
    assert np.allclose(log_odds, link.slope[0] * decision + link.offset[0], rtol=1e-6)


def test_the_mean_of_a_gaussian_process_is_that_of_scikit_learn() -> None:
    x, algorithm = X[:, BITS:], gaussian_process.REGRESSOR
    model = algorithm.fit(x, ACTIVITY, algorithm.resolve({}), Run(7, 1, CONTINUOUS[BITS:]))
    space = model.expansion.space
    mean, unit = ACTIVITY.mean(), ACTIVITY.std()
    found = fit_evidence(space, space.encode(x), (ACTIVITY - mean) / unit)
    assert found.mixture == model.expansion.mixture
    gaussian = ConstantKernel(found.mixture.gaussian) * RBF(1 / np.sqrt(2 * found.mixture.gamma))
    linear = ConstantKernel(found.mixture.linear, (1e-12, 1.0)) * DotProduct(1e-9)
    oracle = GaussianProcessRegressor(gaussian + linear, alpha=found.noise, optimizer=None)
    oracle.fit(space.encode(x).grid.astype(float), ACTIVITY - mean)
    wanted = oracle.predict(space.encode(others()[:, BITS:]).grid.astype(float)) + mean
    assert np.allclose(model.predict(others()[:, BITS:]), wanted, rtol=1e-6)


def test_a_gaussian_process_finds_the_noise_and_the_scale_of_what_it_is_given() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(400, 3)).astype(np.float32)
    space = fit_space(x, np.ones(3, bool))
    clean = np.sin(1.5 * x[:, 0]) + 0.5 * x[:, 1]
    y = clean / clean.std() + rng.normal(scale=0.3, size=400)
    found = fit_evidence(space, space.encode(x), (y - y.mean()) / y.std())
    assert np.sqrt(found.noise) * y.std() == pytest.approx(0.3, rel=0.15)


@pytest.mark.parametrize("code", ["gaussianprocessregressor", "kernelridgeregressor"])
def test_predictions_go_with_the_units_of_the_target(code: str) -> None:
    one, other = fitted(code), fitted(code, ACTIVITY * 1000 - 5)
    assert np.allclose(other.predict(others()), one.predict(others()) * 1000 - 5, rtol=1e-5)


def test_the_laplace_approximation_is_that_of_scikit_learn() -> None:
    space = fit_space(X, CONTINUOUS)
    grid = space.encode(X).grid.astype(float)
    kernel = ConstantKernel(4.0, "fixed") * RBF(400.0, "fixed")
    oracle = GaussianProcessClassifier(kernel, optimizer=None, max_iter_predict=500).fit(grid, ACTIVE)
    coefficients, likelihood = gaussian_process.laplace(kernel(grid), ACTIVE == 1, 0.0)
    assert likelihood == pytest.approx(oracle.log_marginal_likelihood(), rel=1e-6)
    # At the mode the coefficients are the slopes of the likelihood.
    assert np.allclose(coefficients, ACTIVE - oracle.base_estimator_.pi_, atol=1e-4)


def test_what_is_said_of_a_row_without_itself_is_what_a_fit_without_it_says() -> None:
    space = fit_space(X, CONTINUOUS)
    similarities = 4.0 * gram(fitted("kernelridgeregressor").expansion.mixture, *[space.encode(X)] * 2)
    coefficients, _ = gaussian_process.laplace(similarities, ACTIVE == 1, 0.3)
    unseen = gaussian_process.left_out(similarities, coefficients, 0.3)
    for row in range(len(X)):
        rest = np.arange(len(X)) != row
        others_only, _ = gaussian_process.laplace(similarities[np.ix_(rest, rest)], ACTIVE[rest] == 1, 0.3)
        assert unseen[row] == pytest.approx(similarities[row, rest] @ others_only + 0.3, abs=0.15)


@pytest.mark.parametrize("code", [code for code in ON_MOLECULES if "classifier" in code])
def test_classes_that_are_rare_are_found_as_well(code: str) -> None:
    few = (np.quantile(ACTIVITY, 0.9) <= ACTIVITY).astype(int)
    given = {"n_neighbors": 1} if code.startswith("nearest") else {}
    model = fitted(code, few, **given)
    assert roc_auc_score(few, model.predict_proba(X)[:, 1]) > 0.95


@pytest.mark.parametrize("code", [code for code in ON_MOLECULES if "classifier" in code])
def test_a_class_of_one_molecule_is_a_class(code: str) -> None:
    lonely = ACTIVE.copy()
    lonely[0] = 2
    model = fitted(code, lonely)
    found = model.predict_proba(others())
    assert found.shape == (30, 3)
    assert np.isfinite(found).all()
    assert np.allclose(found.sum(axis=1), 1.0)


@pytest.mark.slow
@pytest.mark.parametrize("code", WITH_LIMIT)
def test_with_every_molecule_as_a_landmark_what_is_beyond_the_limit_is_learned_as_well(
    code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = ALGORITHMS.get(code).outputs(fitted(code), others())
    for module, name in (
        (kernel_ridge, "MAX_RECORDS"),
        (svm, "MAX_RECORDS"),
        (gaussian_process, "MAX_CLASSIFIED"),
    ):
        monkeypatch.setattr(module, name, 10)
    approximate = ALGORITHMS.get(code).outputs(fitted(code, landmarks=40), others())
    least = {"kernelridgeregressor": 0.9999, "gaussianprocessregressor": 0.9999}.get(code, 0.97)
    assert np.corrcoef(exact[:, -1], approximate[:, -1])[0, 1] > least
    few = fitted(code, landmarks=12).expansion
    assert len(few.rows) == 12


@pytest.mark.parametrize("code", WITH_LIMIT)
def test_an_algorithm_whose_cost_grows_with_the_square_says_what_is_done_beyond(code: str) -> None:
    algorithm = ALGORITHMS.get(code)
    assert algorithm.max_records is not None
    assert algorithm.max_records >= 5_000
    assert "landmarks" in algorithm.beyond


@pytest.mark.slow
@pytest.mark.parametrize("code", ON_MOLECULES)
def test_the_part_of_the_bundle_is_the_same_with_any_number_of_threads(code: str) -> None:
    """Of enough rows for the linear algebra to be shared among threads."""
    rng = np.random.default_rng(6)
    bits, numbers = rng.random((400, 120)) < 0.2, rng.normal(size=(400, 6))
    x = np.concatenate([bits, numbers], axis=1).astype(np.float32)
    algorithm = ALGORITHMS.get(code)
    y = numbers[:, 0] + bits[:, 0] if algorithm.task == "regression" else (numbers[:, 0] > 0).astype(int)
    few = {p.name: 100 for p in algorithm.parameters if p.name == "likelihood_records"}
    parts = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            run = Run(7, threads, np.arange(126) >= 120)
            model = algorithm.fit(x, y, algorithm.resolve(few), run)
            parts.append(algorithm.export(model, x.shape[1]))
    assert parts[0] == parts[1]


@pytest.mark.parametrize("code", ON_MOLECULES)
def test_molecules_of_which_nothing_is_known_are_predicted_the_mean(code: str) -> None:
    """Without any fingerprint bit and any number that differs there is nothing to learn from."""
    same = np.zeros((20, 8), np.float32)
    algorithm = ALGORITHMS.get(code)
    y = np.arange(20) % 2 if algorithm.task == "classification" else np.linspace(0.0, 2.0, 20)
    model = algorithm.fit(same, y, algorithm.resolve({}), Run(7, 1))
    assert np.allclose(algorithm.outputs(model, same)[:, -1], y.mean(), atol=0.1)
