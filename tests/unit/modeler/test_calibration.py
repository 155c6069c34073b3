"""Intervals and sets of molecules drawn alike hold as often as they promise, and say how often they did."""

from __future__ import annotations

import numpy as np
import pytest

from molfleet.bundles import conformal, manifest
from tests.unit.modeler.exchangeable import Drawn, classification, part, regression
from workers.modeler import calibration, difficulty
from workers.modeler.calibration import Calibrated, calibrate
from workers.modeler.metrics import auc

SPLITS = 20


def calibrated(task: str, drawn: Drawn) -> Calibrated:
    return calibrate(task, drawn.values, drawn.outputs, drawn.folds, drawn.ecfp4, seed=1)


def row(
    coverage: tuple[manifest.Coverage, ...], confidence: float, low: float = 0.0, high: float = 1.0
) -> manifest.Coverage:
    (found,) = (one for one in coverage if (one.confidence, one.low, one.high) == (confidence, low, high))
    return found


@pytest.fixture(scope="module")
def splits() -> list[tuple[Calibrated, Drawn, Drawn]]:
    """One set of 600 molecules, split by lot so many times into 400 to calibrate on and 200 to test."""
    rng = np.random.default_rng(21)
    drawn = regression(rng, 600)
    found = []
    for _ in range(SPLITS):
        order = rng.permutation(600)
        known, tested = part(drawn, order[:400]), part(drawn, order[400:])
        found.append((calibrated("regression", known), known, tested))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("confidence", calibration.CONFIDENCES)
def test_intervals_cover_within_two_points_of_their_promise_over_many_splits(
    splits: list[tuple[Calibrated, Drawn, Drawn]], confidence: float
) -> None:
    covered = [
        row(made.test(tested.values, tested.outputs, tested.ecfp4), confidence).covered
        for made, _, tested in splits
    ]
    assert np.mean(covered) == pytest.approx(confidence, abs=0.02)


@pytest.mark.slow
def test_intervals_are_narrower_where_molecules_differ_in_difficulty(
    splits: list[tuple[Calibrated, Drawn, Drawn]],
) -> None:
    ratios = []
    for made, known, tested in splits:
        assert made.difficulty is not None
        plain = np.sort(np.abs(known.values - known.outputs[:, 0]))
        width = row(made.test(tested.values, tested.outputs, tested.ecfp4), 0.9).width
        assert width is not None
        ratios.append(width / (2 * conformal.bound(plain, 0.9)))
    assert np.mean(ratios) < 0.93


@pytest.mark.slow
def test_intervals_hold_where_the_noise_is_large_too(splits: list[tuple[Calibrated, Drawn, Drawn]]) -> None:
    """Plain intervals hold there far too seldom."""
    of_ours, of_plain = [], []
    for made, known, tested in splits:
        noisy = np.unpackbits(tested.ecfp4, axis=1, bitorder="little")[:, 40 * 12 : 50 * 12].sum(axis=1) > 4
        hard = part(tested, np.flatnonzero(noisy))
        of_ours.append(row(made.test(hard.values, hard.outputs, hard.ecfp4), 0.9).covered)
        plain = np.sort(np.abs(known.values - known.outputs[:, 0]))
        errors = np.abs(hard.values - hard.outputs[:, 0])
        of_plain.append(np.mean(errors <= conformal.bound(plain, 0.9)))
    assert np.mean(of_plain) < 0.8
    assert np.mean(of_ours) > np.mean(of_plain) + 0.05


def test_an_estimate_that_does_not_narrow_intervals_is_not_used() -> None:
    made = calibrated("regression", regression(np.random.default_rng(4), 300, even=True))
    assert made.difficulty is None
    assert set(made.arrays) == {"residuals"}


def test_molecules_that_are_equally_difficult_get_intervals_of_about_one_width() -> None:
    for seed in range(5):
        drawn = regression(np.random.default_rng(seed), 300, even=True)
        sizes, _ = difficulty.cross_fitted(
            difficulty.records(drawn.outputs[:, 0], drawn.values, drawn.folds, drawn.ecfp4)
        )
        assert sizes.std() < 0.1 * sizes.mean()


@pytest.mark.parametrize(("count", "k_fold"), [(90, 5), (300, 2)])
def test_few_records_or_folds_get_plain_intervals(count: int, k_fold: int) -> None:
    drawn = regression(np.random.default_rng(4), count)
    made = calibrate(
        "regression", drawn.values, drawn.outputs, np.arange(count) % k_fold, drawn.ecfp4, seed=1
    )
    assert made.difficulty is None
    expected = np.sort(np.abs(drawn.values - drawn.outputs[:, 0]))
    assert made.arrays["residuals"].tolist() == expected.tolist()


def test_a_model_without_any_error_is_calibrated() -> None:
    drawn = regression(np.random.default_rng(5), 150)
    made = calibrate("regression", drawn.values, drawn.values[:, None], drawn.folds, drawn.ecfp4, seed=1)
    assert not made.arrays["residuals"].any()
    assert row(made.coverage, 0.9).covered == 1.0


