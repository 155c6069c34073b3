"""molfleet features, train, predict: the fleet's handlers on local files, without Kafka."""

from __future__ import annotations

import json as json_module
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from molfleet.cli import frame

if TYPE_CHECKING:
    from molfleet.local.offline import Files, OnProgress
    from molfleet.messages.generated import BlobRef
    from molfleet.messages.record import Command, TerminalEvent

File = Annotated[
    Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="sdf, mol, smi, csv, ...")
]
Featurizers = Annotated[
    list[str],
    typer.Option("--featurizer", "-f", help="TYPE:SIZE:RADIUS, such as ECFP:2048:2. Repeatable."),
]
OutputDir = Annotated[Path, typer.Option("--output", "-o", file_okay=False, help="Directory.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", help="Any other field of the command, as field=value. Repeatable."),
]
Processes = Annotated[int | None, typer.Option(min=1, help="Processes; without: one per core.")]


def features(
    file: File,
    featurizer: Featurizers,
    output: OutputDir,
    set_: Set = None,
    processes: Processes = None,
    json: frame.Json = False,
) -> None:
    """Calculate feature vectors of the molecules in FILE.

    Writes features.parquet (or .csv, .npz), rejects.csv and summary.json into the directory.
    Example: molfleet features mols.sdf --featurizer ECFP:2048:2 --output out
    """
    from molfleet.chemistry.rejects import RejectsFile
    from molfleet.cli import fields
    from molfleet.local.offline import Files
    from molfleet.messages.generated import CalculateFeatureVectors

    files = Files()
    wanted = {
        "source": files.ref(file),
        "featurizers": [fields.featurizer(text) for text in featurizer],
    }
    command = _command(CalculateFeatureVectors, wanted, set_)
    event = _run("feature-vectors", command, files, output, processes, json)
    counts = {name: getattr(event, name) for name in ("records", "structures", "failed", "columns")}
    table = _place(files, event, "output", output / f"features{_suffix(command)}")
    rejects = _place(files, event, "rejects", output / "rejects.csv")
    if rejects is None:
        rejects = output / "rejects.csv"
        with RejectsFile(rejects):
            pass  # the header alone
    summary = _place(files, event, "summary", output / "summary.json") or output / "summary.json"
    said = json_module.loads(summary.read_text("utf-8")) if summary.exists() else {}
    if not counts.keys() <= said.keys():
        summary.write_text(json_module.dumps({**counts, **said}, indent=2) + "\n", "utf-8")
    _report(json, event, counts, [table, rejects, summary])


def train(
    file: File,
    target: Annotated[list[str], typer.Option("--target", "-t", help="Column or SD field to learn.")],
    method: Annotated[str, typer.Option("--method", "-m", help="See molfleet catalogue.")],
    featurizer: Featurizers,
    output: OutputDir,
    set_: Set = None,
    processes: Processes = None,
    json: frame.Json = False,
) -> None:
    """Train a model on the molecules and measurements in FILE.

    Writes model.molmodel, metrics.json, rejects.csv where there are any, and the artifacts.
    Example: molfleet train logd.csv --target logD --method lightgbm --featurizer ECFP:2048:2 --output model
    """
    from molfleet.cli import fields, show
    from molfleet.local.offline import Files
    from molfleet.messages.generated import TrainModel

    files = Files()
    wanted = {
        "source": files.ref(file),
        "targets": target,
        "method": method,
        "featurizers": [fields.featurizer(text) for text in featurizer],
    }
    event = _run("modeler", _command(TrainModel, wanted, set_), files, output, processes, json)
    model = _place(files, event, "model", output / "model.molmodel")
    rejects = _place(files, event, "rejects", output / "rejects.csv")
    metrics = show.plain(getattr(event, "metrics", []))
    path = output / "metrics.json"
    path.write_text(json_module.dumps(metrics, indent=2) + "\n", "utf-8")
    artifacts = [files.path(artifact.blob) for artifact in getattr(event, "artifacts", [])]
    counts = {name: getattr(event, name) for name in ("records_used", "records_skipped")}
    overall = {f"{row['subset']} {row['name']}": row["value"] for row in metrics if row.get("fold") is None}
    _report(json, event, counts | overall, [model, path, rejects, *artifacts])


