"""Default hyper-parameters: ours against those of the library that has the same algorithm.

Both learn from the same rows, prepared alike: a part of the training part, drawn by lot, since there are
many fits. The test set is whole.
"""

from __future__ import annotations

import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn import ensemble, linear_model, naive_bayes, neighbors, neural_network, svm
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.kernel_ridge import KernelRidge
from xgboost import XGBClassifier, XGBRegressor

from bench.race import say
from bench.report import Report
from bench.training_kept import Kept
from bench.training_options import TrainingOptions
from bench.training_ours import Rows
from bench.training_scores import Round, score_of
from bench.training_sets import Material
from workers.modeler.algorithms import ALGORITHMS
from workers.modeler.algorithms.base import REGRESSION, Algorithm, FloatArray, Matrix, Run
from workers.modeler.learners import Data, Learner

#: What most people use: bits alone, and counts beside descriptors.
FEATURES = ("ECFP", "ECFC+DESC")
#: Training molecules at most.
MOST = 400


class _Machine(svm.SVC):  # type: ignore[misc]
    def predict_proba(self, x: Matrix) -> FloatArray:
        """A margin ranks as its probability would."""
        return np.asarray(self.decision_function(x))[:, np.newaxis]


#: code -> the library's estimator for a seed; nothing else is set but the number of threads and silence.
LIBRARY: Mapping[str, Callable[[int], Any]] = {
    "naivebayesclassifier": lambda seed: naive_bayes.BernoulliNB(),
    "logisticregression": lambda seed: linear_model.LogisticRegression(random_state=seed),
    "ridgeregression": lambda seed: linear_model.Ridge(random_state=seed),
    # It has no elastic net for classes but this one, whose mixture has to be said.
    "elasticnetclassifier": lambda seed: linear_model.LogisticRegression(
        l1_ratio=0.5, solver="saga", random_state=seed
    ),
    "elasticnetregressor": lambda seed: linear_model.ElasticNet(random_state=seed),
    "adaboostclassifier": lambda seed: ensemble.AdaBoostClassifier(random_state=seed),
    "adaboostregressor": lambda seed: ensemble.AdaBoostRegressor(random_state=seed),
    "randomforestclassifier": lambda seed: ensemble.RandomForestClassifier(random_state=seed),
    "randomforestregressor": lambda seed: ensemble.RandomForestRegressor(random_state=seed),
    "extratreesclassifier": lambda seed: ensemble.ExtraTreesClassifier(random_state=seed),
    "extratreesregressor": lambda seed: ensemble.ExtraTreesRegressor(random_state=seed),
    "gradientboostingclassifier": lambda seed: ensemble.GradientBoostingClassifier(random_state=seed),
    "gradientboostingregressor": lambda seed: ensemble.GradientBoostingRegressor(random_state=seed),
    "extremegradientboostingclassifier": lambda seed: XGBClassifier(random_state=seed, n_jobs=1),
    "extremegradientboostingregressor": lambda seed: XGBRegressor(random_state=seed, n_jobs=1),
    "lightgbmclassifier": lambda seed: LGBMClassifier(random_state=seed, n_jobs=1, verbosity=-1),
    "lightgbmregressor": lambda seed: LGBMRegressor(random_state=seed, n_jobs=1, verbosity=-1),
    "mlpclassifier": lambda seed: neural_network.MLPClassifier(random_state=seed),
    "mlpregressor": lambda seed: neural_network.MLPRegressor(random_state=seed),
    "nearestneighborsclassifier": lambda seed: neighbors.KNeighborsClassifier(),
    "nearestneighborsregressor": lambda seed: neighbors.KNeighborsRegressor(),
    "supportvectormachineclassifier": lambda seed: _Machine(random_state=seed),
    "supportvectormachineregressor": lambda seed: svm.SVR(),
    "kernelridgeregressor": lambda seed: KernelRidge(),
    "gaussianprocessclassifier": lambda seed: GaussianProcessClassifier(random_state=seed),
    "gaussianprocessregressor": lambda seed: GaussianProcessRegressor(random_state=seed),
}


@dataclass(frozen=True, slots=True)
class Scored:
    """RMSE in standard deviations of the set's values, or area under the ROC curve; seconds of a fit."""

    score: float
    seconds: float


#: (features, split) -> the library's and our results.
Compared = Mapping[tuple[str, str], Sequence[tuple[Scored, Scored]]]


