"""Further fits that tell how far a score can be trusted: on unseen scaffolds, and on shuffled values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from molfleet.errors import Rejected
from workers.modeler.algorithms.base import CLASSIFICATION, FloatArray
from workers.modeler.audit import scaffold_partition
from workers.modeler.evaluation import final_baseline
from workers.modeler.fits import Fitter, Problem, Wanted
from workers.modeler.metrics import evaluate, intervals, randomization_section, y_randomization

#: What a model is judged by first.
HEADLINE: Mapping[str, str] = {"classification": "AUC", "regression": "RMSE"}


def scaffold_trial(
    problem: Problem,
    fitter: Fitter,
    chosen: Mapping[str, float],
    calibrate: Callable[[FloatArray], FloatArray],
    rounds: int,
) -> dict[str, Any]:
    """The score on scaffolds that the model has not seen, beside that of the chosen split.

    One model, of about as many records as the final one; `chosen` are the latter's figures (or those of
    the folds, without a test set), `rounds` those of the confidence intervals. JSON-able; where scaffolds
    allow no such split, `impossible` says why.
    """
    told: dict[str, Any] = {"chosen_split": problem.split.code, "chosen": dict(chosen)}
    try:
        partition = scaffold_partition(problem.samples, problem.partition, problem.seed)
    except Rejected as refusal:
        return {**told, "impossible": refusal.message}
    values, test = problem.values, partition.test
    if problem.recipe.task == CLASSIFICATION:
        missing = problem.outputs - len(np.unique(values[partition.training]))
        if missing or len(np.unique(values[test])) < 2:
            return {**told, "impossible": "A scaffold split leaves a part without one of the classes."}
    try:
        fit = fitter(Wanted("scaffold", partition.training, {"test": test}))
    except Rejected as refusal:  # an ensemble that cannot deal these records once more
        return {**told, "impossible": refusal.message}
    outputs = calibrate(fit.outputs["test"])
    scores = evaluate(problem.recipe.task, values[test], outputs)
    baseline = final_baseline(problem.recipe.task, values, partition, problem.outputs)
    spread = intervals(problem.recipe.task, values[test], outputs, problem.seed, rounds)
    headline = HEADLINE[problem.recipe.task]
    return {
        **told,
        "scaffold": scores,
        "scaffold_baseline": baseline,
        "scaffold_ci95": {code: list(ends) for code, ends in spread.items()},
        "test_records": len(test),
        "headline": headline,
        "gap": _difference(scores.get(headline), chosen.get(headline)),
    }


def _difference(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


def randomization_trial(
    problem: Problem, fitter: Fitter, true: FloatArray, rounds: int, progress: Callable[[int], None]
) -> dict[str, Any]:
    """The first fold's model once more on shuffled values, `rounds` times: it must find nothing.

    Judged on the fold's true values; `true` are the outputs of the model of the true ones, as little
    calibrated as the others are. JSON-able.
    """
    partition, values, task = problem.partition, problem.values, problem.recipe.task
    rows, validation = partition.training_of(0), partition.validation_of(0)
    headline, molecules = HEADLINE[task], problem.samples.molecules[rows]

    def score(outputs: FloatArray) -> float:
        return evaluate(task, values[validation], outputs).get(headline, float("nan"))

    scrambled = []
    for number in range(rounds):
        progress(number)
        shuffled = values.copy()
        shuffled[rows] = y_randomization(values[rows], molecules, problem.seed, number)
        wanted = Wanted(f"shuffled-{number}", rows, {"validation": validation}, values=shuffled)
        try:
            scrambled.append(score(fitter(wanted).outputs["validation"]))
        except Rejected:  # values that say nothing may not be learnable; that is no fault of the true ones
            scrambled.append(float("nan"))
    return randomization_section(headline, score(true), scrambled)
