"""Several estimators that make one model: each on its own columns, their outputs put together.

Members of one group are combined: by a weighted mean, or by what a stacking or blending has learned.
Groups (the models of cross-validation folds) are averaged. All of it float64; a row's outputs never
depend on the other rows of a call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from molfleet.bundles.arrays import Array
from molfleet.bundles.estimators import Outputs, Predictor
from molfleet.bundles.features import Matrix
from molfleet.bundles.preparation import Preparation
from molfleet.bundles.probability import softmax
from molfleet.catalogue import Catalogue

#: Probabilities are kept from 0 and 1 by so much before their logarithm is taken.
_EDGE = 1e-6


@dataclass(frozen=True)
class Member:
    """One estimator: `center + scale x output` of the prepared features, `weight` in a mean.

    `preparation` None: that of the whole model.
    """

    predictor: Predictor
    weight: float = 1.0
    center: float = 0.0
    scale: float = 1.0
    preparation: Preparation | None = None

    def outputs(self, prepared: Matrix) -> Outputs:
        """[n, 1 or labels] of prepared float32 features [n, width]."""
        raw = self.predictor(prepared)
        return raw if (self.center, self.scale) == (0.0, 1.0) else self.center + self.scale * raw


#: From the members' outputs, [members, n, outputs], and weights, [members], to one, [n, outputs].
Combine = Callable[[Outputs, Array], Outputs]


@dataclass(frozen=True)
class Combination:
    """One row: `load(arrays, members, outputs)` raises ValueError where the arrays do not fit."""

    code: str
    load: Callable[[Mapping[str, Array], int, int], Combine]
    aliases: tuple[str, ...] = ()


def _mean(arrays: Mapping[str, Array], members: int, outputs: int) -> Combine:
    return lambda stack, weights: _weighted(stack, weights / weights.sum())


def _linear(arrays: Mapping[str, Array], members: int, outputs: int) -> Combine:
    """A value as intercept plus weighted members."""
    weights, intercept = _checked(arrays, (members,), (1,))
    return lambda stack, _: intercept + _weighted(stack, weights)


def _weighted(stack: Outputs, weights: Array) -> Outputs:
    """Summed one by one: a reduction's last digits would depend on the number of rows."""
    total: Outputs = weights[0] * stack[0]
    for weight, outputs in zip(weights[1:], stack[1:], strict=True):
        total += weight * outputs
    return total


def _logistic(arrays: Mapping[str, Array], members: int, outputs: int) -> Combine:
    """Softmax over labels of a linear function of the members' log probabilities, centred per member."""
    weights, intercept = _checked(arrays, (outputs, members, outputs), (outputs,))

    def combine(stack: Outputs, _: Array) -> Outputs:
        scores = np.broadcast_to(intercept, stack.shape[1:]).copy()
        for member, logs in enumerate(log_ratios(stack)):
            for label in range(outputs):
                scores += logs[:, label, np.newaxis] * weights[:, member, label]
        return softmax(scores)

    return combine


def log_ratios(probabilities: Outputs) -> Outputs:
    """Centred log ratios of [..., labels]: what a logistic combination is linear in."""
    logs = np.log(np.clip(probabilities, _EDGE, 1 - _EDGE))
    return np.asarray(logs - logs.mean(axis=-1, keepdims=True))


def _checked(
    arrays: Mapping[str, Array], weights: tuple[int, ...], intercept: tuple[int, ...]
) -> tuple[Array, Array]:
    found = arrays.get("weights"), arrays.get("intercept")
    if (
        found[0] is None
        or found[1] is None
        or found[0].shape != weights
        or found[1].shape != intercept
        or not (np.isfinite(found[0]).all() and np.isfinite(found[1]).all())
    ):
        raise ValueError(
            f"weights {weights} and intercept {intercept} are not finite arrays of these shapes"
        )
    return found[0].astype(np.float64), found[1].astype(np.float64)


COMBINATIONS = Catalogue(
    "combination",
    (
        Combination("mean", _mean),
        Combination("linear", _linear),
        Combination("logistic", _logistic),
    ),
)


class Group:
    """Members and how their outputs become one. Raises ValueError, and Rejected for an unknown kind."""

    def __init__(
        self, members: Sequence[Member], outputs: int, kind: str = "mean", arrays: Mapping[str, Array] = {}
    ) -> None:
        self.members = tuple(members)
        self._outputs = outputs
        self._weights = np.array([member.weight for member in members], np.float64)
        self._combine = COMBINATIONS.get(kind).load(arrays, len(members), outputs)

    def __call__(self, features: Matrix, prepared: Matrix | None = None) -> Outputs:
        """[n, outputs] of unprepared features; `prepared`: these after the whole model's preparation."""
        found = []
        for member in self.members:
            if member.preparation is not None:
                ready = member.preparation.float32(features)
            else:
                ready = features if prepared is None else prepared
            outputs = member.outputs(ready)
            if outputs.shape != (len(features), self._outputs):
                raise ValueError(f"an estimator gives {outputs.shape[1]} outputs, not {self._outputs}")
            found.append(outputs)
        return self._combine(np.stack(found), self._weights)


def mean_of(groups: Sequence[Group], features: Matrix, prepared: Matrix | None = None) -> Outputs:
    """The groups' outputs averaged, [n, outputs]."""
    total = groups[0](features, prepared)
    if len(groups) == 1:
        return total
    total = total.copy()
    for group in groups[1:]:
        total += group(features, prepared)
    return total / len(groups)
