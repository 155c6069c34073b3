"""What is told about a training besides its figures: the picture data, the table, the particulars."""

from __future__ import annotations

from collections.abc import Iterator

from workers.modeler.ensembles.base import Recipe
from workers.modeler.figures import CROSS_VALIDATION, TEST, Outcome, Unseen
from workers.modeler.learning import Learned
from workers.modeler.plan import Plan


def outcome(plan: Plan, learned: Learned) -> Outcome:
    values, partition = learned.problem.values, learned.problem.partition
    parts = {CROSS_VALIDATION: partition.training, TEST: partition.test}
    subsets = {
        name: Unseen(values[rows], learned.unseen[rows], partition.folds[rows])
        for name, rows in parts.items()
        if len(rows)
    }
    return Outcome(
        learned.curated.task,
        plan.rules.target,
        learned.curated.labels,
        subsets,
        units=plan.rules.units or "",
        model_name=plan.model_name,
    )


def prediction_header(plan: Plan, learned: Learned) -> tuple[str, ...]:
    columns = [f"probability:{label}" for label in learned.curated.labels] or ["predicted"]
    return ("record", "title", "smiles", "subset", "fold", plan.rules.target, *columns)


def prediction_rows(learned: Learned) -> Iterator[tuple[object, ...]]:
    """One row per record used: what was modelled, and what a model said that had not seen it."""
    curated, folds = learned.curated, learned.problem.partition.folds
    for place, row in enumerate(curated.rows):
        item, value, fold = learned.dataset.measured[row], curated.values[place], int(folds[place])
        subset = ("test", "") if fold < 0 else ("validation", fold)
        measured = curated.labels[int(value)] if curated.labels else float(value)
        yield (
            *(item.record, item.title, item.molecule),
            *subset,
            measured,
            *map(float, learned.unseen[place]),
        )


def metadata(plan: Plan, learned: Learned, not_sampled: int) -> dict[str, str]:
    """Particulars for people; keys are snake_case, those of hyper-parameters as the catalogue has them."""
    problem = learned.problem
    told = {
        "records": str(learned.dataset.records),
        "records_not_sampled": str(not_sampled),
        "training_records": str(len(problem.partition.training)),
        "test_records": str(len(problem.partition.test)),
        "features": str(problem.data.features.shape[1]),
        "target_transform": plan.rules.transform,
        "scaler": plan.scaler or "the method's own",
        "split": plan.split.code,
        "seed": str(plan.seed),
        "largest_export_difference": f"{learned.final.difference:.2g}",
    }
    if learned.curated.labels:
        told["labels"] = ", ".join(learned.curated.labels)
    told |= _hyper_parameters(problem.recipe)
    told |= {f"final_model.test.{metric.name}": f"{metric.value:.6g}" for metric in learned.final_metrics}
    return told


def _hyper_parameters(recipe: Recipe) -> dict[str, str]:
    """A single algorithm's under their names; an ensemble's members with their number before."""
    if recipe.ensemble is None:
        return {f"hyper_parameter.{name}": str(v) for name, v in recipe.learners[0].parameters.items()}
    told = {f"hyper_parameter.{name}": str(value) for name, value in (recipe.parameters or {}).items()}
    for number, learner in enumerate(recipe.learners, 1):
        told[f"member.{number}.method"] = learner.algorithm.code
        told[f"member.{number}.weight"] = f"{learner.weight:g}"
        told |= {
            f"member.{number}.hyper_parameter.{name}": str(value)
            for name, value in learner.parameters.items()
        }
    return told
