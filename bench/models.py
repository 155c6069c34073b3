"""Real models for the benchmarks, trained offline on the measured molecules of the RDKit wheel."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from bench.site import RunFailed
from molfleet.local.demo_data import measured_sdf

#: name in the tables -> method code; 1,017 molecules, ECFP4 of 2048 bits, the methods' own defaults.
METHODS: Mapping[str, str] = {"random forest": "randomforestregressor", "LightGBM": "lightgbmregressor"}


def train(directory: Path, methods: Mapping[str, str]) -> dict[str, Path]:
    """A model file for each method, by name. Raises RunFailed."""
    source, _ = measured_sdf(directory / "measured.sdf")
    return {name: _train(source, code, directory / code) for name, code in methods.items()}


def _train(source: Path, method: str, output: Path) -> Path:
    program = "from molfleet.cli.app import main; main()"
    wanted = ["--target", "activity", "--method", method, "--featurizer", "ECFP:2048:2"]
    fields = ["--set", "k_fold=2", "--set", "task=regression"]
    done = subprocess.run(
        [sys.executable, "-c", program, "train", str(source), *wanted, *fields, "--output", str(output)],
        capture_output=True,
        text=True,
        timeout=600,
    )
    if done.returncode != 0:
        raise RunFailed(f"training {method} failed: {done.stderr.strip()[-500:]}")
    return output / "model.molmodel"
