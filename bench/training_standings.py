"""Which method of ours is the best by validation, and how it stands against the rivals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.report import Figure, Report
from bench.training_scores import CHEMPROP_NAME, RIVAL_NAMES, Results, Scored
from bench.training_sets import SETS

#: On so many of the five sets ours should not be behind; on all where nothing is said.
GOALS = {CHEMPROP_NAME: 3.0}


@dataclass(frozen=True, slots=True)
class Choice:
    """`fixed` has the lowest mean rank of all sets and splits; `of_set` is the best of each set."""

    fixed: str
    of_set: Mapping[str, str]


def choose(results: Results) -> Choice | None:
    """By mean validation scores over all seeds; None where no method of ours ran everywhere.

    Only a method that has a result for every set, split and seed can be `fixed`.
    """
    ranks: dict[str, list[float]] = defaultdict(list)
    of_set: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for (name, _), contestants in results.items():
        losses = {
            contestant: _mean_loss(name, list(seeds.values()))
            for contestant, seeds in _complete(contestants).items()
        }
        for rank, contestant in enumerate(sorted(losses, key=losses.__getitem__), start=1):
            ranks[contestant].append(rank)
            of_set[name][contestant].append(losses[contestant])
    complete = {one: found for one, found in ranks.items() if len(found) == len(results)}
    if not complete:
        return None
    splits = {name: len({split for of, split in results if of == name}) for name, _ in results}
    best = {
        name: min(
            (one for one, losses in found.items() if len(losses) == splits[name]),
            key=lambda one, found=found: float(np.mean(found[one])),  # type: ignore[misc]
        )
        for name, found in of_set.items()
    }
    return Choice(min(complete, key=lambda one: float(np.mean(complete[one]))), best)


def _complete(contestants: Mapping[str, Mapping[int, Scored]]) -> dict[str, Mapping[int, Scored]]:
    """Those of ours that have every seed which any has."""
    ours = {name: seeds for name, seeds in contestants.items() if name not in RIVAL_NAMES}
    most = max((len(seeds) for seeds in ours.values()), default=0)
    return {name: seeds for name, seeds in ours.items() if len(seeds) == most}


def _mean_loss(name: str, results: Sequence[Scored]) -> float:
    """Lower is better: RMSE, or 1 - AUC."""
    scores = [one.validation for one in results if one.validation is not None]
    mean = float(np.mean(scores))
    return mean if SETS[name].score == "RMSE" else 1.0 - mean


def add_figures(report: Report, results: Results, choice: Choice) -> None:
    """For each set, split and rival one figure of the fixed method, and of the set's own where it differs.

    Then, for each split and rival, on how many sets ours is not behind.
    """
    won: dict[tuple[str, str, str], list[bool]] = defaultdict(list)
    for (name, split), contestants in results.items():
        of_set = choice.of_set.get(name, choice.fixed)
        labels = {choice.fixed: "", of_set: "" if of_set == choice.fixed else ", the set's own choice"}
        for rival in RIVAL_NAMES:
            ratios = {
                ours: _compare(report, f"{name}, {split}: {ours}{label}", name, contestants, ours, rival)
                for ours, label in labels.items()
            }
            for kind, ours in (("the one method", choice.fixed), ("the method of each set", of_set)):
                if (ratio := ratios[ours]) is not None:
                    won[kind, split, rival].append(ratio >= 1)
    for (kind, split, rival), wins in won.items():
        title = f"{split}: sets (of {len(wins)}) on which {kind} is not behind"
        count = float(sum(wins))
        report.figures.append(
            Figure(title, count, "sets", RIVAL_NAMES[rival], None, count, GOALS.get(rival, 5.0))
        )


def _compare(
    report: Report,
    title: str,
    name: str,
    contestants: Mapping[str, Mapping[int, Scored]],
    ours: str,
    rival: str,
) -> float | None:
    """The ratio over the seeds that both have; None where there are none."""
    seeds = sorted(contestants.get(ours, {}).keys() & contestants.get(rival, {}).keys())
    if not seeds:
        return None
    mine = np.array([contestants[ours][seed].test for seed in seeds])
    theirs = np.array([contestants[rival][seed].test for seed in seeds])
    lower = SETS[name].score == "RMSE"
    value, other = float(mine.mean()), float(theirs.mean())
    ratio = other / value if lower else value / other
    report.figures.append(Figure(title, value, SETS[name].score, RIVAL_NAMES[rival], other, ratio, 1.0))
    gain = theirs - mine if lower else mine - theirs
    error = float(gain.std(ddof=1) / np.sqrt(len(gain))) if len(gain) > 1 else float("nan")
    report.notes.append(
        f"{title} against {RIVAL_NAMES[rival]}: better by {gain.mean():.4f} (standard error {error:.4f}), "
        f"on {int((gain > 0).sum())} of {len(gain)} seeds"
    )
    return ratio


def table(results: Results) -> list[str]:
    """Every contestant's mean test score and deviation over seeds, by set and split, best first."""
    lines = []
    for (name, split), contestants in results.items():
        unit = SETS[name].score
        lines.append(f"{name}, {split} split: {unit}, mean and deviation over seeds; validation; seconds")
        sign = 1.0 if unit == "RMSE" else -1.0
        means = {
            one: float(np.mean([each.test for each in seeds.values()]))
            for one, seeds in contestants.items()
        }
        for one in sorted(means, key=lambda each: sign * means[each]):
            found = list(contestants[one].values())
            tests = [each.test for each in found]
            validation = [each.validation for each in found if each.validation is not None]
            told = f"{np.mean(validation):8.4f}" if validation else " " * 8
            lines.append(
                f"  {one:34} {means[one]:8.4f} ± {np.std(tests):.4f} (n={len(found)})  {told}  "
                f"{np.mean([each.seconds for each in found]):7.1f}"
            )
    return lines
