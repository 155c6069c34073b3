"""From curated molecules to a final model and its figures, without a word about files or messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from molfleet.bundles.features import Toolbox
from molfleet.bundles.manifest import Coverage, Metric
from molfleet.errors import Code, Rejected
from workers.modeler.algorithms.base import CLASSIFICATION, FloatArray
from workers.modeler.audit import Audit, audit
from workers.modeler.calibration import Calibrated, calibrate
from workers.modeler.crossvalidation import Fold, cross_validate, out_of_fold
from workers.modeler.curation import Curated, unsuitable
from workers.modeler.dataset import Dataset
from workers.modeler.echoes import columns_section
from workers.modeler.evaluation import final_baseline, fold_baselines, fold_metrics, validated
from workers.modeler.exactness import perturbed
from workers.modeler.fits import Checkpoints, Fitter, Problem
from workers.modeler.fitting import Final, fit_final
from workers.modeler.learners import Data
from workers.modeler.metrics import evaluate, intervals, looked_at, modi
from workers.modeler.plan import Plan
from workers.modeler.preparation import fit_preparation
from workers.modeler.progress import Progress
from workers.modeler.splits import Partition, Samples
from workers.modeler.trials import randomization_trial, scaffold_trial


@dataclass(frozen=True)
class Learned:
    """What a training has found out, before it is packed. Arrays have one entry per record used.

    `unseen` (records, classes or 1) are outputs of models that had not seen the record: the fold's,
    and for the test set the final one; probabilities are calibrated. `raw` are those of the folds before
    that, NaN for the test set. `coverage` is that of the test set.
    `metrics` and `baselines` are of the folds, `final_metrics`, `final_baseline` and `intervals` (95 %,
    by metric) of the final model on the test set. `sections` are what else was found, ready for JSON.
    """

    dataset: Dataset
    curated: Curated
    problem: Problem
    folds: Sequence[Fold]
    final: Final
    unseen: FloatArray
    raw: FloatArray
    calibrated: Calibrated
    coverage: tuple[Coverage, ...]
    modi: float | None
    metrics: Sequence[Metric]
    baselines: Sequence[Metric]
    final_metrics: Sequence[Metric]
    final_baseline: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    audit: Audit
    sections: Mapping[str, Any]


def learn(
    dataset: Dataset,
    curated: Curated,
    plan: Plan,
    tools: Toolbox,
    checkpoints: Checkpoints,
    threads: int,
    progress: Progress,
) -> Learned:
    """Split, cross-validate, fit. Raises Rejected: UNSUITABLE_TARGET, INVALID_COMMAND, INTERNAL."""
    problem = pose(dataset, curated, plan, tools, threads)
    fitter = Fitter(problem, checkpoints)
    folds = cross_validate(
        problem,
        fitter,
        lambda fold, message: progress("cross-validate", fold / plan.k_fold, message),
        sealed=plan.keeps_folds,
    )
    progress("fit", 0.0, "the folds' models together" if plan.keeps_folds else "all training records")
    final = fit_final(problem, fitter, folds)
    learned = _judged(dataset, curated, plan, problem, folds, final)
    told = columns_section(problem, plan, tools)
    return replace(learned, sections={**told, **_trials(learned, plan, fitter, progress)})


def _trials(learned: Learned, plan: Plan, fitter: Fitter, progress: Progress) -> dict[str, Any]:
    """Leakage, and the further fits that the command wants."""
    problem, options = learned.problem, plan.options
    sections: dict[str, Any] = {
        "leakage": learned.audit.section(),
        "coverage": [c.model_dump() for c in (*learned.calibrated.coverage, *learned.coverage)],
    }
    rounds = options.y_randomization
    fits = rounds + options.scaffold_audit
    if options.scaffold_audit and plan.split.code != "scaffold":
        progress("verify", 0.0, "a scaffold split beside the chosen one")
        chosen = {m.name: m.value for m in learned.final_metrics} or validated(learned.metrics)
        sections["scaffold_split"] = scaffold_trial(
            problem, fitter, chosen, learned.calibrated.apply, options.bootstrap
        )
    if rounds:
        sections["y_randomization"] = randomization_trial(
            problem,
            fitter,
            learned.raw[problem.partition.validation_of(0)],
            rounds,
            lambda number: progress(
                "verify", (number + 1) / (fits + 1), f"shuffled values, {number + 1} of {rounds}"
            ),
        )
    return sections


def pose(dataset: Dataset, curated: Curated, plan: Plan, tools: Toolbox, threads: int) -> Problem:
    """The training as a problem of numbers. Raises Rejected: UNSUITABLE_TARGET, INVALID_COMMAND."""
    samples = Samples(
        curated.task,
        curated.values,
        curated.molecules,
        [dataset.measured[row].molecule for row in curated.rows],
        dataset.ecfp4[curated.rows],
        [dataset.measured[row].group for row in curated.rows] if plan.split.column else None,
        [dataset.measured[row].scaffold for row in curated.rows],
    )
    samples = plan.split.gathered(samples)
    partition = plan.split.partition(samples, plan.test_set_size, plan.k_fold, plan.seed)
    _require_learnable(curated, partition, plan)
    features = dataset.features(curated.rows, plan.specs, tools)
    built = [tools.featurizer(tools.add(spec)) for spec in plan.specs]
    ends = np.cumsum([featurizer.size for featurizer in built])
    columns = [np.arange(end - one.size, end) for one, end in zip(built, ends, strict=True)]
    continuous = np.concatenate([featurizer.continuous for featurizer in built])
    return Problem(
        recipe=plan.choice.recipe(curated.task, columns, len(partition.training)),
        data=Data(features, continuous),
        samples=samples,
        split=plan.split,
        partition=partition,
        perturbed=perturbed(features, partition.training, continuous, plan.seed),
        seed=plan.seed,
        threads=threads,
    )


def _require_learnable(curated: Curated, partition: Partition, plan: Plan) -> None:
    """Every fold's model must see every class, or at least two values, and judge at least one record."""
    for fold in range(partition.k_fold):
        if len(partition.validation_of(fold)) == 0:
            raise Rejected(
                Code.UNSUITABLE_TARGET,
                f"{len(np.unique(curated.molecules))} molecules with a value of {plan.rules.target!r} are "
                f"too few for k_fold {plan.k_fold} and test_set_size {plan.test_set_size:g}.",
                details={"target": plan.rules.target},
            )
        seen = np.unique(curated.values[partition.training_of(fold)])
        if curated.task == CLASSIFICATION and len(seen) < len(curated.labels):
            rare = next(number for number in range(len(curated.labels)) if number not in seen)
            count = int(np.sum(curated.values == rare))
            raise unsuitable(
                plan.rules,
                f"of the class {curated.labels[rare]!r} there are only {count} records, too few to be in "
                f"the training part of every fold (split {plan.split.code}, k_fold {plan.k_fold}, "
                f"test_set_size {plan.test_set_size:g}, sub_sample_size {plan.sub_sample_size:g})",
            )
        if len(seen) < 2:
            raise unsuitable(plan.rules, "all values of a fold's training part are the same")


