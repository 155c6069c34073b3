from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from molfleet.bundles.composition import log_ratios
from molfleet.errors import Code, Rejected
from tests.unit.modeler.support import Directory, features_of_bioactive
from workers.modeler.algorithms import ALGORITHMS, Method
from workers.modeler.algorithms.base import Run
from workers.modeler.ensembles import ENSEMBLES
from workers.modeler.ensembles.base import Ensemble, FittedModel, Held, Recipe
from workers.modeler.ensembles.stacking import BLENDING, STACKING
from workers.modeler.fits import Fitter, Problem, Wanted
from workers.modeler.learners import Data, Learner
from workers.modeler.methods import METHODS, Choice, Member
from workers.modeler.sealed import SealedModel, predict
from workers.modeler.splits import SPLITS, Indices, Partition, Samples, find_split

FEATURES, ACTIVITY = features_of_bioactive(40)
CONTINUOUS = np.arange(FEATURES.shape[1]) >= 512
DATA = Data(FEATURES, CONTINUOUS)
ROWS = np.arange(40)
CODES = {
    "classification": ("logisticregression", "randomforestclassifier"),
    "regression": ("ridgeregression", "randomforestregressor"),
}
FEW = {"randomforestclassifier": {"n_estimators": 10}, "randomforestregressor": {"n_estimators": 10}}
every_ensemble = pytest.mark.parametrize("row", ENSEMBLES, ids=lambda row: row.code)


def values_of(task: str, classes: int = 2) -> Any:
    if task == "regression":
        return ACTIVITY
    return np.searchsorted(np.quantile(ACTIVITY, np.arange(1, classes) / classes), ACTIVITY)


def recipe(row: Ensemble | None, task: Any, weights: tuple[float, ...] = (1.0, 2.0)) -> Recipe:
    """A linear model on the fingerprints, a forest on all columns."""
    learners = []
    for code, weight, columns in zip(CODES[task], weights, (np.arange(512), None), strict=True):
        algorithm = ALGORITHMS.get(code)
        learners.append(Learner(algorithm, algorithm.resolve(FEW.get(code, {})), None, columns, weight))
    parameters = {parameter.name: parameter.default for parameter in row.parameters} if row else {}
    return Recipe(row.code if row else "", "", task, learners, row, parameters)


def fitted(row: Ensemble, task: Any, classes: int = 2) -> tuple[FittedModel, Any]:
    values = values_of(task, classes)
    samples = Samples(task, values, ROWS)

    def inner(rows: Indices, test_set_size: float, k_fold: int) -> Partition:
        return SPLITS.get("stratified").partition(samples.at(rows), test_set_size, k_fold, 0)

    return recipe(row, task).fit(DATA, ROWS, values, inner, Run(0, 1)), values


@every_ensemble
@pytest.mark.parametrize(
    ("task", "classes"), [("regression", 1), ("classification", 2), ("classification", 3)]
)
def test_the_sealed_ensemble_says_what_its_estimators_say(row: Ensemble, task: Any, classes: int) -> None:
    model, _ = fitted(row, task, classes)
    sealed, difference = model.seal(lambda: [FEATURES])
    assert difference < 1e-4
    told = predict([sealed], FEATURES, classes)
    assert told == pytest.approx(model.outputs(DATA, ROWS), abs=1e-4)
    if task == "classification":
        assert told.sum(axis=1) == pytest.approx(1.0)


@every_ensemble
def test_a_sealed_ensemble_survives_its_checkpoint_to_the_last_bit(row: Ensemble) -> None:
    model, _ = fitted(row, "regression")
    sealed, _ = model.seal(list)
    again = SealedModel.unpack(sealed.pack(), FEATURES.shape[1])
    assert np.array_equal(predict([again], FEATURES, 1), predict([sealed], FEATURES, 1))


def test_voting_is_the_mean_by_weight() -> None:
    model, _ = fitted(METHODS.get("voting"), "regression")  # type: ignore[arg-type]
    linear, forest = (one.outputs(DATA, ROWS) for one in model.learners)
    assert model.outputs(DATA, ROWS) == pytest.approx((linear + 2 * forest) / 3)


