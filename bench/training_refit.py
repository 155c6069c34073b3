"""One model fitted on all training records against the mean of the folds' models: which predicts better.

Both are judged on the same test molecules, which neither has seen. TrainModel's `refit` chooses between
them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from bench.race import say
from bench.report import Figure, Report
from bench.training_kept import Kept
from bench.training_options import TrainingOptions
from bench.training_ours import Ours, prepare
from bench.training_scores import Round, score_of
from bench.training_sets import SETS, Material


def scored(ours: Ours, each: Round, threads: int) -> dict[str, float]:
    """The test score of `all` and of `folds`."""
    material, partition, seed = each.material, each.partition, each.seed
    prepared = prepare(ours, material)
    (alone,) = prepared.outputs(partition.training, [partition.test], seed, threads)
    together = np.mean(
        [
            prepared.outputs(partition.training_of(fold), [partition.test], seed, threads)[0]
            for fold in range(partition.k_fold)
        ],
        axis=0,
    )
    task, actual = material.of.task, material.values[partition.test]
    return {"all": score_of(task, actual, alone), "folds": score_of(task, actual, together)}


def refit(chosen: TrainingOptions, load: Callable[[str], Material], report: Report) -> None:
    ours, kept = Ours(*chosen.method.split(":")), Kept(chosen.keep / "refit.jsonl")
    found = {
        (name, split): [
            _kept(chosen, kept, ours, Round(load(name), split, seed)) for seed in range(chosen.seeds)
        ]
        for name in chosen.sets
        for split in chosen.splits
    }
    add_figures(report, ours.name, found)


def add_figures(
    report: Report, method: str, found: Mapping[tuple[str, str], Sequence[Mapping[str, float]]]
) -> None:
    """`found`: by set and split what `scored` gave for each seed."""
    better = 0
    for (name, split), seeds in found.items():
        every, folds = (float(np.mean([one[how] for one in seeds])) for how in ("all", "folds"))
        unit = SETS[name].score
        ratio = folds / every if unit == "RMSE" else every / folds
        better += ratio >= 1
        title = f"{name}, {split}: {method} fitted on all"
        report.figures.append(Figure(title, every, unit, "the folds' models together", folds, ratio))
    report.notes.append(
        f"{method}: one model of all training records is not behind the mean of the folds' models on "
        f"{better} of {len(found)} sets and splits"
    )


def _kept(chosen: TrainingOptions, kept: Kept, ours: Ours, each: Round) -> dict[str, Any]:
    public = each.material.of
    algorithm = ours.algorithm(public.task)
    key = {
        "part": "refit",
        "set": public.name,
        "split": each.split,
        "seed": each.seed,
        "method": ours.name,
        "parameters": repr(algorithm and algorithm.resolve({})),
        "data": each.material.digest(each.partition),
    }

    def measure() -> dict[str, float]:
        say(f"{public.name}, {each.split}, seed {each.seed}, {ours.name}: all against folds")
        return scored(ours, each, chosen.threads)

    return kept.once(key, measure)
