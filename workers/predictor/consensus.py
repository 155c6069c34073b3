"""What several models say together: mean or weighted mean of values or probabilities."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from molfleet.bundles.manifest import Manifest
from molfleet.catalogue import Catalogue
from molfleet.errors import Code, Rejected


class Answer(NamedTuple):
    """One model's answer: `value` in its units or None, `probabilities` in the order of its labels."""

    manifest: Manifest
    value: float | None
    probabilities: tuple[float, ...]
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Combined:
    """`value` and `std` in `units`; `label` for classification; `models` = how many took part."""

    value: float | None
    std: float | None
    label: str | None
    units: str | None
    models: int


def combine(answers: Sequence[Answer]) -> Combined | None:
    """The consensus; None without an answer, or where tasks, units or labels differ.

    `std` is the sample standard deviation, None for one model (with weights w that sum to 1:
    sqrt(sum w (x - mean)^2 / (1 - sum w^2)), which is the same for equal weights).
    """
    if not answers or not _comparable(answers):
        return None
    total = sum(answer.weight for answer in answers)
    weights = [answer.weight / total for answer in answers]
    first = answers[0].manifest
    values = [answer.value for answer in answers]
    known = [value for value in values if value is not None]
    value = std = None
    if len(known) == len(values):
        value = sum(weight * one for weight, one in zip(weights, known, strict=True))
        std = _std(known, weights, value)
    return Combined(value, std, _label(answers, weights), first.units, len(answers))


def _comparable(answers: Sequence[Answer]) -> bool:
    meanings = {
        (one.manifest.task, one.manifest.units, frozenset(one.manifest.labels), one.manifest.positive_label)
        for one in answers
    }
    return len(meanings) == 1


def _std(values: Sequence[float], weights: Sequence[float], mean: float) -> float | None:
    freedom = 1.0 - sum(weight * weight for weight in weights)
    if len(values) < 2 or freedom <= 0:
        return None
    spread = sum(weight * (value - mean) ** 2 for weight, value in zip(weights, values, strict=True))
    return math.sqrt(spread / freedom)


def _label(answers: Sequence[Answer], weights: Sequence[float]) -> str | None:
    labels = answers[0].manifest.labels
    if not labels:
        return None
    sums = dict.fromkeys(labels, 0.0)
    for answer, weight in zip(answers, weights, strict=True):
        for label, probability in zip(answer.manifest.labels, answer.probabilities, strict=True):
            sums[label] += weight * probability
    return max(labels, key=lambda label: sums[label])


@dataclass(frozen=True)
class ConsensusRow:
    """One way to combine: `weight(manifest)` is the model's weight before they are made to sum to 1."""

    code: str
    weight: Callable[[Manifest], float]
    aliases: tuple[str, ...] = ()


def _by_validation(manifest: Manifest) -> float:
    """1 / RMSE^2 (inverse variance) or AUC - 0.5, over the validation folds.

    Raises Rejected(INVALID_COMMAND) where the model has no such figure.
    """
    name = "RMSE" if manifest.task == "regression" else "AUC"
    for metric in manifest.metrics:
        if metric.name.upper() == name and metric.subset == "validation" and metric.fold is None:
            if name == "RMSE" and metric.value > 0:
                return 1.0 / metric.value**2
            if name == "AUC" and math.isfinite(metric.value):
                return max(metric.value - 0.5, 0.01)
    raise Rejected(
        Code.INVALID_COMMAND,
        f"consensus cannot be weighted: the model {manifest.name} has no {name} over validation folds.",
        details={"field": "consensus", "model": manifest.id},
    )


CONSENSUS = Catalogue(
    "consensus",
    (ConsensusRow("mean", lambda manifest: 1.0), ConsensusRow("weighted", _by_validation)),
)
