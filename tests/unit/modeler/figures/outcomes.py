"""Outcomes to draw: random ones, and those in which something is missing or all the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.unit.modeler.figures.samples import fingerprint, molecules
from workers.modeler.figures import CROSS_VALIDATION, TEST, Outcome, Unseen
from workers.modeler.importance import Column, Importance, columns_of
from workers.modeler.substructures import environments_of

FEW = 40


def values(count: int = FEW, folds: int = 3, *, test: bool = True, seed: int = 0, **fields: Any) -> Outcome:
    """A regression of so many records."""
    rng = np.random.default_rng(seed)
    actual = rng.normal(size=count)
    outputs = (actual + rng.normal(size=count) / 2)[:, np.newaxis]
    judged = Unseen(
        actual,
        outputs,
        _folds(rng, count, folds, test),
        rng.random(count),
        outputs[:, 0] - 0.5,
        outputs[:, 0] + 0.5,
    )
    return Outcome(
        "regression", fields.pop("target", "activity"), (), _subsets(judged), **{**_known(), **fields}
    )


def classes(
    number: int = 2, count: int = FEW, folds: int = 3, *, test: bool = True, seed: int = 0, **fields: Any
) -> Outcome:
    """A classification with so many classes."""
    rng = np.random.default_rng(seed)
    actual = rng.integers(0, number, count)
    raw = rng.random((count, number)) + 1e-3
    raw[np.arange(count), actual] += 0.5
    outputs = raw / raw.sum(axis=1, keepdims=True)
    judged = Unseen(actual, outputs, _folds(rng, count, folds, test), rng.random(count))
    labels = fields.pop("labels", tuple(f"class {label}" for label in range(number)))
    return Outcome(
        "classification", fields.pop("target", "active"), labels, _subsets(judged), **{**_known(), **fields}
    )


def changed(outcome: Outcome, change: Callable[[Unseen], Unseen]) -> Outcome:
    """The same with every subset changed."""
    subsets = {name: change(part) for name, part in outcome.subsets.items()}
    return Outcome(
        outcome.task,
        outcome.target,
        outcome.labels,
        subsets,
        importances=outcome.importances,
        environments=outcome.environments,
    )


def _folds(rng: np.random.Generator, count: int, folds: int, test: bool) -> Any:
    dealt = rng.permutation(count) % folds
    if test:
        dealt[: count // 4] = -1
    return dealt


def _subsets(judged: Unseen) -> dict[str, Unseen]:
    assert judged.folds is not None
    parts = {CROSS_VALIDATION: judged.take(judged.folds >= 0), TEST: judged.take(judged.folds < 0)}
    return {name: part for name, part in parts.items() if len(part)}


def _known() -> dict[str, Any]:
    """Importances of three bits and a descriptor, and the substructures of those bits."""
    smiles, features, featurizer = molecules(), fingerprint().features, fingerprint().featurizer
    columns = columns_of([featurizer])
    common = np.argsort(-features.sum(axis=0), kind="stable")[3:6]
    items = [
        Importance(int(at), columns[at], 0.3 - 0.1 * place, 1 - place, int(features[:, at].sum()))
        for place, at in enumerate(common)
    ]
    weight = Column("DESC", "DESC", "descriptors", 0, "MolWt")
    items.append(Importance(featurizer.size, weight, 0.05, 1, len(smiles)))
    return {"importances": items, "environments": environments_of(items[:3], smiles, features)}
