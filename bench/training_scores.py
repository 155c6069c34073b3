"""How well methods of ours and of others predict molecules that they have not seen.

All are tested on the same molecules. A method of ours is also judged without the test set: fitted on
four of the five folds of the training part, judged on the fifth, for the first seeds. These validation
scores choose.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from bench.molecules import default_cache
from bench.race import say
from bench.rivals.chemprop_model import CHEMPROP, ChempropFailed, predict
from bench.rivals.environments import NoEnvironment
from bench.rivals.sklearn_models import RIVALS, ecfp4
from bench.training_kept import Kept
from bench.training_options import TrainingOptions
from bench.training_ours import Ours, every, prepare
from bench.training_sets import Material, PublicSet
from molfleet.errors import Rejected
from workers.modeler.algorithms.base import CLASSIFICATION, FloatArray, Task
from workers.modeler.splits import Partition

#: Validation scores of so many seeds are enough to choose by.
VALIDATED = 2
CHEMPROP_NAME = "rival:chemprop"
RIVAL_NAMES: Mapping[str, str] = {
    "rival:forest": "scikit-learn random forest, ECFP4",
    "rival:lightgbm": "LightGBM defaults, ECFP4",
    CHEMPROP_NAME: "chemprop 2 defaults",
}

#: Who runs where nobody is named: the rivals, and what did well in a first look at all methods.
CONTESTANTS = (
    *RIVAL_NAMES,
    "extratrees:ECFC+DESC",
    "lightgbm:ECFC+DESC",
    "extremegradientboosting:ECFC+DESC",
    "supportvectormachine:ECFC+DESC",
    "gaussianprocess:ECFC+DESC",
)
#: Of a quick look: chemprop's environment alone would take longer to make.
QUICK_CONTESTANTS = tuple(name for name in CONTESTANTS if name != CHEMPROP_NAME)


def score_of(task: Task, actual: NDArray[Any], outputs: FloatArray) -> float:
    """RMSE of values, or area under the ROC curve. `outputs` (rows, classes or 1) or [n]."""
    predicted = outputs if outputs.ndim == 1 else outputs[:, -1]
    if task == CLASSIFICATION:
        return float(roc_auc_score(actual, predicted))
    return float(np.sqrt(np.mean((actual - predicted) ** 2)))


@dataclass(frozen=True, slots=True)
class Scored:
    """One contestant on one split of one set. `validation` is None for rivals, and for later seeds."""

    test: float
    validation: float | None
    seconds: float


#: (set, split) -> contestant -> seed -> result.
Results = Mapping[tuple[str, str], Mapping[str, Mapping[int, Scored]]]


@dataclass(frozen=True)
class Round:
    """One split of one set, the same for all contestants."""

    material: Material
    split: str
    seed: int

    @cached_property
    def partition(self) -> Partition:
        return self.material.partition(self.split, self.seed)

    def key(self, contestant: str, made_of: str) -> dict[str, Any]:
        """Names a result. Rivals make their own folds, if any: ours are no part of what they are."""
        if contestant not in RIVAL_NAMES:
            folds = hashlib.sha256(self.partition.folds.tobytes()).hexdigest()[:12]
            made_of = f"{made_of} {folds}"
        return {
            "part": "score",
            "set": self.material.of.name,
            "split": self.split,
            "seed": self.seed,
            "contestant": contestant,
            "data": self.material.digest(self.partition),
            "made_of": made_of,
        }


@dataclass
class Scores:
    """Runs what is missing in `kept`."""

    chosen: TrainingOptions
    kept: Kept
    material: Callable[[str], Material]

    def rounds(self) -> Iterator[Round]:
        """Whole seeds first, so that a run that is stopped leaves comparable results."""
        for seed in range(self.chosen.seeds):
            for name in self.chosen.sets:
                for split in self.chosen.splits:
                    yield Round(self.material(name), split, seed)

    def run(self) -> None:
        otherwise = QUICK_CONTESTANTS if self.chosen.quick else CONTESTANTS
        for each in self.rounds():
            for name in (*RIVAL_NAMES, *(ours.name for ours in every())):
                if self.chosen.wants(name, otherwise):
                    self._one(each, name)

    def results(self) -> Results:
        """Whatever there is for the chosen sets, splits and seeds, also of contestants not chosen."""
        results: dict[tuple[str, str], dict[str, dict[int, Scored]]] = {}
        for each in self.rounds():
            of_split = results.setdefault((each.material.of.name, each.split), {})
            for name, scored in self.found(each).items():
                of_split.setdefault(name, {})[each.seed] = scored
        return results

    def found(self, each: Round) -> dict[str, Scored]:
        """Every result that there is of a round, by contestant."""
        results = {}
        for name in (*RIVAL_NAMES, *(ours.name for ours in every())):
            made_of = self.made_of(name, each.material.of)
            if made_of is not None and (result := self.kept.get(each.key(name, made_of))):
                results[name] = Scored(**result)
        return results

    def made_of(self, name: str, public: PublicSet) -> str | None:
        """What a result depends on besides the data; None where the contestant cannot run on the set."""
        if name == CHEMPROP_NAME:
            return CHEMPROP.package
        if name in RIVAL_NAMES:
            return f"{_version('scikit-learn')} {_version('lightgbm')}"
        algorithm = Ours(*name.split(":")).algorithm(public.task)
        return None if algorithm is None else f"{algorithm.code} {algorithm.resolve({})}"

    def _one(self, each: Round, name: str) -> None:
        made_of = self.made_of(name, each.material.of)
        if made_of is None or self.kept.get(each.key(name, made_of)):
            return
        where = f"{each.material.of.name}, {each.split}, seed {each.seed}, {name}"
        try:
            scored = self._rival(each, name) if name in RIVAL_NAMES else self._ours(each, name)
        except (ChempropFailed, NoEnvironment, Rejected) as error:
            say(f"{where}: not measured: {error}")
            return
        self.kept.put(
            each.key(name, made_of),
            {"test": scored.test, "validation": scored.validation, "seconds": round(scored.seconds, 2)},
        )
        say(f"{where}: {each.material.of.score} {scored.test:.4f} ({scored.seconds:.0f} s)")

    def _ours(self, each: Round, name: str) -> Scored:
        prepared = prepare(Ours(*name.split(":")), each.material)
        partition, values, task = each.partition, each.material.values, each.material.of.task
        began = time.monotonic()
        (test,) = prepared.outputs(partition.training, [partition.test], each.seed, self.chosen.threads)
        seconds = time.monotonic() - began
        validation = None
        if each.seed < VALIDATED:
            judged = partition.validation_of(0)
            (outputs,) = prepared.outputs(
                partition.training_of(0), [judged], each.seed, self.chosen.threads
            )
            validation = score_of(task, values[judged], outputs)
        return Scored(score_of(task, values[partition.test], test), validation, seconds)

    def _rival(self, each: Round, name: str) -> Scored:
        material, partition = each.material, each.partition
        task, values, test = material.of.task, material.values, partition.test
        began = time.monotonic()
        if name == CHEMPROP_NAME:
            with tempfile.TemporaryDirectory(prefix="molfleet-bench-") as directory:
                outputs = predict(
                    self._chemprop, material.smiles, values, test, task, each.seed, Path(directory)
                )
        else:
            x, rows = ecfp4(material.smiles), partition.training
            outputs = RIVALS[RIVAL_NAMES[name]](x[rows], values[rows], x[test], task, each.seed)
        return Scored(score_of(task, values[test], outputs), None, time.monotonic() - began)

    @cached_property
    def _chemprop(self) -> Path:
        """Raises NoEnvironment."""
        return self.chosen.chemprop_python or CHEMPROP.interpreter(default_cache())


@cache
def _version(package: str) -> str:
    return f"{package} {importlib.metadata.version(package)}"
