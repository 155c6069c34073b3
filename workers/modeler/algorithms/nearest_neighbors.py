"""Nearest neighbours (Cover and Hart 1967), weighted by similarity; the order of equals is defined."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molfleet.bundles.estimators.neighbours import Neighbourhood, Voting
from workers.modeler.algorithms.base import (
    CLASSIFICATION,
    REGRESSION,
    Algorithm,
    FloatArray,
    Matrix,
    Parameter,
    Run,
)
from workers.modeler.algorithms.class_weights import CLASS_WEIGHT
from workers.modeler.algorithms.kernels import fit_space, gram, mixing, mixture

#: Of more training molecules so many are kept, drawn by lot. Each answer looks at all that are kept: the
#: folds of 100,000 ask some 300,000 times, 2 ms each time of one core with ECFP4.
MAX_RECORDS = 20_000
BEYOND = "beyond, the nearest are those among so many of them, drawn by lot"
#: Similarities that are held at once.
_SIMILARITIES = 1 << 24


def _parameters(count: int, shrinkage: float, share: float, length_scale: float) -> tuple[Parameter, ...]:
    return (
        Parameter("n_neighbors", "integer", count, "Molecules that vote.", 1, 10_000),
        Parameter("power", "number", 8.0, "A neighbour weighs its similarity to this power.", 0.0, 100.0),
        Parameter(
            "shrinkage",
            "number",
            shrinkage,
            "Part that the mean of all training molecules has in what is said.",
            0.0,
            1.0,
        ),
        *mixing(share, length_scale),
    )


class Neighbours:
    """Keeps training rows, at most MAX_RECORDS. `_votes(y)`: the targets [n, d] of all of them, and what
    these say together [d]."""

    def __init__(self, parameters: Mapping[str, Any], run: Run) -> None:
        self._parameters, self._run = parameters, run

    def _votes(self, y: NDArray[Any]) -> tuple[FloatArray, FloatArray]:
        values = np.asarray(y, np.float64)
        return values[:, np.newaxis], np.array([values.mean()])

    def fit(self, x: Matrix, y: NDArray[Any]) -> Neighbours:
        space = fit_space(x, self._run.continuous)
        targets, prior = self._votes(y)
        kept = _kept(len(x), self._run.seed)
        voting = Voting(
            targets=targets[kept],
            prior=prior,
            count=self._parameters["n_neighbors"],
            power=self._parameters["power"],
            shrinkage=self._parameters["shrinkage"],
            probabilities=len(prior) > 1,
        )
        mix = mixture(space, self._parameters)
        self.neighbourhood = Neighbourhood(space, space.encode(x[kept]), mix, voting)
        return self

    def _vote(self, x: Matrix) -> FloatArray:
        model = self.neighbourhood
        outputs = np.empty((len(x), len(model.voting.prior)))
        step = max(1, _SIMILARITIES // len(model.rows))
        for start in range(0, len(x), step):
            similarities = gram(model.mixture, model.space.encode(x[start : start + step]), model.rows)
            for row, similarity in enumerate(similarities, start):
                outputs[row] = model.voting(similarity)
        return outputs


def _kept(count: int, seed: int) -> NDArray[np.int64] | slice:
    if count <= MAX_RECORDS:
        return slice(None)
    return np.sort(np.random.default_rng(seed).choice(count, MAX_RECORDS, replace=False))


class NeighboursRegressor(Neighbours):
    def predict(self, x: Matrix) -> FloatArray:
        return self._vote(x)[:, 0]


class NeighboursClassifier(Neighbours):
    """A molecule's vote for its class counts as much as classes of equal sizes would make it count."""

    def _votes(self, y: NDArray[Any]) -> tuple[FloatArray, FloatArray]:
        self.classes_, numbers = np.unique(y, return_inverse=True)
        sizes = np.bincount(numbers)
        balanced = self._parameters["class_weight"] == "balanced"
        weights = len(y) / (len(sizes) * sizes) if balanced else np.ones(len(sizes))
        prior = sizes * weights
        return np.eye(len(sizes))[numbers] * weights, prior / prior.sum()

    def predict_proba(self, x: Matrix) -> FloatArray:
        return self._vote(x)

    def predict(self, x: Matrix) -> NDArray[Any]:
        return np.asarray(self.classes_[np.argmax(self._vote(x), axis=1)])


def _export(estimator: Neighbours, n_features: int) -> bytes:
    return estimator.neighbourhood.pack()


CLASSIFIER = Algorithm(
    code="nearestneighborsclassifier",
    family="nearestneighbors",
    display_name="Nearest neighbors classifier",
    task=CLASSIFICATION,
    parameters=(*_parameters(20, 0.05, 0.7, 1.5), CLASS_WEIGHT),
    build=NeighboursClassifier,
    export=_export,
    kind="neighbours",
    any_block=True,
    scales=True,
    max_records=MAX_RECORDS,
    beyond=BEYOND,
)
REGRESSOR = Algorithm(
    code="nearestneighborsregressor",
    family="nearestneighbors",
    display_name="Nearest neighbors regressor",
    task=REGRESSION,
    parameters=_parameters(12, 0.0, 0.2, 0.7),
    build=NeighboursRegressor,
    export=_export,
    kind="neighbours",
    any_block=True,
    scales=True,
    max_records=MAX_RECORDS,
    beyond=BEYOND,
)
