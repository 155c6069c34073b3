from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import check_grad, minimize

from workers.modeler.algorithms.gaussian_evidence import _Figures
from workers.modeler.algorithms.kernel_ridge import REGRESSOR
from workers.modeler.algorithms.kernel_solvers import (
    Landmarks,
    Loss,
    logistic,
    newton,
    sigmoid,
    squared_hinge,
    squared_insensitive,
)
from workers.modeler.algorithms.kernels import fit_space, gram, mixture

RNG = np.random.default_rng(8)
FEATURES = RNG.normal(size=(60, 4))
VALUES = FEATURES @ [1.0, -2.0, 0.5, 0.0] + RNG.normal(size=60) + 0.7
POSITIVE = VALUES > 0
SIGNS = np.where(POSITIVE, 1.0, -1.0)
LOSSES = {
    "logistic": logistic(RNG.uniform(size=60)),
    "squared hinge": squared_hinge(SIGNS, RNG.uniform(0.5, 2.0, 60)),
    "squared insensitive": squared_insensitive(VALUES, 1.5, 0.2),
}
every_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES.keys())


@every_loss
def test_newtons_method_ends_where_a_general_minimizer_does(loss: Loss) -> None:
    def objective(point: np.ndarray) -> float:
        return 0.5 * float(point[:-1] @ point[:-1]) + loss(FEATURES @ point[:-1] + point[-1])[0]

    wanted = minimize(objective, np.zeros(5), method="BFGS", options={"gtol": 1e-7}).x
    weights, intercept = newton(FEATURES, loss)
    assert np.allclose([*weights, intercept], wanted, atol=1e-4)


@every_loss
def test_slopes_are_those_of_the_loss_and_curvatures_those_of_the_slopes(loss: Loss) -> None:
    at = RNG.normal(size=60)
    assert check_grad(lambda f: loss(f)[0], lambda f: loss(f)[1], at) < 1e-4
    step = 1e-6
    measured = (loss(at + step)[1] - loss(at - step)[1]) / (2 * step)
    assert np.allclose(loss(at)[2], measured, atol=1e-4)


def test_platts_sigmoid_is_the_likeliest_for_targets_that_are_drawn_in() -> None:
    decisions = VALUES + RNG.normal(size=60)
    ones, zeros = POSITIVE.sum(), (~POSITIVE).sum()
    targets = np.where(POSITIVE, (ones + 1) / (ones + 2), 1 / (zeros + 2))

    def loss(point: np.ndarray) -> float:
        f = point[0] * decisions + point[1]
        return float(np.sum(np.logaddexp(0, f) - targets * f))

    assert sigmoid(decisions, POSITIVE) == pytest.approx(tuple(minimize(loss, [1.0, 0.0]).x), rel=1e-3)


def test_decisions_that_are_wrong_on_unseen_rows_are_not_turned_round() -> None:
    slope, offset = sigmoid(-VALUES, POSITIVE)
    assert slope == 0.0
    assert np.isfinite(offset)


def mixed_rows(count: int) -> tuple[np.ndarray, np.ndarray]:
    bits = (RNG.random((count, 30)) < 0.3).astype(np.float32)
    numbers = RNG.normal(size=(count, 3)).astype(np.float32)
    return np.concatenate([bits, numbers], axis=1), np.arange(33) >= 30


def test_inner_products_of_landmark_features_are_the_landmarks_similarities() -> None:
    x, continuous = mixed_rows(50)
    space = fit_space(x, continuous)
    rows, mix = space.encode(x), mixture(space, REGRESSOR.resolve({}))
    chosen = Landmarks.chosen(rows, mix, 20, seed=3)
    features = chosen.features(chosen.rows)
    assert np.allclose(features @ features.T, gram(mix, chosen.rows, chosen.rows), atol=1e-4)
    assert np.allclose(chosen.all_features(rows), chosen.features(rows), atol=1e-5)
    weights = RNG.normal(size=20)
    by_similarity = gram(mix, rows, chosen.rows) @ chosen.coefficients(weights)
    assert np.allclose(chosen.features(rows) @ weights, by_similarity, atol=1e-8)


def test_landmarks_are_drawn_with_the_seed() -> None:
    x, continuous = mixed_rows(50)
    space = fit_space(x, continuous)
    rows, mix = space.encode(x), mixture(space, REGRESSOR.resolve({}))
    one, same, other = (Landmarks.chosen(rows, mix, 20, seed).rows.grid for seed in (3, 3, 4))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_the_gradient_of_the_evidence_is_that_of_the_evidence() -> None:
    x, continuous = mixed_rows(40)
    space = fit_space(x, continuous)
    figures, y = _Figures(space, space.encode(x)), RNG.normal(size=40)
    for _ in range(3):
        point = figures.start() + RNG.normal(scale=0.5, size=len(figures.start()))
        error = check_grad(lambda p: figures.loss(p, y)[0], lambda p: figures.loss(p, y)[1], point)
        assert error < 1e-3
