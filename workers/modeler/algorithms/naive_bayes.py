"""Naive Bayes on what a column is above: the predecessor's BernoulliNB, for descriptors as well.

A fingerprint's column asks one question, whether the feature is there, and the model is scikit-learn's
BernoulliNB. A descriptor's column asks whether the value is above each of its quantiles, and the classes'
probabilities of the bins are counted; that beats a normal distribution per class wherever the values
have none (Dougherty, Kohavi and Sahami, ICML 1995), and knows no outliers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from workers.modeler.algorithms.base import (
    CLASSIFICATION,
    INPUT_NAME,
    Algorithm,
    FloatArray,
    Matrix,
    Parameter,
    Run,
)
from workers.modeler.algorithms.class_weights import CLASS_WEIGHT
from workers.modeler.algorithms.onnx_graphs import Graph

#: Rows that are turned into answers at once; bounds the memory.
_ROWS = 4_096
#: Parts that the temperature is found with, each predicted by a model of the others.
_PARTS = 5


class BinnedNaiveBayes:
    """Classes 0..k-1 from the answers to `x[:, columns] > edges`, float32 (questions,) each.

    `weights` float64 [questions, k] are what a yes adds to the log of each class's probability, and
    `bias` [k] the log of all noes; their softmax, after division by `temperature`, is predicted. Columns
    that say the same again and again make naive Bayes far too sure, up to probabilities that are 1 to
    all digits and cannot be ranked; the temperature under which models of parts of the rows predict the
    others best makes up for that.
    """

    def __init__(
        self,
        *,
        alpha: float,
        bins: int,
        balanced: bool,
        temperature: float | None,
        continuous: NDArray[np.bool_] | None,
        seed: int,
    ) -> None:
        self._alpha, self._bins, self._balanced = alpha, bins, balanced
        self._temperature, self._continuous, self._seed = temperature, continuous, seed

    def fit(self, x: Matrix, y: NDArray[Any]) -> BinnedNaiveBayes:
        self.classes_ = np.unique(y)
        self.columns, self.edges = _questions(x, _continuous(x, self._continuous), self._bins)
        self._first = np.append(True, self.columns[1:] != self.columns[:-1])
        members = np.equal.outer(self.classes_, y)
        parts = np.random.default_rng((self._seed, _PARTS)).integers(_PARTS, size=len(y))
        yes = np.stack([self._counts(x, members & (parts == part)) for part in range(_PARTS)])
        sizes = np.stack([(members & (parts == part)).sum(axis=1) for part in range(_PARTS)])
        self.weights, self.bias = self._model(yes.sum(axis=0), sizes.sum(axis=0))
        self.temperature = self._temperature or self._best_temperature(x, y, parts, yes, sizes)
        return self

    def _counts(self, x: Matrix, members: NDArray[np.bool_]) -> FloatArray:
        """Yeses [classes, questions] of `members` [classes, rows]."""
        counts = np.zeros((len(members), len(self.columns)))
        for begin in range(0, len(x), _ROWS):
            part = slice(begin, begin + _ROWS)
            chosen = members[:, part]
            rows = chosen.any(axis=0)
            answers = self._answers(x[part][rows]).astype(np.float32)
            counts += chosen[:, rows].astype(np.float32) @ answers
        return counts

    def _answers(self, x: Matrix) -> NDArray[np.bool_]:
        return np.asarray(x[:, self.columns] > self.edges)

    def _model(self, yes: FloatArray, sizes: NDArray[Any]) -> tuple[FloatArray, FloatArray]:
        """Weights and bias of the counts: a yes moves a row from its column's bin to the next."""
        first = self._first
        above = np.append(yes[:, 1:], np.zeros((len(yes), 1)), axis=1)
        above[:, np.append(first[1:], True)] = 0.0
        bins = np.add.reduceat(np.ones(len(first)), np.flatnonzero(first)) + 1
        column = np.cumsum(first) - 1
        whole = (sizes + 0.0)[:, None] + self._alpha * bins
        inner = np.log(yes - above + self._alpha) - np.log(whole)[:, column]
        lowest = np.log(sizes[:, None] - yes[:, first] + self._alpha) - np.log(whole)
        before = np.empty_like(inner)
        before[:, 1:] = inner[:, :-1]
        before[:, first] = lowest
        prior = np.zeros(len(yes)) if self._balanced else np.log((sizes + 1.0) / (sizes + 1.0).sum())
        weights, bias = (inner - before).T, lowest.sum(axis=1) + prior
        # Only differences between classes matter; small numbers keep their digits.
        return weights - weights.mean(axis=1, keepdims=True), bias - bias.mean()

    def _best_temperature(
        self, x: Matrix, y: NDArray[Any], parts: NDArray[Any], yes: FloatArray, sizes: NDArray[Any]
    ) -> float:
        logits = np.empty((len(y), len(self.classes_)))
        for part in range(_PARTS):
            others = np.arange(_PARTS) != part
            model = self._model(yes[others].sum(axis=0), sizes[others].sum(axis=0))
            logits[parts == part] = self._logits(x[parts == part], *model)
        actual = np.searchsorted(self.classes_, y)
        shares = np.bincount(actual)[actual] if self._balanced else np.ones(len(y))

        def loss(log_temperature: float) -> float:
            logs = log_softmax(logits / np.exp(log_temperature), axis=1)
            return -float(np.average(logs[np.arange(len(y)), actual], weights=1 / shares))

        found = minimize_scalar(loss, bounds=(0.0, np.log(1_000.0)), method="bounded")
        return float(np.exp(found.x))

    def _logits(self, x: Matrix, weights: FloatArray, bias: FloatArray) -> FloatArray:
        blocks = [
            self._answers(x[begin : begin + _ROWS]).astype(np.float64) @ weights + bias
            for begin in range(0, len(x), _ROWS)
        ]
        return np.concatenate(blocks) if blocks else np.empty((0, len(bias)))

    def predict_proba(self, x: Matrix) -> FloatArray:
        """(rows, classes)."""
        logits = self._logits(x, self.weights, self.bias) / self.temperature
        return np.asarray(np.exp(log_softmax(logits, axis=1)))

    def predict(self, x: Matrix) -> NDArray[Any]:
        return np.asarray(self.classes_[self.predict_proba(x).argmax(axis=1)])


