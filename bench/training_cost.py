"""What a whole TrainModel takes: wall time, peak memory, and the share outside the learning library.

Each runs in a process of its own, with the offline handler: reading, standardizing, featurizing, folds,
the final fit, the check of the exported model, figures and pictures are all in it.
"""

from __future__ import annotations

import csv
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rdkit import Chem, rdBase
from rdkit.Chem import Crippen, rdMolDescriptors

from bench.family import watching
from bench.molecules import base_file, default_cache
from bench.race import say
from bench.report import Figure, Report
from bench.site import ROOT, RunFailed
from bench.training_kept import Kept
from bench.training_options import TrainingOptions
from bench.training_ours import Ours
from bench.training_sets import SETS
from molfleet.processes import OPENMP
from workers.modeler.algorithms.base import CLASSIFICATION, REGRESSION, Task

_GOAL_GIB, _GOAL_SHARE = 4.0, 15.0
_NOISE = 0.3
_SMILES = re.compile(rb"^>  <SMILES>\n(.+)\n", re.MULTILINE)
_FOLDS = {"lipophilicity": 5, "large": 2}


@dataclass(frozen=True, slots=True)
class Source:
    """A table with the columns smiles, value, and high (whether the value is above the median)."""

    name: str
    path: Path
    records: int


def sources(chosen: TrainingOptions, directory: Path) -> Iterator[Source]:
    """lipophilicity, where it is chosen, and the large set; as tables in `directory` or the cache."""
    public = SETS["lipophilicity"]
    if public.name in chosen.sets and public.path.exists():
        with public.path.open(encoding="utf-8", newline="") as stream:
            rows = [(row["smiles"], float(row[public.target])) for row in csv.DictReader(stream)]
        yield _written("lipophilicity", rows[: chosen.most], directory / "lipophilicity.csv")
    count = min(chosen.large, chosen.most or chosen.large)
    path = default_cache() / f"training-{count}.csv"
    if not path.exists():
        say(f"{count:,} molecules: made once")
        _written("large", list(computed(base_file(count, default_cache()))), path)
    yield Source("large", path, count)


def computed(molecules: Path) -> Iterator[tuple[str, float]]:
    """(SMILES, value) of an SD file of bench.molecules: a law of the structure, and noise.

    No measurement: it is there for time and memory, and a model's score on it says nothing.
    """
    draw = random.Random(0)
    for found in _SMILES.finditer(molecules.read_bytes()):
        smiles = found[1].decode()
        with rdBase.BlockLogs():
            mol = Chem.MolFromSmiles(smiles)
        law = (
            0.5 * Crippen.MolLogP(mol)  # type: ignore[attr-defined]
            - 0.01 * rdMolDescriptors.CalcTPSA(mol)
            + 0.2 * rdMolDescriptors.CalcNumAromaticRings(mol)
        )
        yield smiles, law + draw.gauss(0.0, _NOISE)


def _written(name: str, rows: list[tuple[str, float]], path: Path) -> Source:
    middle = statistics.median(value for _, value in rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".new")
    with aside.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("smiles", "value", "high"))
        writer.writerows((smiles, f"{value:.4f}", int(value > middle)) for smiles, value in rows)
    aside.replace(path)
    return Source(name, path, len(rows))


def measure(source: Source, ours: Ours, task: Task, threads: int, patience_s: float) -> dict[str, Any]:
    """What the program of bench.training_cost_run tells, and `peak` in bytes. Raises RunFailed."""
    target = "value" if task == REGRESSION else "high"
    told = [str(source.path), target, task, ours.family, ours.features]
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "bench.training_cost_run"),
            *(*told, str(_FOLDS[source.name]), str(threads)),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**OPENMP, **os.environ},
    )
    try:
        with watching([process.pid], memory=True) as watched:
            output, errors = process.communicate(timeout=patience_s)
    except subprocess.TimeoutExpired:
        raise RunFailed(f"not done in {patience_s:g} s") from None
    finally:
        process.kill()
        process.wait()
    if process.returncode:
        raise RunFailed(errors.strip()[-300:] or f"exit code {process.returncode}")
    return {**json.loads(output.splitlines()[-1]), "peak": watched.peak_pss}


def cost(chosen: TrainingOptions, methods: list[Ours], report: Report) -> None:
    kept = Kept(chosen.keep / "cost.jsonl")
    with tempfile.TemporaryDirectory(prefix="molfleet-bench-") as name:
        for source in sources(chosen, Path(name)):
            for ours in methods:
                task = REGRESSION if ours.algorithm(REGRESSION) else CLASSIFICATION
                _one(chosen, source, ours, task, kept, report)
    report.notes.append(
        "cost: one TrainModel by the offline handler, "
        + ", ".join(f"{folds} folds on {name}" for name, folds in _FOLDS.items())
        + f", {chosen.threads} threads; peak: PSS of the process and all below it; the library: fit and "
        "predict of the estimators; the large set is of made molecules with a computed value and noise"
    )


def _one(
    chosen: TrainingOptions, source: Source, ours: Ours, task: Task, kept: Kept, report: Report
) -> None:
    title = f"{source.name} ({source.records:,}), {ours.name}"
    algorithm = ours.algorithm(task)
    key = {
        "part": "cost",
        "source": source.name,
        "records": source.records,
        "method": ours.name,
        "threads": chosen.threads,
        "folds": _FOLDS[source.name],
        "parameters": repr(algorithm and algorithm.resolve({})),
    }

    def run() -> dict[str, Any]:
        say(title)
        return measure(source, ours, task, chosen.threads, chosen.patience_s)

    try:
        found = kept.once(key, run)
    except RunFailed as error:
        report.notes.append(f"{title}: not measured: {error}")
        say(report.notes[-1])
        return
    gib = found["peak"] / 2**30
    outside = 100 * (1 - found["inside"] / found["seconds"])
    featurizing = 100 * found["stages"].get("featurize", 0.0) / found["seconds"]
    goal = f"at most {_GOAL_GIB:g} GiB"
    report.figures += [
        Figure(f"{title}: wall time", found["seconds"], "s"),
        Figure(f"{title}: peak memory", gib, "GiB", goal, _GOAL_GIB, _GOAL_GIB / gib, 1.0),
        Figure(
            f"{title}: outside the library",
            outside,
            "%",
            f"at most {_GOAL_SHARE:g} %",
            _GOAL_SHARE,
            _GOAL_SHARE / outside if outside > 0 else None,
            1.0,
        ),
        Figure(f"{title}: outside the library, and not featurizing", outside - featurizing, "%"),
    ]
    stages = ", ".join(f"{name} {seconds:.1f}" for name, seconds in found["stages"].items())
    report.notes.append(
        f"{title}: {found['seconds']:.0f} s, of which {found['inside']:.0f} in the library; featurizing "
        f"{featurizing:.0f} %; stages in s: {stages}; model {found['model_bytes'] / 2**20:.1f} MiB"
    )
