"""Coverage, widths, and errors outside the domain: what the benchmark makes of outputs that it has."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from bench.report import Report
from bench.training_domain import Judged, ratios, together
from bench.training_intervals import Held, add_figures, held
from bench.training_outputs import Unseen
from bench.training_sets import SETS, Material
from molfleet.bundles.features import Toolbox
from workers.modeler.curation import Measured, Rules, curate
from workers.modeler.dataset import Dataset
from workers.modeler.splits import Partition

_COUNT = 500


@cache
def _material(name: str) -> Material:
    """Molecules that are unlike each other, with values by lot."""
    rng, public = np.random.default_rng(1), SETS[name]
    texts = (
        [str(value) for value in rng.integers(0, 2, _COUNT)]
        if public.score == "AUC"
        else [f"{value:.4f}" for value in rng.normal(size=_COUNT)]
    )
    measured = [
        Measured(number, number, "", f"C{number}", text) for number, text in enumerate(texts, start=1)
    ]
    dataset = Dataset(measured, [], rng.integers(0, 256, (_COUNT, 256), dtype=np.uint8), (), _COUNT)
    return Material(public, dataset, curate(measured, Rules(public.target, public.task)), Toolbox())


def _unseen(name: str, seed: int, noise: float) -> Unseen:
    material, rng = _material(name), np.random.default_rng(seed)
    partition = Partition(rng.permutation(np.arange(len(material.values)) % 6 - 1), 5)
    values = material.values
    if SETS[name].score == "RMSE":
        return Unseen(material, partition, (values + noise * rng.normal(size=len(values)))[:, None])
    positive = np.clip(values * 0.5 + 0.25 + noise * rng.normal(size=len(values)), 0.01, 0.99)
    return Unseen(material, partition, np.stack([1 - positive, positive], axis=1))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["esol", "bace"])
def test_outputs_of_one_quality_are_covered_as_promised(name: str) -> None:
    found = [held(_unseen(name, seed, 0.3), seed) for seed in range(12)]
    covered = np.mean([one.covered for one in found])
    plain = np.mean([one.plain_covered for one in found])
    assert 0.86 < covered < 0.94
    assert 0.86 < plain < 0.94
    for one in found[0].by_class:
        assert 0.7 < one <= 1.0


def test_a_plain_width_is_twice_the_error_that_nine_tenths_do_not_exceed() -> None:
    found = _unseen("esol", 3, 0.2)
    values, outputs, _ = found.of(found.training)
    errors = np.sort(np.abs(values - outputs[:, 0]))
    rank = int(np.ceil((len(errors) + 1) * 0.9))
    assert held(found, 0).plain_width == pytest.approx(2 * errors[rank - 1])


@pytest.mark.parametrize(("covered", "met"), [(0.90, True), (0.885, True), (0.87, False), (0.93, False)])
def test_what_random_splits_promise_is_within_two_points(covered: float, met: bool) -> None:
    report = Report("t")
    add_figures(report, SETS["esol"], "random", "m", [Held(covered, 1.0, 0.9, 2.0)] * 2)
    coverage, width = report.figures
    assert coverage.met is met
    assert (width.value, width.rival_value, width.ratio) == (1.0, 2.0, 2.0)


def test_scaffold_splits_promise_nothing() -> None:
    report = Report("t")
    add_figures(report, SETS["bace"], "scaffold", "m", [Held(0.8, 1.2, 0.9, 1.2, (0.7, 0.9))])
    assert report.figures[0].met is None
    assert "0 70.0 %, 1 90.0 %" in report.notes[0]


def _judged(errors: list[float], outside: list[bool]) -> Judged:
    flags = np.array(outside)
    return Judged(np.arange(len(errors)), np.array(errors), flags, ~flags)


def test_the_ratio_is_of_mean_errors_outside_over_inside() -> None:
    one = _judged([2.0, 4.0, 1.0, 1.0], [True, True, False, False])
    ratio, low, high = ratios([one])
    assert ratio == 3.0
    assert 1.9 < low <= ratio <= high < 4.1
    assert ratios([one], alone=True)[0] == pytest.approx(1 / 3)


def test_sets_are_pooled_after_their_errors_are_divided_by_their_mean() -> None:
    small = together([_judged([2.0, 1.0], [True, False])])
    large = together([_judged([2000.0, 1000.0], [True, False])])
    assert ratios([small, large])[0] == pytest.approx(2.0)
    assert large.errors.mean() == pytest.approx(1.0)


def test_a_molecule_in_many_splits_makes_no_bound_narrower() -> None:
    rng = np.random.default_rng(0)
    errors, outside = rng.exponential(size=60).tolist(), (rng.random(60) < 0.3).tolist()
    once = together([_judged(errors, outside)])
    often = together([_judged(errors, outside)] * 20)
    assert ratios([often]) == pytest.approx(ratios([once]))
