"""One model per fold, each judged on what it did not see. A finished fold is never computed twice."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from molfleet.bundles.arrays import pack, unpack
from workers.modeler.algorithms.base import Algorithm, FloatArray, Matrix, Run
from workers.modeler.exactness import require_exact
from workers.modeler.preparation import Preparation, Scaler, fit_preparation
from workers.modeler.splits import Partition


class Checkpoints(Protocol):
    """The part of the context that keeps files for later attempts."""

    @property
    def scratch(self) -> Path: ...

    def checkpoint(self, name: str) -> Path | None: ...

    def put_checkpoint(self, name: str, path: Path) -> Path: ...


@dataclass(frozen=True)
class Problem:
    """All that a fitted model depends on.

    `features` float32 (records, features) with gaps, `values` (records,) classes or numbers,
    `perturbed` rows on which the export is checked. `shared` is the preparation of all folds where
    they become one ensemble; None: each fold fits its own.
    """

    algorithm: Algorithm
    parameters: Mapping[str, Any]
    scaler: Scaler
    features: Matrix
    values: NDArray[Any]
    partition: Partition
    continuous: NDArray[np.bool_]
    perturbed: Matrix
    shared: Preparation | None
    seed: int
    threads: int

    @property
    def sd(self) -> float:
        """Standard deviation of the training values."""
        return float(np.std(self.values[self.partition.training]))

    @property
    def run(self) -> Run:
        return Run(self.seed, self.threads, self.continuous)

    def digest(self) -> str:
        """Names the checkpoints: a source that changed between two attempts must not meet old folds."""
        digest = hashlib.sha256()
        for array in (self.features, self.values, self.partition.folds):
            digest.update(np.ascontiguousarray(array).data)
        told = (
            self.algorithm.code,
            sorted(self.parameters.items()),
            self.scaler.code,
            self.shared is None,
            self.seed,
        )
        digest.update(repr(told).encode())
        return digest.hexdigest()[:16]


@dataclass(frozen=True)
class Fold:
    """Outputs (rows, classes or 1) of one fold's model; where it is kept its ONNX (else empty), and the
    largest difference between the two."""

    train: FloatArray
    validation: FloatArray
    test: FloatArray
    graph: bytes = b""
    export_difference: float = 0.0

    def pack(self) -> bytes:
        arrays = {"train": self.train, "validation": self.validation, "test": self.test}
        kept = {
            "graph": np.frombuffer(self.graph, dtype=np.uint8),
            "export_difference": np.array([self.export_difference]),
        }
        return pack({**arrays, **kept})

    @classmethod
    def unpack(cls, data: bytes) -> Fold:
        arrays = unpack(data)
        return cls(
            arrays["train"],
            arrays["validation"],
            arrays["test"],
            arrays["graph"].tobytes(),
            float(arrays["export_difference"][0]),
        )


def cross_validate(
    problem: Problem, checkpoints: Checkpoints, progress: Callable[[float, str], None]
) -> list[Fold]:
    """The folds in order, taken from checkpoints as far as an earlier attempt came."""
    digest = problem.digest()
    folds = []
    k_fold = problem.partition.k_fold
    for number in range(k_fold):
        progress(number / k_fold, f"fold {number + 1} of {k_fold}")
        name = f"fold-{number}-{digest}.npz"
        kept = checkpoints.checkpoint(name)
        if kept is None:
            path = checkpoints.scratch / name
            path.write_bytes(_fit_fold(problem, number).pack())
            kept = checkpoints.put_checkpoint(name, path)
        folds.append(Fold.unpack(kept.read_bytes()))
    return folds


def _fit_fold(problem: Problem, number: int) -> Fold:
    algorithm, partition = problem.algorithm, problem.partition
    rows = partition.training_of(number)
    preparation = problem.shared or fit_preparation(problem.scaler, problem.features[rows])
    train = preparation.apply(problem.features[rows])
    validation = preparation.apply(problem.features[partition.validation_of(number)])
    test = preparation.apply(problem.features[partition.test])
    estimator = algorithm.fit(train, problem.values[rows], problem.parameters, problem.run)
    graph, difference = b"", 0.0
    if problem.shared is not None:
        graph = algorithm.export(estimator, train.shape[1])
        unseen = [validation, test, preparation.apply(problem.perturbed)]
        difference = require_exact(algorithm, estimator, graph, unseen, problem.sd)
    return Fold(
        train=algorithm.outputs(estimator, train),
        validation=algorithm.outputs(estimator, validation),
        test=algorithm.outputs(estimator, test),
        graph=graph,
        export_difference=difference,
    )
