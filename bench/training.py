"""`python -m bench.training`: how good our models are, how honest, and what they cost.

Every single result is written below `--keep` as it comes, so that a run that was stopped goes on. Some
parts take hours on two cores (chemprop above all); `--quick` is a look at all of it in minutes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache

from bench.molecules import default_cache
from bench.race import say
from bench.report import Report
from bench.training_kept import Kept
from bench.training_options import TrainingOptions, chosen_of
from bench.training_scores import RIVAL_NAMES, Scores
from bench.training_sets import SETS, Material, read
from bench.training_standings import add_figures, choose, table

#: Who runs where nobody is named.
CONTESTANTS = (*RIVAL_NAMES, "randomforest:ECFC+DESC", "lightgbm:ECFC+DESC")

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
        "validation (fitted on four folds of the training part, judged on the fifth): test scores did "
        "not choose it. A set's own choice is the best there by the same scores"
    )
    report.notes.append(
        "all get the same standardized molecules, one value each, and the same test set (20 %); chemprop "
        "takes a ninth of its training part, by lot, to choose the epoch"
    )


PARTS: Mapping[str, Callable[[TrainingOptions, Load, Report], None]] = {"scores": scores}


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
        if part in PARTS:
            say(f"--- {part}")
            PARTS[part](chosen, load, report)
        if chosen.json is not None:
            report.write(chosen.json)
    return report


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = chosen_of(__doc__ or "", CONTESTANTS, arguments)
    try:
        report = measure(chosen)
    except KeyboardInterrupt:
        return 130
    report.finish(chosen)
    return 0


if __name__ == "__main__":
    sys.exit(main())
