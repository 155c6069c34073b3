"""molfleet train, predict: the fleet's handlers on local files, without Kafka."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import Annotated

import typer

from molfleet.cli import frame, running


def train(
    file: running.File,
    target: Annotated[list[str], typer.Option("--target", "-t", help="Column or SD field to learn.")],
    method: Annotated[str, typer.Option("--method", "-m", help="See molfleet catalogue.")],
    featurizer: running.Featurizers,
    output: running.OutputDir,
    set_: running.Set = None,
    processes: running.Processes = None,
    json: frame.Json = False,
) -> None:
    """Train a model on the molecules and measurements in FILE.

    Writes model.molmodel, metrics.json, rejects.csv where there are any, and the artifacts.
    Example: molfleet train logd.csv --target logD --method lightgbm --featurizer ECFP:2048:2 --output model
    """
    from molfleet.cli import fields, show, trained
    from molfleet.local.offline import Files
    from molfleet.messages.generated import TrainModel

    files = Files()
    wanted = {
        "source": files.ref(file),
        "targets": target,
        "method": method,
        "featurizers": [fields.featurizer(text) for text in featurizer],
    }
    command = running.command_of(TrainModel, wanted, set_)
    event = running.run("modeler", command, files, output, processes, json)
    model = running.place(files, event, "model", output / "model.molmodel")
    rejects = running.place(files, event, "rejects", output / "rejects.csv")
    metrics = show.plain(getattr(event, "metrics", []))
    path = output / "metrics.json"
    path.write_text(json_module.dumps(metrics, indent=2) + "\n", "utf-8")
    artifacts = [files.path(artifact.blob) for artifact in getattr(event, "artifacts", [])]
    counts = {name: getattr(event, name) for name in ("records_used", "records_skipped")}
    if json:
        overall = {f"{m['subset']} {m['name']}": m["value"] for m in metrics if m.get("fold") is None}
        counts |= overall | {"metadata": dict(getattr(event, "metadata", {}))}
    else:
        print(*trained.lines(event), sep="\n")
        counts = {}
    running.report(json, event, counts, [model, path, rejects, *artifacts])


def predict(
    file: running.File,
    model: Annotated[
        list[Path],
        typer.Option("--model", "-m", exists=True, dir_okay=False, help="A .molmodel. Repeatable."),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", dir_okay=False, help="FILE.csv, .parquet or .sdf.")
    ],
    set_: running.Set = None,
    processes: running.Processes = None,
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
    command = running.command_of(PredictProperties, wanted, set_)
    event = running.run("predictor", command, files, output.parent, processes, json)
    counts = {name: getattr(event, name) for name in ("records", "predicted", "failed")}
    table = running.place(files, event, "output", output)
    rejects = running.place(files, event, "rejects", output.with_suffix(".rejects.csv"))
    running.report(json, event, counts, [table, rejects])