def _continuous(x: Matrix, told: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    """Where nothing is told of the columns, those are bits or counts that are small whole numbers."""
    if told is not None:
        return told
    return ~np.all((x >= 0) & (x < 1_024) & (x == np.floor(x)), axis=0)


def _questions(
    x: Matrix, continuous: NDArray[np.bool_], bins: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Columns and edges: above the lowest value, or above quantiles that are not the highest one."""
    edges = [np.unique(column.min()) for column in x.T]
    shares = np.arange(1, bins) / bins
    for number in np.flatnonzero(continuous):
        quantiles = np.unique(np.quantile(x[:, number], shares, method="lower"))
        below = quantiles < np.max(x[:, number])
        edges[number] = quantiles[below] if below.any() else quantiles
    columns = np.repeat(np.arange(len(edges)), [len(part) for part in edges])
    return columns, np.concatenate(edges).astype(np.float32)


def _build(parameters: Mapping[str, Any], run: Run) -> Any:
    return BinnedNaiveBayes(
        alpha=parameters["alpha"],
        bins=parameters["bins"],
        balanced=parameters["class_weight"] == "balanced",
        temperature=parameters["temperature"],
        continuous=run.continuous,
        seed=run.seed,
    )


def _export(model: Any, n_features: int) -> bytes:
    graph = Graph()
    asked = graph.node("Gather", INPUT_NAME, graph.constant(model.columns), axis=1)
    answers = graph.cast(graph.node("Greater", asked, graph.constant(model.edges)), np.float64)
    logits = graph.affine(answers, model.weights / model.temperature, model.bias / model.temperature)
    return graph.model(graph.node("Softmax", logits, axis=1), n_features, len(model.classes_))


CLASSIFIER = Algorithm(
    code="naivebayesclassifier",
    family="naivebayes",
    display_name="Naive Bayes",
    task=CLASSIFICATION,
    parameters=(
        Parameter("alpha", "number", 0.2, "Rows added to each bin of a column in each class.", 1e-9, 1e6),
        Parameter("bins", "integer", 16, "Bins of a descriptor, as many rows in each.", 2, 256),
        Parameter(
            "temperature",
            "number",
            None,
            "What log-odds are divided by; null: what is best where fifths are predicted from the rest.",
            1.0,
            1e6,
        ),
        CLASS_WEIGHT,
    ),
    build=_build,
    export=_export,
)
