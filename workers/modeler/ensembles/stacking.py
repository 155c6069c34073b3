"""Stacked generalization (Wolpert 1992): a small model learns how much to trust each of several methods.

It learns from predictions for records that the methods had not seen: of inner folds (stacking), or of
one part that is held out (blending). Values: non-negative weights (Breiman, Machine Learning 24 (1996) 49)
and an intercept; classes: logistic regression on the log ratios of the probabilities.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from molfleet.bundles.composition import log_ratios
from workers.modeler.algorithms.base import CLASSIFICATION, Parameter, Task
from workers.modeler.ensembles.base import Arrays, Ensemble, Held, Inner
from workers.modeler.splits import Indices

#: Inverse strength of the penalty that keeps the combination's weights small.
_C = 1.0


def _folds(parameters: Mapping[str, Any], inner: Inner, rows: Indices) -> list[tuple[Indices, Indices]]:
    partition = inner(rows, 0.0, parameters["inner_folds"])
    return [
        (partition.training_of(fold), partition.validation_of(fold)) for fold in range(partition.k_fold)
    ]


def _holdout(parameters: Mapping[str, Any], inner: Inner, rows: Indices) -> list[tuple[Indices, Indices]]:
    partition = inner(rows, parameters["holdout"], 2)
    return [(partition.training, partition.test)]


def _combination(task: Task) -> str:
    return "logistic" if task == CLASSIFICATION else "linear"


def _learn(held: Held) -> Arrays:
    return _logistic(held) if held.task == CLASSIFICATION else _linear(held)


def _linear(held: Held) -> Arrays:
    from scipy.optimize import nnls

    members = held.outputs[:, :, 0].T
    center, middle = members.mean(axis=0), float(held.values.mean())
    weights, _ = nnls(members - center, held.values - middle)
    return {"weights": weights, "intercept": np.array([middle - float(center @ weights)])}


def _logistic(held: Held) -> Arrays:
    from sklearn.linear_model import LogisticRegression

    members, rows, labels = held.outputs.shape
    inputs = log_ratios(held.outputs).transpose(1, 0, 2).reshape(rows, members * labels)
    model = LogisticRegression(C=_C, max_iter=1_000).fit(inputs, held.values)
    coefficients, intercept = model.coef_, model.intercept_
    if labels == 2:  # one function for the positive class: half of it up, half of it down
        coefficients = np.vstack([-coefficients / 2, coefficients / 2])
        intercept = np.concatenate([-intercept / 2, intercept / 2])
    return {"weights": coefficients.reshape(labels, members, labels), "intercept": intercept}


STACKING = Ensemble(
    code="stacking",
    display_name="Stacking ensemble",
    parameters=(
        Parameter("inner_folds", "integer", 3, "Folds in which the members are learned from.", 2, 10),
    ),
    parts=_folds,
    combination=_combination,
    learn=_learn,
)
BLENDING = Ensemble(
    code="blending",
    display_name="Blending ensemble",
    parameters=(
        Parameter("holdout", "number", 0.2, "Part of the records that members are judged on.", 0.05, 0.5),
    ),
    parts=_holdout,
    combination=_combination,
    learn=_learn,
)