def test_the_coverage_of_out_of_fold_records_leaves_their_own_fold_out() -> None:
    drawn = regression(np.random.default_rng(6), 90)
    errors = np.abs(drawn.values - drawn.outputs[:, 0])
    covered = [
        error <= conformal.bound(np.sort(errors[drawn.folds != fold]), 0.8)
        for error, fold in zip(errors, drawn.folds, strict=True)
    ]
    assert row(calibrated("regression", drawn).coverage, 0.8).covered == pytest.approx(np.mean(covered))


def test_bands_of_similarity_count_every_molecule_once() -> None:
    drawn = regression(np.random.default_rng(7), 200)
    made = calibrated("regression", drawn)
    tested = regression(np.random.default_rng(8), 50)
    for coverage, count in (
        (made.coverage, 200),
        (made.test(tested.values, tested.outputs, tested.ecfp4), 50),
    ):
        whole = row(coverage, 0.9)
        bands = [one for one in coverage if one.confidence == 0.9 and one != whole]
        assert whole.count == count == sum(one.count for one in bands)
        assert whole.covered == pytest.approx(sum(one.covered * one.count for one in bands) / count)


def test_a_training_without_a_test_set_has_no_coverage_of_it() -> None:
    made = calibrated("regression", regression(np.random.default_rng(9), 100))
    nothing = regression(np.random.default_rng(9), 0)
    assert made.test(nothing.values, nothing.outputs, nothing.ecfp4) == ()
    entry = made.entry("calibration.npz")
    assert entry.size == 100
    assert {one.subset for one in entry.coverage} == {"validation"}


@pytest.mark.slow
def test_label_sets_hold_within_two_points_of_their_promise_over_many_splits() -> None:
    rng = np.random.default_rng(22)
    drawn = classification(rng, 600)
    covered = []
    for _ in range(SPLITS):
        order = rng.permutation(600)
        made = calibrated("classification", part(drawn, order[:450]))
        tested = part(drawn, order[450:])
        covered.append(row(made.test(tested.values, tested.outputs, tested.ecfp4), 0.9).covered)
    assert np.mean(covered) == pytest.approx(0.9, abs=0.02)


def test_calibration_changes_the_probabilities_of_two_labels_but_no_set_and_no_order() -> None:
    drawn = classification(np.random.default_rng(10), 400)
    made = calibrated("classification", drawn)
    assert made.probability is not None
    now = made.apply(drawn.outputs)
    assert np.abs(now - drawn.outputs).max() > 0.05
    assert auc(drawn.values, now[:, 1]) == auc(drawn.values, drawn.outputs[:, 1])
    raw = conformal.fit_classification(drawn.values, drawn.outputs)
    for confidence in calibration.CONFIDENCES:
        sets = [
            conformal.label_sets(outputs, [arrays["scores:0"], arrays["scores:1"]], confidence)
            for outputs, arrays in ((drawn.outputs, raw), (now, made.arrays))
        ]
        assert (sets[0] == sets[1]).all()


def test_outputs_of_a_regression_stay_as_they_are() -> None:
    drawn = regression(np.random.default_rng(11), 120)
    made = calibrated("regression", drawn)
    assert made.apply(drawn.outputs) is drawn.outputs
    assert made.outputs is drawn.outputs


def test_more_records_than_a_domain_keeps_are_scored_as_it_keeps_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("molfleet.bundles.domain.MAX_MOLECULES", 150)
    drawn = regression(np.random.default_rng(12), 300)
    made = calibrated("regression", drawn)
    assert made.size == len(made.arrays["residuals"]) == len(made.known) == 150
    labelled = classification(np.random.default_rng(13), 300)
    of_labels = calibrated("classification", labelled)
    assert of_labels.size == sum(map(len, of_labels.arrays.values())) == 150
    assert of_labels.outputs.shape == (300, 2)


def test_the_order_of_records_means_nothing() -> None:
    """In families of five all are among each other's neighbours: of equally near ones none is left out."""
    rng = np.random.default_rng(14)
    drawn = regression(rng, 200)
    family = np.arange(200) // 5
    bits = np.zeros((200, 2048), np.uint8)
    bits[np.arange(200)[:, None], family[:, None] * 10 + np.arange(10)] = rng.random((200, 10)) < 0.8
    bits[np.arange(200), family * 10] = 1
    drawn = Drawn(drawn.values, drawn.outputs, drawn.folds, np.packbits(bits, axis=1, bitorder="little"))
    order = rng.permutation(200)
    one, other = calibrated("regression", drawn), calibrated("regression", part(drawn, order))
    assert other.arrays["residuals"] == pytest.approx(one.arrays["residuals"], rel=1e-3)
    for mine, theirs in zip(one.coverage, other.coverage, strict=True):
        assert (mine.count, mine.covered) == (theirs.count, theirs.covered)
