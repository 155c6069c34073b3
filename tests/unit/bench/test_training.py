"""What the benchmark of training keeps, chooses and compares."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.report import Report
from bench.rivals.chemprop_model import command, parts
from bench.rivals.sklearn_models import RIVALS, ecfp4
from bench.training_cost_run import Stages, Stopwatch
from bench.training_kept import Kept
from bench.training_options import TrainingOptions, chosen_of
from bench.training_scores import RIVAL_NAMES, Scored, score_of
from bench.training_standings import Results, add_figures, choose, table


def test_a_result_is_found_again_by_another_run(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "kept.jsonl"
    Kept(path).put({"set": "esol", "seed": 1}, {"test": 0.5})
    Kept(path).put({"set": "esol", "seed": 2}, {"test": 0.7})
    again = Kept(path)
    assert again.get({"seed": 1, "set": "esol"}) == {"test": 0.5}
    assert again.get({"seed": 3, "set": "esol"}) is None
    assert len(again) == 2


def test_of_equal_keys_the_last_result_counts(tmp_path: Path) -> None:
    path = tmp_path / "kept.jsonl"
    Kept(path).put({"seed": 1}, {"test": 0.5})
    Kept(path).put({"seed": 1}, {"test": 0.6})
    assert Kept(path).get({"seed": 1}) == {"test": 0.6}


def test_a_line_that_was_cut_off_costs_no_other(tmp_path: Path) -> None:
    path = tmp_path / "kept.jsonl"
    Kept(path).put({"seed": 1}, {"test": 0.5})
    Kept(path).put({"seed": 2}, {"test": 0.6})
    path.write_bytes(path.read_bytes()[:-9])
    after = Kept(path)
    assert after.get({"seed": 2}) is None
    after.put({"seed": 3}, {"test": 0.7})
    again = Kept(path)
    assert [again.get({"seed": seed}) for seed in (1, 2, 3)] == [{"test": 0.5}, None, {"test": 0.7}]


def _chosen(*arguments: str) -> TrainingOptions:
    return chosen_of("", arguments)


def test_all_five_sets_and_five_seeds_run_where_nothing_is_said() -> None:
    chosen = _chosen()
    assert chosen.sets == ("freesolv", "esol", "bace", "bbbp", "lipophilicity")
    assert (chosen.seeds, chosen.splits, chosen.most) == (5, ("random", "scaffold"), None)


def test_a_quick_look_takes_two_small_sets_and_one_seed() -> None:
    chosen = _chosen("--quick")
    assert (chosen.sets, chosen.seeds, chosen.most) == (("freesolv", "bace"), 1, 300)


def test_contestants_are_chosen_by_patterns() -> None:
    chosen = _chosen("--contestants", "lightgbm:*", "rival:chemprop")
    names = ("lightgbm:ECFP", "lightgbm:DESC", "randomforest:DESC", "rival:chemprop", "rival:forest")
    assert [chosen.wants(name, ["*"]) for name in names] == [True, True, False, True, False]
    assert [_chosen().wants(name, ["*:DESC"]) for name in names] == [False, True, True, False, False]


@pytest.mark.parametrize("bad", [["--sets", "tox21"], ["--seeds", "0"], ["--part", "speed"]])
def test_an_option_that_means_nothing_is_refused(bad: list[str]) -> None:
    with pytest.raises(SystemExit):
        _chosen(*bad)


def test_values_are_scored_by_their_error_and_classes_by_their_order() -> None:
    actual = np.array([0.0, 1.0, 1.0, 0.0])
    assert score_of("regression", actual, np.array([[0.0], [1.0], [3.0], [0.0]])) == 1.0
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.6, 0.4]])
    assert score_of("classification", actual, probabilities) == 0.75


def _results(**tests: dict[str, tuple[float, float | None]]) -> Results:
    """(test, validation) by contestant, of one seed and split."""
    return {
        (name, "random"): {who: {0: Scored(test, seen, 1.0)} for who, (test, seen) in of.items()}
        for name, of in tests.items()
    }


def test_validation_chooses_and_test_scores_do_not() -> None:
    results = _results(
        esol={"a:ECFP": (0.9, 0.5), "b:ECFP": (0.1, 0.6), "rival:forest": (0.0, None)},
        bace={"a:ECFP": (0.7, 0.9), "b:ECFP": (0.9, 0.8)},
    )
    choice = choose(results)
    assert choice is not None
    assert choice.fixed == "a:ECFP"
    assert choice.of_set == {"esol": "a:ECFP", "bace": "a:ECFP"}


def test_the_one_method_must_have_run_on_every_set() -> None:
    choice = choose(_results(esol={"a:ECFP": (1, 0.5), "b:ECFP": (1, 0.6)}, bace={"b:ECFP": (1, 0.6)}))
    assert choice is not None
    assert choice.fixed == "b:ECFP"
    assert choice.of_set == {"esol": "a:ECFP", "bace": "b:ECFP"}
    assert choose(_results(esol={"a:ECFP": (1, 0.5)}, bace={"b:ECFP": (1, 0.6)})) is None


def test_better_than_a_rival_is_a_ratio_above_1_for_errors_and_for_areas() -> None:
    results = _results(
        esol={"a:ECFP": (0.5, 0.5), "rival:forest": (1.0, None)},
        bace={"a:ECFP": (0.8, 0.8), "rival:forest": (0.4, None)},
    )
    report, choice = Report("t"), choose(results)
    assert choice is not None
    add_figures(report, results, choice)
    ratios = {figure.name: figure.ratio for figure in report.figures}
    assert ratios["esol, random: a:ECFP"] == 2.0
    assert ratios["bace, random: a:ECFP"] == 2.0
    assert ratios["random: sets (of 2) on which the one method is not behind"] == 2.0
    assert [line.split()[0] for line in table(results) if "±" in line] == [
        *("a:ECFP", "rival:forest"),
        *("a:ECFP", "rival:forest"),
    ]


def test_chemprop_is_tested_on_our_test_set_and_a_ninth_of_the_rest_chooses_its_epoch() -> None:
    test = np.array([3, 5, 8])
    named = parts(93, test, seed=1)
    assert [place for place, name in enumerate(named) if name == "test"] == [3, 5, 8]
    assert (named.count("val"), named.count("train")) == (10, 80)
    assert parts(93, test, seed=1) == named
    assert parts(93, test, seed=2) != named


def test_chemprop_trains_with_its_defaults() -> None:
    given = command(Path("python"), Path("m.csv"), Path("out"), "regression", 3)
    options = {word for word in given if word.startswith("--")}
    assert options == {
        *("--data-path", "--smiles-columns", "--target-columns", "--task-type", "--splits-column"),
        *("--output-dir", "--accelerator", "--num-workers", "--pytorch-seed", "--data-seed"),
    }


@pytest.mark.parametrize("rival", RIVALS)
def test_the_rivals_learn_what_a_fingerprint_tells(rival: str) -> None:
    chains = ["C" * length + end for length in range(2, 22) for end in ("O", "N")]
    x, alcohol = ecfp4(chains), np.array([0, 1] * 20)[::-1]
    assert rival in RIVAL_NAMES.values()
    classes = RIVALS[rival](x, alcohol, x, "classification", 0)
    values = RIVALS[rival](x, alcohol * 3.0, x, "regression", 0)
    assert score_of("classification", alcohol, classes) == 1.0
    assert score_of("regression", alcohol * 3.0, values) < 0.5


def test_nested_calls_are_timed_once_and_failures_too() -> None:
    now = [0.0]
    watch = Stopwatch(lambda: now[0])

    def work(seconds: float, inner: float) -> None:
        now[0] += seconds
        if inner:
            timed(inner, 0.0)
        if seconds > 5:
            raise ValueError

    timed = watch.timed(work)
    timed(1.0, 2.0)
    now[0] += 100.0
    with pytest.raises(ValueError):
        timed(6.0, 0.0)
    assert watch.seconds == 9.0


def test_a_stage_lasts_until_another_is_named() -> None:
    now = [0.0]
    stages = Stages(lambda: now[0])
    for stage, moment in (("featurize", 1.0), ("featurize", 3.0), ("fit", 6.0)):
        now[0] = moment
        stages(stage, 0.0, "", None)
    now[0] = 10.0
    stages.end()
    assert dict(stages.seconds) == {"start": 1.0, "featurize": 5.0, "fit": 4.0}