def _judged(
    dataset: Dataset,
    curated: Curated,
    plan: Plan,
    problem: Problem,
    folds: list[Fold],
    final: Final,
) -> Learned:
    task, values, partition, target = (
        curated.task,
        curated.values,
        problem.partition,
        plan.rules.target,
    )
    training, test = partition.training, partition.test
    raw, ecfp4 = out_of_fold(problem, folds), problem.samples.fingerprints
    calibrated = calibrate(
        task, values[training], raw[training], partition.folds[training], ecfp4[training], plan.seed
    )
    unseen = raw.copy()
    unseen[training], unseen[test] = calibrated.outputs, calibrated.apply(final.test)
    folds = [
        _calibrated(fold, calibrated, unseen[partition.validation_of(n)]) for n, fold in enumerate(folds)
    ]
    figures = evaluate(task, values[test], unseen[test])
    return Learned(
        dataset=dataset,
        curated=curated,
        problem=problem,
        folds=folds,
        final=final,
        unseen=unseen,
        raw=raw,
        calibrated=calibrated,
        coverage=calibrated.test(values[test], final.test, ecfp4[test]),
        modi=_modelability(problem),
        metrics=fold_metrics(task, target, values, partition, folds),
        baselines=fold_baselines(task, target, values, partition, problem.outputs),
        final_metrics=[
            Metric(name=name, target=target, subset="test", value=value) for name, value in figures.items()
        ],
        final_baseline=final_baseline(task, values, partition, problem.outputs) if figures else {},
        intervals=intervals(task, values[test], unseen[test], plan.seed, plan.options.bootstrap),
        audit=audit(problem.samples, partition, plan.seed),
        sections={},
    )


def _modelability(problem: Problem) -> float | None:
    """Of the whole set, test records included: it is told of the data, and no model is made of it."""
    features, rows = problem.data.features, looked_at(len(problem.values), problem.seed)
    filled = fit_preparation(None, features, rows, problem.data.continuous).float32(features, rows)
    molecules = problem.samples.molecules[rows]
    return modi(problem.recipe.task, filled, problem.values[rows], problem.seed, molecules)


def _calibrated(fold: Fold, calibrated: Calibrated, validation: FloatArray) -> Fold:
    """A fold's outputs as the model would give them; `validation`: calibrated without this fold."""
    return replace(
        fold,
        train=calibrated.apply(fold.train),
        validation=validation,
        test=calibrated.apply(fold.test),
    )