def test_stacking_trusts_the_member_that_knows_and_not_the_one_that_guesses() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(3.0, 1.0, 400)
    outputs = np.stack([truth + rng.normal(0, 0.1, 400), rng.normal(3.0, 1.0, 400)])[:, :, np.newaxis]
    assert STACKING.learn is not None
    arrays = STACKING.learn(Held("regression", outputs, truth, 0))
    assert arrays["weights"] == pytest.approx([1.0, 0.0], abs=0.05)
    assert arrays["intercept"] == pytest.approx([0.0], abs=0.15)


def test_stacked_classes_follow_the_member_that_knows() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(2, size=400)
    knows = np.where(labels == 1, 0.8, 0.2) + rng.normal(0, 0.05, 400)
    guesses = rng.uniform(0.1, 0.9, 400)
    outputs = np.stack([np.column_stack([1 - p, p]) for p in (knows, guesses)])
    assert STACKING.learn is not None
    arrays = STACKING.learn(Held("classification", outputs, labels, 0))
    pull = arrays["weights"][1, :, 1] - arrays["weights"][1, :, 0]
    assert pull[0] > 10 * abs(pull[1])
    assert log_ratios(outputs).shape == outputs.shape


def test_what_combines_the_members_was_learned_on_records_that_none_had_seen() -> None:
    """A forest that knows its own records by heart must not be trusted for that."""
    rng = np.random.default_rng(1)
    noise = rng.normal(size=40)
    samples = Samples("regression", noise, ROWS)

    def inner(rows: Indices, test_set_size: float, k_fold: int) -> Partition:
        return SPLITS.get("random").partition(samples.at(rows), test_set_size, k_fold, 0)

    model = recipe(STACKING, "regression").fit(DATA, ROWS, noise, inner, Run(0, 1))
    assert STACKING.learn is not None
    by_heart = np.stack([learner.outputs(DATA, ROWS) for learner in model.learners])
    fooled = STACKING.learn(Held("regression", by_heart, noise, 0))
    assert fooled["weights"].sum() > 0.9
    assert model.arrays["weights"].sum() < 0.6


def test_too_many_records_for_a_method_that_allows_no_approximation_are_refused_by_number() -> None:
    limited = replace(ALGORITHMS.get("ridgeregression"), max_records=10, beyond="")
    method = Method("limited", (limited,))
    choice = Choice(method, {}, (Member(method, {}, (0,), None),))
    assert choice.recipe("regression", [np.arange(4)], 10).learners
    with pytest.raises(Rejected) as caught:
        choice.recipe("regression", [np.arange(4)], 11)
    assert caught.value.code == Code.UNSUITABLE_TARGET
    assert "at most 10 records" in caught.value.message


def problem(
    row: Ensemble, values: Any, split: str = "stratified", groups: list[str] | None = None
) -> Problem:
    samples = Samples("classification", values, ROWS, groups=groups)
    partition = Partition(ROWS % 2, 2)
    return Problem(
        recipe(row, "classification"), DATA, samples, find_split(split), partition, FEATURES[:1], 0, 1
    )


@pytest.mark.parametrize(("test_set_size", "k_fold"), [(0.2, 2), (0.0, 3)])
def test_a_class_that_is_too_rare_to_learn_from_and_to_judge_on_is_refused(
    test_set_size: float, k_fold: int
) -> None:
    posed = problem(STACKING, (ROWS == 0).astype(int))
    with pytest.raises(Rejected) as caught:
        posed.inner(ROWS, test_set_size, k_fold)
    assert caught.value.code == Code.UNSUITABLE_TARGET
    assert "40 records, or those of the rarest class" in caught.value.message


def test_parts_that_the_file_names_still_leave_records_on_which_members_are_judged() -> None:
    posed = problem(BLENDING, ROWS % 2, "column:part", ["train"] * 40)
    assert len(posed.inner(ROWS, 0.2, 2).test) == 8


def test_members_of_an_ensemble_on_shuffled_classes_see_all_of_these(tmp_path: Path) -> None:
    """And not all of the true ones, by which the records were dealt."""
    posed = problem(BLENDING, (ROWS >= 20).astype(int))
    fitter = Fitter(posed, Directory(tmp_path))
    for number in range(3):
        shuffled = np.random.default_rng(number).permutation((ROWS < 5).astype(int))
        fit = fitter(Wanted(f"shuffled-{number}", ROWS, {"all": ROWS}, values=shuffled))
        assert np.isfinite(fit.outputs["all"]).all()
