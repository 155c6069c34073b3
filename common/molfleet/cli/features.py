"""molfleet features: the vectors of a file's molecules, without Kafka."""

from __future__ import annotations

import json as json_module
import shlex
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from molfleet.cli import frame, running

if TYPE_CHECKING:
    from molfleet.messages.generated import FeatureVectorsCalculated

#: The files beside the table, in the order in which they are put in place: the summary last.
_BESIDE = {
    "rejects.csv": "the records that gave no vector, and why",
    "rejects.sdf": "those records as they stood in the input",
    "summary.json": "counts, statistics of columns, timings, versions",
}


def features(
    file: running.File,
    featurizer: running.Featurizers,
    output: running.OutputDir,
    standardize: Annotated[
        str | None, typer.Option(help="none, parent, parent-neutral or tautomer; without: none.")
    ] = None,
    identifiers: Annotated[
        list[str] | None, typer.Option(help="Columns to add: smiles, inchikey. Repeatable, or with commas.")
    ] = None,
    carry: Annotated[
        list[str] | None, typer.Option(help="Column or SD field to carry along, '*' for all. Repeatable.")
    ] = None,
    format_: Annotated[
        str | None, typer.Option("--format", help="parquet, csv or npz; without: parquet.")
    ] = None,
    structure_column: Annotated[
        str | None, typer.Option(help="Of a table; without: found by name and content.")
    ] = None,
    file_type: Annotated[
        str | None, typer.Option(help="sdf, mol, smi, csv, tsv or parquet; without: found.")
    ] = None,
    record_time_limit: Annotated[
        float | None,
        typer.Option(min=0.001, help="Seconds for each step of a record; beyond, it is a reject."),
    ] = None,
    set_: running.Set = None,
    processes: running.Processes = None,
    json: frame.Json = False,
) -> None:
    """Calculate feature vectors of the molecules in FILE.

    Writes features.parquet (or .csv, .npz), rejects.csv and summary.json into the directory, and
    rejects.sdf where records of an SD file were rejected. Every record is in one or the other.

    Example: molfleet features mols.sdf -f ECFP:2048:2 -f DESC --identifiers smiles --output out

    In Python: table = molfleet.features.read("out/features.parquet"); table.frame(), .matrix(), .csr()
    """
    from molfleet.cli import fields
    from molfleet.local.offline import Files
    from molfleet.messages.generated import CalculateFeatureVectors

    files = Files()
    wanted = {
        "source": files.ref(file),
        "featurizers": [fields.featurizer(text) for text in featurizer],
        "standardize": standardize,
        "identifiers": [name for text in identifiers or () for name in text.split(",") if name],
        "carry_properties": carry,
        "output_format": format_,
        "structure_column": structure_column,
        "file_type": file_type,
        "record_time_limit_ms": record_time_limit and max(1, round(record_time_limit * 1000)),
    }
    given = {name: value for name, value in wanted.items() if value is not None}
    command: Any = running.command_of(CalculateFeatureVectors, given, set_)
    fresh = not output.exists()
    output.mkdir(parents=True, exist_ok=True)
    try:
        # Beside the final places, so that a finished file gets its name in one step or never.
        with tempfile.TemporaryDirectory(prefix=".molfleet-", dir=output) as beside:
            stored = Path(beside) / "outputs"
            event: Any = running.run(
                "feature-vectors", command, files, stored, processes, json, Path(beside)
            )
            paths = _place(files.path(event.output), stored, output, f"features.{command.output_format}")
    except BaseException:
        if fresh:
            with suppress(OSError):  # something else has been put there meanwhile
                output.rmdir()
        raise
    _report(json, event, paths)


def _place(table: Path, stored: Path, output: Path, name: str) -> list[Path]:
    """Move what was stored to its documented names, replacing an earlier run's files."""
    from molfleet.chemistry.rejects import RejectsFile

    if not (stored / "rejects.csv").exists():
        with RejectsFile(stored / "rejects.csv"):
            pass  # the header alone
    placed = [table.replace(output / name)]
    for other in _BESIDE:
        if (stored / other).exists():
            placed.append((stored / other).replace(output / other))
        else:
            (output / other).unlink(missing_ok=True)
    return placed


def _report(json: bool, event: FeatureVectorsCalculated, paths: list[Path]) -> None:
    summary = json_module.loads(paths[-1].read_text("utf-8"))
    seconds = event.elapsed_ms / 1000
    rate = event.records / max(seconds, 0.001)
    codes = summary["codes"]
    if json:
        facts = {
            **{name: getattr(event, name) for name in ("records", "structures", "failed", "columns")},
            "codes": codes,
            "seconds": seconds,
            "records_per_s": round(rate, 1),
        }
        running.report(json, event, facts, paths)
        return
    names = ", ".join(column["name"] for column in summary["columns"])
    failures = ", ".join(f"{code} {count:,}" for code, count in codes.items())
    print(f"records     {event.records:,}")
    print(f"structures  {event.structures:,}")
    print(f"failed      {event.failed:,}" + (f"  ({failures})" if failures else ""))
    print(f"columns     {event.columns:,}  ({names})")
    print(f"seconds     {seconds:,.1f}  ({rate:,.0f} records/s)")
    print()
    width = max(len(str(path)) for path in paths)
    for path in paths:
        print(
            f"{path!s:<{width}}  {_size(path.stat().st_size):>8}  {_BESIDE.get(path.name, 'the vectors')}"
        )
    print()
    code = f"import molfleet.features as f; print(f.read({json_module.dumps(str(paths[0]))}).frame())"
    print(f"{shlex.quote(sys.executable)} -c {shlex.quote(code)}")


def _size(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
