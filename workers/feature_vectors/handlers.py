"""The feature-vectors worker: structure files to tables of fingerprints, counts and descriptors."""

from __future__ import annotations

from molfleet.chemistry.formats.find import FILE_TYPES
from molfleet.chemistry.records import open_records
from molfleet.messages.generated import (
    CalculateFeatureVectors,
    CalculateFeatureVectorsChunk,
    FeatureVectorsCalculated,
    FeatureVectorsCalculationFailed,
    FeatureVectorsChunkFailed,
)
from molfleet.runtime.handler import Context, Handler
from workers.feature_vectors import giant
from workers.feature_vectors.outputs import COMPUTED, Outputs, results_of
from workers.feature_vectors.plan import Plan
from workers.feature_vectors.summary import write_summary
from workers.feature_vectors.table import FORMATS, FormatRow


def calculate(command: CalculateFeatureVectors, context: Context) -> FeatureVectorsCalculated:
    """Vectors of every record of the source; a record that gives none is a row of the rejects file.

    Raises Rejected: INVALID_COMMAND and UNKNOWN_NAME before anything is fetched; what fetching and
    opening the source raise; NO_VALID_RECORDS when no record gave a vector.
    """
    plan = Plan.of(command, context.share.record_time_limit_s)
    form = FORMATS.get(command.output_format)
    if command.file_type is not None:
        FILE_TYPES.get(command.file_type)
    cut = giant.Cut.kept(context)
    if cut is not None:
        return _joined(command, cut, form, context)
    source = context.borrow(command.source)
    records = open_records(
        source,
        command.file_type,
        command.structure_column,
        structures=plan.needs_structures,
        scratch=context.scratch,
        max_bytes=context.share.max_input_bytes,
    )
    plan = plan.fitted(records)
    if giant.is_giant(records, context.share.split_records):
        return _joined(command, giant.Cut.make(command, records, source, plan, context), form, context)
    outputs = _open(plan, form, context)
    outputs.add(results_of(records, plan, context))
    outputs.close()
    outputs.refuse_if_empty(source.name)
    return _stored(command, plan, form, outputs, giant.Origin.of(records), context)


def _joined(
    command: CalculateFeatureVectors, cut: giant.Cut, form: FormatRow, context: Context
) -> FeatureVectorsCalculated:
    """The answer made of what the fleet computes, chunk by chunk."""
    plan = Plan.of(cut.chunks[0], context.share.record_time_limit_s)
    outputs = _open(plan, form, context)
    giant.join(cut, outputs, context)
    outputs.close()
    outputs.refuse_if_empty(command.source.key.rpartition("/")[2])
    return _stored(command, plan, form, outputs, cut.origin, context)


def _open(plan: Plan, form: FormatRow, context: Context) -> Outputs:
    folder = context.scratch / "outputs"  # apart from the source, which may be called the same
    folder.mkdir(exist_ok=True)
    return Outputs(folder, plan.layout, form.open(folder / f"features{form.suffix}", plan.layout))


def _stored(
    command: CalculateFeatureVectors,
    plan: Plan,
    form: FormatRow,
    outputs: Outputs,
    origin: giant.Origin,
    context: Context,
) -> FeatureVectorsCalculated:
    context.progress("store", COMPUTED, "Storing the results")
    bucket, rejects, totals = command.output_bucket, outputs.rejects, outputs.totals
    blocks = None
    if rejects.blocks_path is not None:
        blocks = context.store(
            rejects.blocks_path, content_type="chemical/x-mdl-sdfile", bucket=bucket
        ).model_dump(mode="json")
    summary = write_summary(
        rejects.path.with_name("summary.json"),
        totals,
        plan.standardize.code,
        file_type=origin.file_type,
        structure_column=origin.structure_column,
        record_time_limit_s=plan.record_time_limit_s,
        rejects_sdf=blocks,
    )
    return FeatureVectorsCalculated.answer(
        command,
        output=context.store(outputs.rows.path, content_type=form.content_type, bucket=bucket),
        rejects=context.store(rejects.path, content_type="text/csv", bucket=bucket)
        if rejects.first
        else None,
        summary=context.store(summary, content_type="application/json", bucket=bucket),
        records=totals.records,
        structures=totals.structures,
        failed=totals.failed,
        columns=sum(featurizer.size for featurizer in plan.featurizers),
    )


#: pyarrow imports it with the first array.
PRELOAD = ("pandas",)

#: The pool has a process for each core; BLAS with threads of its own would only get in its way.
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1"}

HANDLERS = {
    CalculateFeatureVectors: Handler(calculate, failure=FeatureVectorsCalculationFailed),
    CalculateFeatureVectorsChunk: Handler(giant.calculate_chunk, failure=FeatureVectorsChunkFailed),
}