def predict(
    file: File,
    model: Annotated[
        list[Path],
        typer.Option("--model", "-m", exists=True, dir_okay=False, help="A .molmodel. Repeatable."),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", dir_okay=False, help="FILE.csv, .parquet or .sdf.")
    ],
    set_: Set = None,
    processes: Processes = None,
    json: frame.Json = False,
) -> None:
    """Predict properties of the molecules in FILE with one or more models.

    Example: molfleet predict new.smi --model model/model.molmodel --output predictions.csv
    """
    from molfleet.client.build import uuid_of
    from molfleet.local.offline import Files
    from molfleet.messages.generated import PredictProperties

    kind = output.suffix.lstrip(".").lower() or "csv"
    if kind not in ("csv", "parquet", "sdf"):
        raise frame.Usage(f"--output {output}: the name must end in .csv, .parquet or .sdf.")
    files = Files()
    wanted = {
        "source": files.ref(file),
        "models": [{"id": uuid_of(path.name), "blob": files.ref(path)} for path in model],
        "output_format": kind,
    }
    command = _command(PredictProperties, wanted, set_)
    event = _run("predictor", command, files, output.parent, processes, json)
    counts = {name: getattr(event, name) for name in ("records", "predicted", "failed")}
    table = _place(files, event, "output", output)
    rejects = _place(files, event, "rejects", output.with_suffix(".rejects.csv"))
    _report(json, event, counts, [table, rejects])


def _command(kind: type[Command], wanted: dict[str, Any], set_: list[str] | None) -> Command:
    from pydantic import ValidationError

    from molfleet.cli import fields
    from molfleet.client.build import new

    try:
        return new(kind, **fields.merged(wanted, fields.parse(kind, set_ or ())))
    except ValidationError as error:
        raise frame.Usage(fields.explain(error, kind)) from None


def _run(
    worker: str, command: Command, files: Files, output: Path, processes: int | None, json: bool
) -> TerminalEvent:
    """The success event; leaves with exit code 1 where it is a failure."""
    from molfleet.cli import show
    from molfleet.local.offline import WorkerMissing, find_handler, run_offline
    from molfleet.messages.record import FailureEvent
    from molfleet.runtime.handler import ComputeShare

    settings = frame.settings()
    share = ComputeShare(
        processes=processes or settings.worker.processes or settings.cores,
        record_time_limit_s=settings.worker.record_time_limit_s,
        max_input_bytes=settings.blobs.max_input_bytes,
    )
    try:
        handler = find_handler(type(command), first=worker)
    except WorkerMissing as error:
        raise frame.Usage(str(error)) from None
    output.mkdir(parents=True, exist_ok=True)
    with _bar() as on_progress:
        event = run_offline(command, handler, files, output, share=share, on_progress=on_progress)
    if isinstance(event, FailureEvent):
        if json:
            frame.print_json(show.named(event))
        frame.fail(frame.Exit.FAILED, f"{event.code}: {event.message}")
    return event


@contextmanager
def _bar() -> Iterator[OnProgress]:
    """A bar on stderr that vanishes when the work is done; nothing where stderr is no terminal."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    from molfleet.local.offline import quiet

    console = frame.console(stderr=True)
    if not console.is_terminal:
        yield quiet
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as progress:
        task = progress.add_task("starting", total=1.0)

        def on_progress(stage: str, fraction: float, message: str, eta_s: float | None) -> None:
            text = f"{stage}: {message}" if message else stage
            progress.update(task, completed=fraction, description=text)

        yield on_progress


def _suffix(command: Command) -> str:
    return f".{getattr(command, 'output_format', 'parquet')}"


def _place(files: Files, event: TerminalEvent, name: str, to: Path) -> Path | None:
    """Give the output that the event names `name` its documented place."""
    ref: BlobRef | None = getattr(event, name, None)
    if ref is None:
        return None
    files.move(ref, to)
    return to


def _report(json: bool, event: TerminalEvent, facts: dict[str, Any], paths: list[Path | None]) -> None:
    written = [str(path) for path in paths if path is not None]
    if json:
        frame.print_json({"type": type(event).__name__, **facts, "files": written})
        return
    for name, value in facts.items():
        text = f"{value:.4g}" if isinstance(value, float) else str(value)
        print(f"{name.replace('_', ' '):<24} {text}")
    print("written: " + ", ".join(written))
