"""Checkpoints are named after all that their fit follows from, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.modeler.support import Directory
from workers.modeler import fits
from workers.modeler.algorithms import ALGORITHMS
from workers.modeler.digests import digest_of
from workers.modeler.ensembles.base import Recipe
from workers.modeler.ensembles.stacking import BLENDING, STACKING
from workers.modeler.fits import Fitter, Problem, Wanted
from workers.modeler.learners import Data, Learner
from workers.modeler.preparation import SCALERS
from workers.modeler.splits import SPLITS, Partition, Samples

RIDGE = ALGORITHMS.get("ridgeregression")
ROWS = np.arange(12)
VALUES = np.linspace(0.0, 1.0, 12)
FEATURES = np.random.default_rng(0).random((12, 4), dtype=np.float32)
SMILES = ["C" * (1 + row) for row in ROWS]

LEARNER = Learner(RIDGE, RIDGE.resolve({}), None, np.array([0, 1]), 1.0)
RECIPE = Recipe("stacking", "Stacking", "regression", [LEARNER, LEARNER], STACKING, {"inner_folds": 3})
SAMPLES = Samples("regression", VALUES, ROWS, SMILES, np.eye(12, 256, dtype=np.uint8), list("aabbccddeeff"))
PROBLEM = Problem(
    recipe=RECIPE,
    data=Data(FEATURES, np.array([True, True, False, False])),
    samples=SAMPLES,
    split=SPLITS.get("stratified"),
    partition=Partition(ROWS % 3, 3),
    perturbed=FEATURES[:2],
    seed=1,
    threads=1,
)

#: Another value for every field of every part of a problem; `threads` has none: it must not matter.
OTHERS: dict[type, dict[str, Any]] = {
    Problem: {
        "recipe": replace(RECIPE, learners=[LEARNER]),
        "data": replace(PROBLEM.data, features=FEATURES + 1),
        "samples": replace(SAMPLES, values=VALUES[::-1]),
        "split": SPLITS.get("scaffold"),
        "partition": Partition(ROWS % 2, 2),
        "perturbed": FEATURES[2:4],
        "seed": 2,
    },
    Data: {
        "features": np.asfortranarray(FEATURES[::-1]),
        "continuous": np.array([True, False, False, False]),
    },
    Samples: {
        "task": "classification",
        "values": VALUES + 1,
        "molecules": ROWS // 2,
        "smiles": SMILES[::-1],
        "ecfp4": np.eye(12, 256, 1, dtype=np.uint8),
        "groups": None,
        "scaffolds": SMILES,
        "together": {"butina": SMILES},
    },
    Partition: {"folds": (ROWS + 1) % 3, "k_fold": 4},
    Recipe: {
        "code": "blending",
        "display_name": "Other",
        "task": "classification",
        "learners": [LEARNER, replace(LEARNER, weight=2.0)],
        "ensemble": BLENDING,
        "parameters": {"inner_folds": 4},
    },
    Learner: {
        "algorithm": ALGORITHMS.get("nearestneighborsregressor"),
        "parameters": RIDGE.resolve({"alpha": 2.5}),
        "scaler": SCALERS.get("standard"),
        "columns": np.array([0, 2]),
        "weight": 2.0,
    },
}


def with_part(part: Any) -> Problem:
    """The problem with another part of that type."""
    if isinstance(part, Learner):
        part = replace(RECIPE, learners=[part, LEARNER])
    names = {Data: "data", Samples: "samples", Partition: "partition", Recipe: "recipe"}
    return part if isinstance(part, Problem) else replace(PROBLEM, **{names[type(part)]: part})


def variants() -> Iterator[Any]:
    parts = {
        type(part): part for part in (PROBLEM, PROBLEM.data, SAMPLES, PROBLEM.partition, RECIPE, LEARNER)
    }
    for kind, changes in OTHERS.items():
        for name, value in changes.items():
            other = with_part(replace(parts[kind], **{name: value}))
            yield pytest.param(other, id=f"{kind.__name__}.{name}")


@pytest.mark.parametrize("other", list(variants()))
def test_a_problem_that_differs_anywhere_has_other_checkpoints(other: Problem) -> None:
    assert other.digest() != PROBLEM.digest()


def test_every_field_of_a_problem_is_asked_about_above() -> None:
    for kind, changes in OTHERS.items():
        assert {field.name for field in fields(kind)} - {"threads"} == set(changes), kind


def test_the_number_of_threads_and_the_memory_layout_are_no_other_problem() -> None:
    laid_out = replace(PROBLEM, data=replace(PROBLEM.data, features=np.asfortranarray(FEATURES)))
    assert PROBLEM.digest() == replace(PROBLEM, threads=8).digest() == laid_out.digest()


WANTED = Wanted("fold-0", ROWS[:8], {"test": ROWS[8:]})
SINGLE = replace(PROBLEM, recipe=Recipe("ridgeregression", "Ridge", "regression", [LEARNER]))


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(replace(WANTED, **{name: value}), id=name)
        for name, value in {
            "rows": ROWS[:7],
            "judged": {"validation": ROWS[8:]},
            "sealed": True,
            "values": VALUES[::-1].copy(),
        }.items()
    ],
)
def test_another_fit_of_the_same_name_has_another_checkpoint(other: Wanted, tmp_path: Path) -> None:
    fitter, fitted = Fitter(SINGLE, Directory(tmp_path)), list[str]()
    for who, wanted in (("one", WANTED), ("other", other)) * 2:
        fitter(wanted, partial(fitted.append, who))
    assert fitted == ["one", "other"]


def test_a_fit_of_other_versions_of_the_libraries_is_not_taken_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, fitted = fits.library_versions(), list[str]()
    deployed = {"a": ours, "b": {**ours, "scikit-learn": "99.0"}, "c": {**ours, "molfleet": "99.0"}}
    for name in ("a", "b", "c", "a"):
        monkeypatch.setattr(fits, "library_versions", lambda versions=deployed[name]: versions)
        Fitter(SINGLE, Directory(tmp_path))(WANTED, partial(fitted.append, name))
    assert fitted == ["a", "b", "c"]


scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False)
trees = st.recursive(
    scalars,
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(max_size=3), below),
)


@given(trees, trees)
def test_two_values_have_one_digest_exactly_when_they_read_the_same(one: Any, other: Any) -> None:
    assert (digest_of(one) == digest_of(other)) == (_text(one) == _text(other))


def _text(value: Any) -> str:
    """Python's own text of a value, its mappings in order of their keys."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name!r}: {_text(value[name])}" for name in sorted(value)) + "}"
    return "[" + ", ".join(map(_text, value)) + "]" if isinstance(value, list) else repr(value)


def test_arrays_of_the_same_bytes_and_another_shape_or_type_differ() -> None:
    flat = np.zeros(6)
    assert len({digest_of(a) for a in (flat, flat.reshape(2, 3), flat.view(np.int64), flat[:0])}) == 4


def test_what_has_no_digest_is_refused() -> None:
    with pytest.raises(TypeError, match="function has no digest"):
        digest_of(lambda: 0)
