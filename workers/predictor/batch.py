"""PredictProperties: any number of models over a file of any size, one row for each of its records."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from molfleet.bundles.features import Toolbox
from molfleet.bundles.predict import Model, load_model
from molfleet.chemistry.formats.find import FILE_TYPES
from molfleet.chemistry.pool import Lost, run_chunks
from molfleet.chemistry.rdkit_log import silence
from molfleet.chemistry.records import Records, Reject, open_records
from molfleet.chemistry.rejects import RejectsFile
from molfleet.errors import Code, Rejected
from molfleet.messages.generated import ModelRef, PredictProperties, PropertiesPredicted
from molfleet.runtime.handler import Context
from workers.predictor.cache import MAX_MODEL_BYTES
from workers.predictor.checks import check_common, require_columns
from workers.predictor.columns import file_columns
from workers.predictor.consensus import CONSENSUS
from workers.predictor.rows import RECORDS_PER_CHUNK, ChunkRows, RowWork
from workers.predictor.writers import FORMATS

#: So many columns of a file are listed where one is missing.
_COLUMNS_TOLD = 50


def predict(command: PredictProperties, context: Context) -> PropertiesPredicted:
    """Predictions of every record of the source; a record that no model can treat is also a reject.

    Raises Rejected: INVALID_COMMAND and UNKNOWN_NAME before anything is fetched; what fetching and
    opening the source raise; INVALID_MODEL, naming the model; INVALID_COMMAND for a file without a column
    that a model takes; NO_VALID_RECORDS for one without records.
    """
    check_common(command)
    if command.file_type is not None:
        FILE_TYPES.get(command.file_type)
    consensus, file_format = CONSENSUS.get(command.consensus), FORMATS.get(command.output_format)
    silence()
    tools = Toolbox()
    context.progress("models", 0.0, f"Loading {len(command.models)} models")
    models = _load(command.models, tools, context)
    names = [ref.name or model.manifest.name for ref, model in zip(command.models, models, strict=True)]
    weights = [consensus.weight(model.manifest) for model in models]
    manifests = [model.manifest for model in models]
    columns = file_columns(list(zip(names, manifests, strict=True)), legacy=command.legacy_columns)
    source = context.fetch(command.source)
    records = open_records(
        source,
        command.file_type,
        command.structure_column,
        scratch=context.scratch,
        max_bytes=context.share.max_input_bytes,
    )
    _require_columns(models, names, records, source.name)
    work = RowWork(
        records, models, names, weights, columns, command.confidence, tools, file_format.code == "sdf"
    )
    file_name = f"{source.name.split('.')[0] or 'predictions'}_predictions.{file_format.code}"
    writer = file_format.open(context.scratch / file_name, columns.all)
    count = 0
    with RejectsFile(context.scratch / "rejects.csv") as rejects:
        for chunk in _chunks(work, context):
            writer.append(chunk)
            rejects.append(chunk.rejects)
            count += len(chunk.rows)
        writer.close()
    if count == 0:
        raise Rejected(Code.NO_VALID_RECORDS, f"{source.name} holds no records.")
    context.progress("store", 0.97, "Storing the predictions")
    bucket = command.output_bucket
    output = context.store(writer.path, content_type=file_format.content_type, bucket=bucket)
    return PropertiesPredicted.answer(
        command,
        output=output,
        rejects=context.store(rejects.path, content_type="text/csv", bucket=bucket)
        if rejects.count
        else None,
        records=count,
        predicted=count - rejects.count,
        failed=rejects.count,
        file_name=file_name,
    )


def _load(refs: Sequence[ModelRef], tools: Toolbox, context: Context) -> list[Model]:
    """The models in order, one blob named twice loaded once; a Rejected names the model at fault."""
    loaded: dict[str, Model] = {}
    for ref in refs:
        key = ref.blob.model_dump_json()
        if key in loaded:
            continue
        try:
            path = context.fetch(ref.blob)
            loaded[key] = load_model(
                path, max_bytes=MAX_MODEL_BYTES, tools=tools, trust=context.share.trust
            )
        except Rejected as error:
            name = f"Model {ref.name or ref.blob.key} ({ref.id})"
            raise Rejected(
                error.code,
                f"{name}: {error.message}",
                retryable=error.retryable,
                details={**error.details, "model": str(ref.id)},
            ) from None
    return [loaded[ref.blob.model_dump_json()] for ref in refs]


def _require_columns(
    models: Sequence[Model], names: Sequence[str], records: Records, file_name: str
) -> None:
    if not any(model.columns for model in models):
        return  # an SD file is read as a whole to find its fields
    there = records.property_names()
    told = ", ".join(there[:_COLUMNS_TOLD]) + (", ..." if len(there) > _COLUMNS_TOLD else "")
    for model, name in zip(models, names, strict=True):
        require_columns(model, name, there, file_name, f"Its columns: {told or 'none'}.")


def _chunks(work: RowWork, context: Context) -> Iterator[ChunkRows]:
    """Rows in the order of the records, with progress."""
    records, share = work.records, context.share
    began, done = time.monotonic(), 0
    chunks = records.chunks(RECORDS_PER_CHUNK)
    for result in run_chunks(chunks, work, share.processes, share.record_time_limit_s):
        if isinstance(result, Lost):
            (raw,) = records.read_chunk(result.chunk)
            reject = Reject.of(raw, result.code, result.message)
            result = work.lost(result.chunk.end, raw, reject)
        yield result
        done += len(result.rows)
        passed = max(time.monotonic() - began, 1e-6)
        fraction = max(result.end / max(records.size, 1), 1e-6)
        context.progress(
            "predict",
            0.02 + 0.95 * min(fraction, 1.0),
            f"{done:,} records, {done / passed:,.0f}/s",
            max(0.0, passed / fraction - passed),
        )
