"""What is told about a training besides its figures: the picture data, the table, the particulars."""

from __future__ import annotations

from collections.abc import Iterator

from molfleet.bundles.manifest import TrainingSet
from workers.modeler.figures import Outcome
from workers.modeler.learning import Learned
from workers.modeler.packaging import Trained
from workers.modeler.plan import Plan


def outcome(plan: Plan, learned: Learned) -> Outcome:
    values, partition = learned.problem.values, learned.problem.partition
    parts = {"cross-validation": partition.training, "test": partition.test}
    subsets = {name: (values[rows], learned.unseen[rows]) for name, rows in parts.items() if len(rows)}
    return Outcome(learned.curated.task, plan.rules.target, learned.curated.labels, subsets)


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


def trained(
    model_id: str,
    plan: Plan,
    learned: Learned,
    training_set: TrainingSet,
    metadata: dict[str, str],
) -> Trained:
    rows, problem = learned.curated.rows, learned.problem
    return Trained(
        model_id=model_id,
        plan=plan,
        algorithm=problem.algorithm,
        parameters=problem.parameters,
        labels=learned.curated.labels,
        features=problem.features,
        ecfp4=learned.dataset.ecfp4[rows],
        smiles=[learned.dataset.measured[row].molecule for row in rows],
        values=problem.values,
        out_of_fold=learned.unseen,
        training=problem.partition.training,
        preparation=learned.final.preparation,
        graphs=learned.final.graphs,
        metrics=learned.metrics,
        training_set=training_set,
        metadata=metadata,
    )


def metadata(plan: Plan, learned: Learned, not_sampled: int) -> dict[str, str]:
    """Particulars for people; keys are snake_case, those of hyper-parameters as the catalogue has them."""
    problem = learned.problem
    told = {
        "records": str(learned.dataset.records),
        "records_not_sampled": str(not_sampled),
        "training_records": str(len(problem.partition.training)),
        "test_records": str(len(problem.partition.test)),
        "features": str(problem.features.shape[1]),
        "target_transform": plan.rules.transform,
        "scaler": plan.scaler.code,
        "split": plan.split.code,
        "seed": str(plan.seed),
        "largest_export_difference": f"{learned.final.export_difference:.2g}",
    }
    if learned.curated.labels:
        told["labels"] = ", ".join(learned.curated.labels)
    told |= {f"hyper_parameter.{name}": str(value) for name, value in problem.parameters.items()}
    told |= {f"final_model.test.{metric.name}": f"{metric.value:.6g}" for metric in learned.final_metrics}
    return told
