"""chemprop 2 as its command line trains with nothing but defaults, in an environment of its own.

Its splits are given, so that it is tested on the same molecules as everybody: of the training part a
ninth, drawn by lot, chooses the epoch, as in its own default of 80/10/10 % .
"""

from __future__ import annotations

import csv
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.rivals.environments import Environment
from workers.modeler.algorithms.base import CLASSIFICATION, FloatArray, Task

CHEMPROP = Environment("chemprop==2.3.1", ("chemprop", "torch", "rdkit"))
#: Training molecules for one that chooses the epoch.
_TRAIN_TO_VALIDATION = 8
_PATIENCE_S = 4 * 3600.0
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


class ChempropFailed(Exception):
    """It ended without predictions; the message has its last words."""


def command(python: Path, table: Path, output: Path, task: Task, seed: int) -> list[str]:
    """Data, splits, seed and place of the output are given; all else is its default."""
    program = "from chemprop.cli.main import main; main()"
    data = ["--data-path", str(table), "--smiles-columns", "smiles", "--target-columns", "value"]
    place = ["--splits-column", "split", "--output-dir", str(output)]
    machine = ["--accelerator", "cpu", "--num-workers", "0"]
    seeds = ["--pytorch-seed", str(seed), "--data-seed", str(seed)]
    low = ["nice", "-n", "19"]
    return [*low, str(python), "-c", program, "train", *data, "--task-type", task, *place, *machine, *seeds]


def parts(count: int, test: NDArray[np.int64], seed: int) -> list[str]:
    """`train`, `val` or `test` for each of `count` molecules."""
    named = np.full(count, "train", dtype="U5")
    named[test] = "test"
    training = np.flatnonzero(named == "train")
    chosen = np.random.default_rng(seed).permutation(training)
    named[chosen[: max(1, len(training) // (_TRAIN_TO_VALIDATION + 1))]] = "val"
    return [str(name) for name in named]


def predict(
    python: Path,
    smiles: Sequence[str],
    values: NDArray[Any],
    test: NDArray[np.int64],
    task: Task,
    seed: int,
    directory: Path,
) -> FloatArray:
    """What it predicts for the test molecules after one training: value or probability of class 1, [n].

    Files are written below `directory`. SMILES must be distinct. Raises ChempropFailed.
    """
    table, output = directory / "molecules.csv", directory / "output"
    with table.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("smiles", "value", "split"))
        told = [int(v) for v in values] if task == CLASSIFICATION else [float(v) for v in values]
        writer.writerows(zip(smiles, told, parts(len(smiles), test, seed), strict=True))
    done = subprocess.run(
        command(python, table, output, task, seed),
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_PATIENCE_S,
        cwd=directory,
        # Not our PYTHONPATH: its environment has packages of its own.
        env={**os.environ, **_ONE_THREAD, "PYTHONPATH": ""},
    )
    path = output / "model_0" / "test_predictions.csv"
    if done.returncode or not path.exists():
        raise ChempropFailed(f"chemprop (exit code {done.returncode}): {done.stderr.strip()[-500:]}")
    with path.open(encoding="utf-8", newline="") as stream:
        found = {row["smiles"]: float(row["value"]) for row in csv.DictReader(stream)}
    return np.array([found[smiles[place]] for place in test])
