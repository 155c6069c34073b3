"""Every model that one training fits: of the folds, of all records, of the audits. None is fitted twice.

Each finished fit is a checkpoint, so that an attempt that takes over goes on behind the last one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from molfleet.bundles.arrays import pack, unpack
from molfleet.errors import Code, Rejected
from workers.modeler.algorithms.base import CLASSIFICATION, FloatArray, Matrix, Run
from workers.modeler.digests import digest_of
from workers.modeler.ensembles.base import Recipe
from workers.modeler.learners import Data
from workers.modeler.sealed import SealedModel
from workers.modeler.splits import SPLITS, Indices, Partition, Samples, Split
from workers.modeler.versions import library_versions

#: Rows on which an exported model is compared with its estimator at a time.
_BLOCK = 4096


class Checkpoints(Protocol):
    """The part of the context that keeps files for later attempts."""

    @property
    def scratch(self) -> Path: ...

    def checkpoint(self, name: str) -> Path | None: ...

    def put_checkpoint(self, name: str, path: Path) -> Path: ...


@dataclass(frozen=True)
class Problem:
    """All that a fitted model depends on.

    `samples` has one entry per record used; its values are classes or (transformed) numbers.
    `perturbed` are unprepared rows that no molecule has, on which exports are checked as well.
    """

    recipe: Recipe
    data: Data
    samples: Samples
    split: Split
    partition: Partition
    perturbed: Matrix
    seed: int
    threads: int

    @property
    def values(self) -> NDArray[Any]:
        return self.samples.values

    @property
    def run(self) -> Run:
        return Run(self.seed, self.threads, self.data.continuous)

    @property
    def outputs(self) -> int:
        """Columns of an output: classes, or 1."""
        return int(self.values.max()) + 1 if self.recipe.task == CLASSIFICATION else 1

    def inner(self, rows: Indices, test_set_size: float, k_fold: int) -> Partition:
        """Some records dealt by the training's own split, or stratified where that would leave a part
        without a class. Raises Rejected(UNSUITABLE_TARGET) where that does, too."""
        samples = self.samples.at(rows)
        for split in (self.split, SPLITS.get("stratified")):
            try:
                partition = split.partition(samples, test_set_size, k_fold, self.seed)
            except Rejected:  # too few groups among these records
                continue
            if self._learnable(samples, partition, test_set_size > 0):
                return partition
        raise Rejected(
            Code.UNSUITABLE_TARGET,
            f"{self.recipe.display_name}: the combination is learned from records that are kept from the "
            f"members, and {len(rows):,} records, or those of the rarest class among them, are too few for "
            "that: choose voting or another method.",
            details={"method": self.recipe.code},
        )

    def _learnable(self, samples: Samples, partition: Partition, held_out: bool) -> bool:
        """Whether members can be learned from what is not `held_out`, or from all folds but one."""
        if held_out:
            parts = [partition.training, partition.test]
        else:
            parts = [partition.training_of(fold) for fold in range(partition.k_fold)]
        classes = self.outputs if self.recipe.task == CLASSIFICATION else 1
        return all(len(np.unique(samples.values[part])) >= classes for part in parts)

    def digest(self) -> str:
        """Names the checkpoints: what an attempt has fitted of another source, or with other versions of
        the libraries (a deployment that rolls), is not taken up by the next.

        The number of threads is not in it: it moves the last digits of some methods at most, and a worker
        of another size would begin again.
        """
        return digest_of(replace(self, threads=0), library_versions())


@dataclass(frozen=True)
class Wanted:
    """One fit: from which records, and of which the outputs are wanted. `sealed`: the model itself too.

    `values` (records,) replace the problem's own where others are to be learned.
    """

    name: str
    rows: Indices
    judged: Mapping[str, Indices]
    sealed: bool = False
    values: NDArray[Any] | None = None


@dataclass(frozen=True)
class Fit:
    """What came of it: outputs (rows, classes or 1) by name; where it was wanted the sealed model, its
    largest difference from the estimators, and their own importances of the features, if any."""

    outputs: Mapping[str, FloatArray]
    model: SealedModel | None = None
    difference: float = 0.0
    importances: FloatArray | None = None

    def pack(self) -> bytes:
        arrays: dict[str, NDArray[Any]] = {f"outputs:{name}": rows for name, rows in self.outputs.items()}
        if self.model is not None:
            arrays |= {f"model:{name}": array for name, array in self.model.pack().items()}
            arrays["difference"] = np.array([self.difference])
        if self.importances is not None:
            arrays["importances"] = self.importances
        return pack(arrays)

    @classmethod
    def unpack(cls, data: bytes, n_features: int) -> Fit:
        arrays = unpack(data)
        model = _below("model:", arrays)
        return cls(
            outputs=_below("outputs:", arrays),
            model=SealedModel.unpack(model, n_features) if model else None,
            difference=float(arrays["difference"][0]) if model else 0.0,
            importances=arrays.get("importances"),
        )


def _below(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    found = ((name, array) for name, array in arrays.items() if name.startswith(prefix))
    return {name.removeprefix(prefix): array for name, array in found}


class Fitter:
    """Fits what is wanted of one problem, or takes it from the checkpoint of an earlier attempt."""

    def __init__(self, problem: Problem, checkpoints: Checkpoints) -> None:
        self._problem = problem
        self._checkpoints = checkpoints
        self._digest = problem.digest()

    def __call__(self, wanted: Wanted, begins: Callable[[], None] | None = None) -> Fit:
        """`begins` is called before the work, and not where an earlier attempt has done it.

        Raises Rejected(INTERNAL) where a sealed model is not exact.
        """
        name = f"{wanted.name}-{digest_of(self._digest, wanted)}.npz"
        kept = self._checkpoints.checkpoint(name)
        if kept is None:
            if begins is not None:
                begins()
            path = self._checkpoints.scratch / name
            path.write_bytes(self._fit(wanted).pack())
            kept = self._checkpoints.put_checkpoint(name, path)
        return Fit.unpack(kept.read_bytes(), self._problem.data.features.shape[1])

    def _fit(self, wanted: Wanted) -> Fit:
        problem, data = self._problem, self._problem.data
        if wanted.values is not None:
            problem = replace(problem, samples=replace(problem.samples, values=wanted.values))
        values = problem.values[wanted.rows]
        fitted = problem.recipe.fit(data, wanted.rows, values, problem.inner, problem.run)
        outputs = {name: fitted.outputs(data, rows) for name, rows in wanted.judged.items()}
        if not wanted.sealed:
            return Fit(outputs)
        model, difference = fitted.seal(lambda: self._blocks(wanted))
        return Fit(outputs, model, difference, fitted.importances(data, wanted.rows))

    def _blocks(self, wanted: Wanted) -> Iterator[Matrix]:
        """Unprepared rows of all that is judged, and the perturbed ones."""
        for rows in wanted.judged.values():
            for start in range(0, len(rows), _BLOCK):
                yield self._problem.data.features[rows[start : start + _BLOCK]]
        yield self._problem.perturbed
