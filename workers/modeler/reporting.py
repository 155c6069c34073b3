"""What is told about a training besides its figures: the picture data, the table, the particulars."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from molfleet.bundles.features import Toolbox
from workers.modeler.algorithms.base import REGRESSION, FloatArray
from workers.modeler.audit import Audit
from workers.modeler.curation import curation_section, modelled_name
from workers.modeler.ensembles.base import Recipe
from workers.modeler.evaluation import validated
from workers.modeler.figures import CROSS_VALIDATION, TEST, Outcome, Unseen
from workers.modeler.importance import Importance, columns_of, feature_importance
from workers.modeler.learners import Learner
from workers.modeler.learning import Learned
from workers.modeler.plan import Plan
from workers.modeler.sealed import predict
from workers.modeler.splits import Indices
from workers.modeler.substructures import Environments, environments_of

#: Confidence of the intervals in the pictures.
INTERVAL = 0.9


def outcome(plan: Plan, learned: Learned, explained: Explained) -> Outcome:
    """What the pictures of a model show."""
    problem, partition = learned.problem, learned.problem.partition
    parts = {CROSS_VALIDATION: partition.training, TEST: partition.test}
    return Outcome(
        task=learned.curated.task,
        target=modelled_name(plan.rules.target, plan.rules.transform),
        labels=learned.curated.labels,
        subsets={name: _unseen(learned, rows, name) for name, rows in parts.items() if len(rows)},
        units=learned.curated.units or "",
        model_name=plan.model_name,
        method=problem.recipe.display_name,
        scores={
            CROSS_VALIDATION: validated(learned.metrics),
            TEST: {metric.name: metric.value for metric in learned.final_metrics},
        },
        baselines={CROSS_VALIDATION: validated(learned.baselines), TEST: learned.final_baseline},
        importances=explained.importances,
        environments=explained.environments,
    )


def _unseen(learned: Learned, rows: Indices, name: str) -> Unseen:
    outputs = learned.unseen[rows]
    found = Unseen(
        actual=learned.problem.values[rows],
        outputs=outputs,
        folds=learned.problem.partition.folds[rows],
        similarity=_similarities(learned.audit, len(learned.unseen))[rows],
    )
    if name != TEST or learned.curated.task != REGRESSION:
        return found
    ecfp4 = learned.problem.samples.fingerprints[rows]
    half = learned.calibrated.half_width(outputs, ecfp4, INTERVAL)
    return replace(found, lower=outputs[:, 0] - half, upper=outputs[:, 0] + half)


def _similarities(audit: Audit, records: int) -> FloatArray:
    """To the nearest record that the judging model had learned from; NaN where it was not looked up."""
    found = np.full(records, np.nan)
    for part in (audit.test, audit.folds):
        found[part.records] = part.similarity
    return found


@dataclass(frozen=True)
class Explained:
    """Which features count, and what sets those that are bits."""

    importances: Sequence[Importance] = ()
    environments: Mapping[int, Environments] = field(default_factory=dict)


def explain(plan: Plan, learned: Learned, tools: Toolbox) -> Explained:
    """What the final model looks at."""
    problem, final = learned.problem, learned.final
    features = problem.data.features
    held_out = problem.partition.test if len(problem.partition.test) else problem.partition.validation_of(0)
    importances = feature_importance(
        columns_of([tools.featurizer(tools.add(spec)) for spec in plan.specs]),
        features,
        problem.values,
        learned.curated.task,
        native=final.importances,
        predict=lambda rows: predict(final.models, rows, problem.outputs),
        held_out=held_out,
        seed=plan.seed,
    )
    return Explained(importances, environments_of(importances, problem.samples.smiles, features))


def prediction_header(plan: Plan, learned: Learned) -> tuple[str, ...]:
    columns = [f"probability:{label}" for label in learned.curated.labels] or ["predicted"]
    modelled = modelled_name(plan.rules.target, plan.rules.transform)
    return ("record", "title", "smiles", "subset", "fold", modelled, *columns)


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


def sections(plan: Plan, learned: Learned) -> dict[str, Any]:
    """All that was found out, ready for JSON."""
    curation = curation_section(
        learned.curated,
        learned.dataset.measured,
        learned.problem.samples.fingerprints,
        others=learned.dataset.rejects,
        seed=plan.seed,
    )
    return {name: _plain(of) for name, of in {"curation": curation, **learned.sections}.items()}


def _plain(value: Any) -> Any:
    """What JSON can hold: a figure that is no number is null."""
    if isinstance(value, Mapping):
        return {str(name): _plain(of) for name, of in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(of) for of in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def metadata(plan: Plan, learned: Learned, sections: Mapping[str, Any]) -> dict[str, str]:
    """Particulars for people; keys are snake_case, those of hyper-parameters as the catalogue has them."""
    problem, curation = learned.problem, sections["curation"]
    told = {
        "task_reason": learned.curated.reason,
        "records": str(learned.dataset.records),
        "records_not_sampled": str(curation["not_sampled"]),
        "training_records": str(len(problem.partition.training)),
        "test_records": str(len(problem.partition.test)),
        "features": str(problem.data.features.shape[1]),
        "target_transform": plan.rules.transform,
        "split": plan.split.code,
        "seed": str(plan.seed),
        "largest_export_difference": f"{learned.final.difference:.2g}",
    }
    if learned.curated.labels:
        told["labels"] = ", ".join(learned.curated.labels)
    if learned.curated.units:
        told["units"] = learned.curated.units
    columns = sections.get("columns", {"properties": [], "warnings": []})
    if columns["properties"]:
        told["columns"] = ", ".join(columns["properties"])
    warnings = [*curation["warnings"], *columns["warnings"]]
    told |= {f"warning.{number}": text for number, text in enumerate(warnings, 1)}
    told |= _final_figures(learned)
    scaffold = sections.get("scaffold_split", {})
    told |= {f"scaffold_split.test.{name}": f"{v:.6g}" for name, v in scaffold.get("scaffold", {}).items()}
    told |= {
        f"coverage.{100 * of['confidence']:g}.{of['subset']}": f"{100 * of['covered']:.1f} %"
        for of in sections["coverage"]
        if (of["low"], of["high"]) == (0.0, 1.0)
    }
    told |= _hyper_parameters(problem.recipe)
    return told


def _final_figures(learned: Learned) -> dict[str, str]:
    """The final model's, each with its interval and what the baseline reaches, as far as these exist."""
    told = {}
    for metric in learned.final_metrics:
        name = f"final_model.test.{metric.name}"
        told[name] = f"{metric.value:.6g}"
        if metric.name in learned.intervals:
            told[f"{name}.ci95"] = " ".join(f"{end:.6g}" for end in learned.intervals[metric.name])
        if metric.name in learned.final_baseline:
            told[f"{name}.baseline"] = f"{learned.final_baseline[metric.name]:.6g}"
    return told


def _hyper_parameters(recipe: Recipe) -> dict[str, str]:
    """A single algorithm's under their names; an ensemble's members with their number before."""
    if recipe.ensemble is None:
        (only,) = recipe.learners
        told = {f"hyper_parameter.{name}": str(value) for name, value in only.parameters.items()}
        return {"scaler": _scaler(only), **told}
    told = {f"hyper_parameter.{name}": str(value) for name, value in (recipe.parameters or {}).items()}
    for number, learner in enumerate(recipe.learners, 1):
        told[f"member.{number}.method"] = learner.algorithm.code
        told[f"member.{number}.weight"] = f"{learner.weight:g}"
        told[f"member.{number}.scaler"] = _scaler(learner)
        told |= {
            f"member.{number}.hyper_parameter.{name}": str(value)
            for name, value in learner.parameters.items()
        }
    return told


def _scaler(learner: Learner) -> str:
    return learner.scaler.code if learner.scaler else "the method's own"
