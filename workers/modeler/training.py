"""TrainModel: from a file of measured molecules to a model that anybody can load, and what it is worth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from molfleet.bundles.features import Featurization, Toolbox
from molfleet.bundles.manifest import TrainingSet
from molfleet.chemistry.records import Records, open_records
from molfleet.messages.generated import ModelTrained, ModelTrainingStarted, TrainModel
from molfleet.runtime.handler import Context
from workers.modeler import reporting
from workers.modeler.curation import MIN_MOLECULES, Curated, curate, unsuitable
from workers.modeler.dataset import Dataset, Fields, read_dataset, sha256_of
from workers.modeler.learning import learn
from workers.modeler.packaging import About, open_signer, seal
from workers.modeler.plan import Plan, make_plan
from workers.modeler.progress import Progress
from workers.modeler.publication import Publication, draw
from workers.modeler.splits import sub_sample


def train(command: TrainModel, context: Context) -> ModelTrained:
    """Raises Rejected with the codes of the contract; a failed command leaves no model behind."""
    plan = make_plan(command)
    signer = open_signer(context.share.signing_key_file)
    method = plan.choice.method.code
    context.emit(ModelTrainingStarted.answer(command, model_name=plan.model_name, method=method))
    progress = Progress(context.progress)
    with threadpool_limits(context.share.processes):
        source = context.fetch(command.source)
        records = _open(source, command, context)
        plan = plan.fitted(records)
        tools = Toolbox()
        dataset = _read(records, plan, context, tools, progress)
        curated = curate(dataset.measured, plan.rules)
        used = _sampled(curated, plan)
        learned = learn(dataset, used, plan, tools, context, context.share.processes, progress)
        rejects = [*dataset.rejects, *curated.rejects]
        sections = reporting.sections(plan, learned)
        told = reporting.metadata(plan, learned, sections)
        progress("package", 0.0, "sealing and loading back")
        path = context.scratch / "model.molmodel"
        training_set = TrainingSet(sha256=sha256_of(source), records=len(used.rows), skipped=len(rejects))
        seal(str(command.id), plan, learned, About(training_set, told, sections), path, tools, signer)
        progress("package", 0.5, "drawing and storing")
        made = draw(plan, learned, sections, tools, context.scratch)
    published = Publication(command, context)
    published.thumbnails(made.thumbnails)
    artifacts = published.artifacts(made.files)
    return ModelTrained.answer(
        command,
        model=published.store(path, "application/zip"),
        model_name=plan.model_name,
        method=learned.problem.recipe.code,
        method_display_name=learned.problem.recipe.display_name,
        task=used.task,
        metrics=[metric.model_dump() for metric in learned.metrics],
        modi=learned.modi,
        artifacts=artifacts,
        number_of_generic_files=len(artifacts),
        records_used=len(used.rows),
        records_skipped=len(rejects),
        rejects=published.rejects(rejects),
        metadata={**told, **made.left_out},
    )


def _open(source: Path, command: TrainModel, context: Context) -> Records:
    return open_records(
        source,
        command.file_type,
        command.structure_column,
        scratch=context.scratch,
        max_bytes=context.share.max_input_bytes,
    )


def _read(records: Records, plan: Plan, context: Context, tools: Toolbox, progress: Progress) -> Dataset:
    featurization = Featurization(plan.standardize, tuple(tools.add(spec) for spec in plan.specs))
    return read_dataset(
        records,
        Fields(plan.rules.target, plan.split.column, tools.columns(featurization)),
        featurization,
        tools,
        context.share.processes,
        context.share.record_time_limit_s,
        lambda share, message: progress("featurize", share, message),
    )


def _sampled(curated: Curated, plan: Plan) -> Curated:
    """Raises Rejected(UNSUITABLE_TARGET) where the sample is too small."""
    if plan.sub_sample_size == 1:
        return curated
    kept = sub_sample(curated.samples, plan.sub_sample_size, plan.seed)
    molecules = len(np.unique(curated.molecules[kept]))
    if molecules < MIN_MOLECULES:
        raise unsuitable(
            plan.rules,
            f"sub_sample_size {plan.sub_sample_size:g} leaves {molecules} molecules, and at least "
            f"{MIN_MOLECULES} are needed",
        )
    return replace(
        curated,
        rows=curated.rows[kept],
        values=curated.values[kept],
        molecules=curated.molecules[kept],
    )