@dataclass(frozen=True)
class Place:
    """One split of one set with features of one sort, the same for all algorithms."""

    deal: Round
    features: str
    data: Data

    @cached_property
    def rows(self) -> Rows:
        """Those that are learned from."""
        drawn = np.random.default_rng(self.deal.seed).permutation(self.deal.partition.training)
        return np.sort(drawn[:MOST])

    @cached_property
    def key(self) -> dict[str, Any]:
        return {
            "part": "defaults",
            "set": self.deal.material.of.name,
            "split": self.deal.split,
            "seed": self.deal.seed,
            "features": self.features,
            "data": f"{self.deal.material.digest(self.deal.partition)} {MOST}",
        }


def measured(algorithm: Algorithm, given: Mapping[str, Any], place: Place) -> Scored:
    """With the hyper-parameters `given` over the defaults; CPU seconds of one thread."""
    values, rows, test = place.deal.material.values, place.rows, place.deal.partition.test
    learner = Learner(algorithm, algorithm.resolve(given))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        began = time.process_time()
        fitted = learner.fit(place.data, rows, values[rows], Run(place.deal.seed, 1))
        seconds = time.process_time() - began
    score = score_of(algorithm.task, values[test], fitted.outputs(place.data, test))
    if algorithm.task == REGRESSION:
        score /= float(np.std(values))
    return Scored(score, seconds)


def of_library(algorithm: Algorithm) -> Algorithm:
    """The same row with the library's estimator."""
    return replace(algorithm, build=lambda _, run: LIBRARY[algorithm.code](run.seed))


def defaults(chosen: TrainingOptions, load: Callable[[str], Material], report: Report) -> None:
    kept = Kept(chosen.keep / "defaults.jsonl")
    places = list(_places(chosen, load))
    found = {
        algorithm.code: _compared(algorithm, places, kept)
        for algorithm in ALGORITHMS
        if chosen.wants(algorithm.code, ("*",))
    }
    report.notes.append(
        f"default hyper-parameters, the library's / ours, at most {MOST} training molecules, "
        f"{chosen.seeds} seeds: RMSE in standard deviations or AUC, mean over sets and seeds; CPU seconds"
    )
    report.notes += table({code: compared for code, compared in found.items() if compared}, chosen.splits)


def _places(chosen: TrainingOptions, load: Callable[[str], Material]) -> Iterator[Place]:
    for name, features in product(chosen.sets, FEATURES):
        material = load(name)
        data = Data(material.features(features), material.continuous(features))
        for split, seed in product(chosen.splits, range(chosen.seeds)):
            yield Place(Round(material, split, seed), features, data)


def _compared(algorithm: Algorithm, places: Sequence[Place], kept: Kept) -> Compared:
    found = defaultdict(list)
    for place in places:
        if place.deal.material.of.task != algorithm.task:
            continue
        library = _kept(kept, of_library(algorithm), f"{algorithm.code}, the library's", place)
        ours = _kept(kept, algorithm, f"{algorithm.code} {algorithm.resolve({})}", place)
        found[place.features, place.deal.split].append((library, ours))
    return found


def _kept(kept: Kept, algorithm: Algorithm, made_of: str, place: Place) -> Scored:
    key = {**place.key, "made_of": made_of}

    def measure() -> dict[str, float]:
        found = measured(algorithm, {}, place)
        where = f"{key['set']}, {place.features}, {place.deal.split}, seed {place.deal.seed}"
        say(f"{where}: {made_of}: {found.score:.4f} ({found.seconds:.1f} s)")
        return asdict(found)

    return Scored(**kept.once(key, measure))


def table(found: Mapping[str, Compared], splits: Sequence[str]) -> list[str]:
    """Markdown. `better`: on how many of all pairs ours is not behind."""
    places = list(product(FEATURES, splits))
    heads = [f"{features}, {split}" for features, split in places]
    lines = [
        f"| Algorithm | {' | '.join(heads)} | Not behind | Fit, s |",
        "|---" * (len(heads) + 3) + "|",
    ]
    for code, compared in found.items():
        sign = -1 if ALGORITHMS.get(code).task == REGRESSION else 1
        pairs = [pair for place in places for pair in compared[place]]
        won = sum(sign * (ours.score - library.score) >= 0 for library, ours in pairs)
        cells = [_both([(one.score, other.score) for one, other in compared[place]], 3) for place in places]
        fit = _both([(one.seconds, other.seconds) for one, other in pairs], 1)
        lines.append(f"| `{code}` | {' | '.join(cells)} | {won} of {len(pairs)} | {fit} |")
    return lines


def _both(pairs: Sequence[tuple[float, float]], digits: int) -> str:
    library, ours = np.mean(pairs, axis=0)
    return f"{library:.{digits}f} / {ours:.{digits}f}"
