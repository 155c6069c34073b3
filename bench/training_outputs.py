"""Outputs of models that had not seen the molecule: a fold's for its own, the final model's for the test.

They are kept, so that what is made of them (calibration, domain) can be measured again in no time.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.training_ours import Ours, prepare
from bench.training_sets import Material
from workers.modeler.algorithms.base import FloatArray
from workers.modeler.splits import Partition


@dataclass(frozen=True)
class Unseen:
    """One method on one split of one set; `outputs` (molecules, classes or 1)."""

    material: Material
    partition: Partition
    outputs: FloatArray

    @property
    def training(self) -> NDArray[np.int64]:
        return self.partition.training

    @property
    def test(self) -> NDArray[np.int64]:
        return self.partition.test

    def of(self, rows: NDArray[np.int64]) -> tuple[NDArray[Any], FloatArray, NDArray[np.uint8]]:
        """Values, outputs and packed fingerprints of some molecules."""
        return self.material.values[rows], self.outputs[rows], self.material.ecfp4[rows]


def unseen(ours: Ours, material: Material, split: str, seed: int, threads: int, keep: Path) -> Unseen:
    """Raises Rejected where the method has no algorithm for the set's task."""
    partition = material.partition(split, seed)
    algorithm = ours.algorithm(material.of.task)
    parameters = algorithm and algorithm.resolve({})
    told = (ours.name, parameters, material.digest(partition), partition.folds.tobytes(), seed)
    name = f"{material.of.name}-{split}-{seed}-{hashlib.sha256(repr(told).encode()).hexdigest()[:12]}.npy"
    path = keep / name
    if not path.exists():
        keep.mkdir(parents=True, exist_ok=True)
        aside = path.with_suffix(".new")
        with aside.open("wb") as stream:
            np.save(stream, _fitted(ours, material, partition, seed, threads))
        aside.replace(path)
    return Unseen(material, partition, np.load(path))


def _fitted(ours: Ours, material: Material, partition: Partition, seed: int, threads: int) -> FloatArray:
    prepared = prepare(ours, material)
    (test,) = prepared.outputs(partition.training, [partition.test], seed, threads)
    outputs = np.empty((len(material.values), test.shape[1]))
    outputs[partition.test] = test
    for fold in range(partition.k_fold):
        rows = partition.validation_of(fold)
        (outputs[rows],) = prepared.outputs(partition.training_of(fold), [rows], seed, threads)
    return outputs
