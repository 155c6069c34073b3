"""`python -m bench.training`: how good our models are, how honest, and what they cost.

Every single result is written below `--keep` as it comes, so that a run that was stopped goes on. Some
parts take hours on two cores (chemprop above all); `--quick` is a look at all of it in minutes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache

from bench import training_cost, training_domain, training_intervals
from bench.molecules import default_cache
from bench.race import say
from bench.report import Report
from bench.training_defaults import defaults
from bench.training_kept import Kept
from bench.training_options import TrainingOptions, chosen_of
from bench.training_ours import Ours, every, prepare
from bench.training_outputs import Unseen, unseen
from bench.training_refit import refit
from bench.training_scores import VALIDATED, Scores
from bench.training_sets import K_FOLD, SETS, Material, read
from bench.training_standings import add_figures, choose, table

#: Whose costs are measured where nobody is named.
COSTS = ("*:ECFP",)

Load = Callable[[str], Material]


def scores(chosen: TrainingOptions, load: Load, report: Report) -> None:
    running = Scores(chosen, Kept(chosen.keep / "scores.jsonl"), load)
    running.run()
    results = running.results()
    report.notes += table(results)
    choice = choose(results)
    if choice is None:
        report.notes.append("no method of ours has run on all of these sets")
        return
    add_figures(report, results, choice)
    report.notes.append(
        f"{choice.fixed} is the one method of ours with the lowest mean rank over sets and splits by "
        f"validation (fitted on four folds of the training part, judged on the fifth, seeds below "
        f"{VALIDATED}): test scores did not choose it. A set's own choice is the best there by the same "
        "scores"
    )
    report.notes.append(
        "all get the same standardized molecules, one value each, and the same test set (20 %); chemprop "
        "takes a ninth of its training part, by lot, to choose the epoch"
    )


def intervals(chosen: TrainingOptions, load: Load, report: Report) -> None:
    counts = {"random": chosen.random_splits, "scaffold": chosen.scaffold_splits}
    for name in chosen.sets:
        for split in chosen.splits:
            found = [
                training_intervals.held(one, seed)
                for seed, one in enumerate(_unseen(chosen, load(name), split, counts[split]))
            ]
            training_intervals.add_figures(report, SETS[name], split, chosen.method, found)
    report.notes.append(
        f"intervals and sets: as sealed by TrainModel, {K_FOLD} folds; plain: one width for all, from the "
        "same out-of-fold errors, and uncalibrated probabilities"
    )


def domain(chosen: TrainingOptions, load: Load, report: Report) -> None:
    found = {}
    for name in chosen.sets:
        data = prepare(_method(chosen), load(name)).data
        found[name] = [
            training_domain.judged(one, data, seed)
            for seed, one in enumerate(_unseen(chosen, load(name), "scaffold", chosen.scaffold_splits))
        ]
    training_domain.add_figures(report, found, chosen.method)


def cost(chosen: TrainingOptions, load: Load, report: Report) -> None:
    methods = [one for one in every() if chosen.wants(one.name, COSTS)]
    training_cost.cost(chosen, methods, report)


def _method(chosen: TrainingOptions) -> Ours:
    return Ours(*chosen.method.split(":"))


def _unseen(chosen: TrainingOptions, material: Material, split: str, count: int) -> Iterator[Unseen]:
    for seed in range(count):
        say(f"{material.of.name}, {split}, seed {seed}, {chosen.method}: every fold and the test set")
        yield unseen(_method(chosen), material, split, seed, chosen.threads, chosen.keep / "outputs")


PARTS: Mapping[str, Callable[[TrainingOptions, Load, Report], None]] = {
    "scores": scores,
    "intervals": intervals,
    "domain": domain,
    "cost": cost,
    "refit": refit,
    "defaults": defaults,
}


def measure(chosen: TrainingOptions) -> Report:
    @cache
    def load(name: str) -> Material:
        say(f"{name}: read and featurized once")
        return read(SETS[name], chosen.threads, chosen.most, default_cache() / "training")

    report = Report("Training: ours and others on public sets")
    absent = [name for name in chosen.sets if not SETS[name].path.exists()]
    report.notes += [f"{name} is left out: {SETS[name].file} is not on this machine" for name in absent]
    chosen = replace(chosen, sets=tuple(name for name in chosen.sets if name not in absent))
    for part in chosen.parts:
        say(f"--- {part}")
        PARTS[part](chosen, load, report)
        if chosen.json is not None:
            report.write(chosen.json)
    return report


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = chosen_of(__doc__ or "", arguments)
    try:
        report = measure(chosen)
    except KeyboardInterrupt:
        return 130
    report.finish(chosen)
    return 0


if __name__ == "__main__":
    sys.exit(main())
