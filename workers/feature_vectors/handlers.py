"""The feature-vectors worker: structure files to tables of fingerprints, counts and descriptors."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from molfleet.chemistry.featurizers import FEATURIZERS, Featurizer
from molfleet.chemistry.formats.find import FILE_TYPES
from molfleet.chemistry.pool import Lost, run_chunks
from molfleet.chemistry.records import Records, Reject, open_records
from molfleet.chemistry.rejects import RejectsFile
from molfleet.chemistry.standardize import STANDARDIZE, StandardizeRow
from molfleet.errors import Code, Rejected
from molfleet.messages.generated import (
    CalculateFeatureVectors,
    FeatureVectorsCalculated,
    FeatureVectorsCalculationFailed,
)
from molfleet.runtime.handler import Context, Handler
from workers.feature_vectors.chunks import (
    IDENTIFIERS,
    ChunkResult,
    ChunkWork,
    IdentifierRow,
    records_per_chunk,
)
from workers.feature_vectors.summary import Totals, layout_metadata, write_summary
from workers.feature_vectors.table import FORMATS, FormatRow, Layout, Rows

MAX_CARRIED = 1000


@dataclass(frozen=True)
class Plan:
    """The command's choices, every name looked up and every value checked."""

    featurizers: list[Featurizer]
    standardize: StandardizeRow
    identifiers: list[IdentifierRow]
    format: FormatRow
    record_time_limit_s: float


def calculate(command: CalculateFeatureVectors, context: Context) -> FeatureVectorsCalculated:
    """Vectors of every record of the source; a record that gives none is a row of the rejects file.

    Raises Rejected: INVALID_COMMAND and UNKNOWN_NAME before anything is fetched; what fetching and
    opening the source raise; NO_VALID_RECORDS when no record gave a vector.
    """
    plan = _plan(command, context.share.record_time_limit_s)
    source = context.fetch(command.source)
    records = open_records(
        source,
        command.file_type,
        command.structure_column,
        scratch=context.scratch,
        max_bytes=context.share.max_input_bytes,
    )
    carried = _carried(command.carry_properties, records)
    layout = Layout(
        texts=_text_columns(plan, carried),
        featurizers=tuple(plan.featurizers),
        metadata=layout_metadata(plan.standardize.code),
    )
    outputs = context.scratch / "outputs"  # apart from the source, which may be called the same
    outputs.mkdir(exist_ok=True)
    table = plan.format.open(outputs / f"features{plan.format.suffix}", layout)
    totals = Totals(layout)
    with RejectsFile(outputs / "rejects.csv") as rejects:
        for result in _results(records, plan, carried, context):
            table.append(Rows(result.records, result.texts, result.vectors))
            rejects.append(result.rejects)
            totals.add(result)
        table.close()
    _refuse_if_none(source.name, totals, rejects.first)
    summary = write_summary(outputs / "summary.json", totals, plan.standardize.code)
    context.progress("store", 0.95, "Storing the results")
    bucket = command.output_bucket
    return FeatureVectorsCalculated.answer(
        command,
        output=context.store(table.path, content_type=plan.format.content_type, bucket=bucket),
        rejects=context.store(rejects.path, content_type="text/csv", bucket=bucket)
        if rejects.first
        else None,
        summary=context.store(summary, content_type="application/json", bucket=bucket),
        records=totals.records,
        structures=totals.structures,
        failed=totals.failed,
        columns=sum(featurizer.size for featurizer in plan.featurizers),
    )


def _plan(command: CalculateFeatureVectors, record_time_limit_s: float) -> Plan:
    if command.options:
        raise Rejected(
            Code.UNKNOWN_NAME,
            f"CalculateFeatureVectors has no option called {next(iter(command.options))!r}. Known: none.",
        )
    if command.file_type is not None:
        FILE_TYPES.get(command.file_type)
    limit_ms = command.record_time_limit_ms
    if limit_ms is not None:
        if limit_ms <= 0:
            raise Rejected(
                Code.INVALID_COMMAND,
                f"record_time_limit_ms must be above 0 or null, and is {limit_ms}.",
            )
        record_time_limit_s = limit_ms / 1000
    identifiers = [IDENTIFIERS.get(name) for name in command.identifiers]
    return Plan(
        featurizers=FEATURIZERS.build_all(command.featurizers),
        standardize=STANDARDIZE.get(command.standardize),
        identifiers=list(dict.fromkeys(identifiers)),
        format=FORMATS.get(command.output_format),
        record_time_limit_s=record_time_limit_s,
    )


def _carried(wanted: Sequence[str], records: Records) -> list[str]:
    """The properties to carry: those named, or with `*` all that there are."""
    if "*" in wanted:
        wanted = records.property_names()
    elif records.file_type not in ("sdf", "mol"):
        known = records.property_names()
        for name in wanted:
            if name not in known:
                raise Rejected(
                    Code.UNKNOWN_NAME,
                    f"carry_properties: {records.path.name} has no column called {name!r}. "
                    f"Its columns: {', '.join(known) or 'none'}.",
                    details={"carry_properties": name},
                )
    if len(wanted) > MAX_CARRIED:
        raise Rejected(
            Code.INVALID_COMMAND,
            f"carry_properties stands for {len(wanted):,} properties; {MAX_CARRIED:,} are allowed.",
        )
    return list(dict.fromkeys(wanted))


def _text_columns(plan: Plan, carried: Iterable[str]) -> tuple[str, ...]:
    """Names of the text columns; a carried property whose name is taken gets `#2`."""
    taken = {"record", *(featurizer.column for featurizer in plan.featurizers)}
    names: list[str] = []
    for name in (*(identifier.code for identifier in plan.identifiers), *carried):
        unique, number = name, 1
        while unique in taken:
            number += 1
            unique = f"{name}#{number}"
        taken.add(unique)
        names.append(unique)
    return tuple(names)


def _results(records: Records, plan: Plan, carried: list[str], context: Context) -> Iterator[ChunkResult]:
    """Results in the order of the records, with progress."""
    work = ChunkWork(records, plan.featurizers, plan.standardize.build(), plan.identifiers, carried)
    chunks = records.chunks(records_per_chunk(plan.featurizers))
    began, done = time.monotonic(), 0
    for result in run_chunks(chunks, work, context.share.processes, plan.record_time_limit_s):
        if isinstance(result, Lost):
            (raw,) = records.read_chunk(result.chunk)
            result = work.empty(result.chunk.end, Reject.of(raw, result.code, result.message))
        yield result
        done += len(result.records) + len(result.rejects)
        passed = max(time.monotonic() - began, 1e-6)
        fraction = result.end / records.size
        context.progress(
            "featurize",
            0.95 * fraction,
            f"{done:,} records, {done / passed:,.0f}/s",
            passed / fraction - passed,
        )


def _refuse_if_none(name: str, totals: Totals, first: Reject | None) -> None:
    if totals.structures:
        return
    if first is None:
        raise Rejected(Code.NO_VALID_RECORDS, f"{name} holds no records.")
    raise Rejected(
        Code.NO_VALID_RECORDS,
        f"None of the {totals.records:,} records of {name} gave a vector. The first, at line "
        f"{first.line}: {first.message}",
        details={
            "records": str(totals.records),
            **{code: str(count) for code, count in totals.codes.items()},
        },
    )


#: pyarrow imports it with the first array.
PRELOAD = ("pandas",)

HANDLERS = {CalculateFeatureVectors: Handler(calculate, failure=FeatureVectorsCalculationFailed)}
