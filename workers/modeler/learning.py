"""From curated molecules to a final model and its figures, without a word about files or messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from molfleet.bundles.features import Toolbox
from molfleet.bundles.manifest import Metric
from molfleet.errors import Code, Rejected
from workers.modeler.algorithms.base import CLASSIFICATION, FloatArray
from workers.modeler.crossvalidation import Fold, cross_validate, out_of_fold
from workers.modeler.curation import Curated, unsuitable
from workers.modeler.dataset import Dataset
from workers.modeler.evaluation import fold_metrics
from workers.modeler.exactness import perturbed
from workers.modeler.fits import Checkpoints, Fitter, Problem
from workers.modeler.fitting import Final, fit_final
from workers.modeler.learners import Data
from workers.modeler.metrics import evaluate, modi
from workers.modeler.plan import Plan
from workers.modeler.preparation import fit_preparation
from workers.modeler.progress import Progress
from workers.modeler.splits import Partition, Samples


@dataclass(frozen=True)
class Learned:
    """What a training has found out, before it is packed. Arrays have one entry per record used.

    `unseen` (records, classes or 1) are outputs of models that had not seen the record: the fold's,
    and for the test set the final one.
    """

    dataset: Dataset
    curated: Curated
    problem: Problem
    folds: Sequence[Fold]
    final: Final
    unseen: FloatArray
    modi: float | None
    metrics: Sequence[Metric]
    final_metrics: Sequence[Metric]


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
    progress("verify", 0.0)
    return _judged(dataset, curated, plan, problem, folds, final)


def pose(dataset: Dataset, curated: Curated, plan: Plan, tools: Toolbox, threads: int) -> Problem:
    """The training as a problem of numbers. Raises Rejected: UNSUITABLE_TARGET, INVALID_COMMAND."""
    samples = Samples(
        curated.task,
        curated.values,
        curated.molecules,
        [dataset.measured[row].molecule for row in curated.rows],
        dataset.ecfp4[curated.rows],
        [dataset.measured[row].group for row in curated.rows] if plan.split.column else None,
    )
    partition = plan.split.partition(samples, plan.test_set_size, plan.k_fold, plan.seed)
    _require_learnable(curated, partition, plan)
    features = dataset.features(curated.rows, plan.specs, tools)
    built = [tools.featurizer(tools.add(spec)) for spec in plan.specs]
    ends = np.cumsum([featurizer.size for featurizer in built])
    columns = [np.arange(end - one.size, end) for one, end in zip(built, ends, strict=True)]
    continuous = np.concatenate([np.full(f.size, f.kind == "descriptors") for f in built])
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
                f"of the class {curated.labels[rare]!r} there are only {count} molecules, too few to be in "
                f"the training part of every fold (k_fold {plan.k_fold}, "
                f"test_set_size {plan.test_set_size:g})",
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
    unseen = out_of_fold(problem, folds)
    unseen[partition.test] = final.test
    everything = np.arange(len(values))
    filled = fit_preparation(None, problem.data.features, everything, problem.data.continuous)
    index = modi(task, filled.float32(problem.data.features), values, plan.seed)
    figures = evaluate(task, values[partition.test], final.test)
    return Learned(
        dataset=dataset,
        curated=curated,
        problem=problem,
        folds=folds,
        final=final,
        unseen=unseen,
        modi=index,
        metrics=fold_metrics(task, target, values, partition, folds),
        final_metrics=[
            Metric(name=name, target=target, subset="test", value=value) for name, value in figures.items()
        ],
    )
