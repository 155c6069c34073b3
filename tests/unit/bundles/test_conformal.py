"""Intervals and sets hold as often as they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from molfleet.bundles import conformal

CONFIDENCES = st.floats(0.01, 0.99)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=60), CONFIDENCES)
def test_the_bound_is_the_smallest_score_that_enough_scores_do_not_exceed(
    scores: list[float], confidence: float
) -> None:
    ordered = np.sort(np.array(scores))
    found = conformal.bound(ordered, confidence)
    needed = math.ceil(round((len(scores) + 1) * confidence, 9))
    reaching = [score for score in ordered if (ordered <= score).sum() >= needed]
    assert found == (reaching[0] if reaching else math.inf)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=60), CONFIDENCES, CONFIDENCES)
def test_more_confidence_never_gives_a_smaller_bound(scores: list[float], one: float, other: float) -> None:
    ordered = np.sort(np.array(scores))
    low, high = sorted((one, other))
    assert conformal.bound(ordered, low) <= conformal.bound(ordered, high)


@pytest.mark.parametrize(
    ("size", "confidence", "rank"), [(9, 0.9, 9), (99, 0.95, 95), (9, 0.7, 7), (8, 0.9, 9)]
)
def test_the_rank_is_not_moved_by_binary_fractions(size: int, confidence: float, rank: int) -> None:
    assert conformal.rank(size, confidence) == rank


def test_too_few_residuals_for_a_confidence_give_no_finite_bound() -> None:
    assert conformal.bound(np.array([1.0, 2.0]), 0.9) == math.inf


@pytest.mark.parametrize("confidence", [0.5, 0.8, 0.9, 0.95])
def test_intervals_cover_what_they_promise_and_hardly_more(confidence: float) -> None:
    rng = np.random.default_rng(11)
    covered = []
    for _ in range(300):
        known = conformal.fit_regression(np.abs(rng.normal(size=60)))["residuals"]
        covered.append(np.mean(np.abs(rng.normal(size=100)) <= conformal.bound(known, confidence)))
    assert confidence - 0.015 <= np.mean(covered) <= confidence + 1 / 61 + 0.015


@pytest.mark.parametrize("confidence", [0.8, 0.9])
def test_label_sets_hold_the_true_label_as_often_as_promised_for_each_label(confidence: float) -> None:
    rng = np.random.default_rng(12)

    def draw(count: int) -> tuple[np.ndarray, np.ndarray]:
        labels = (rng.random(count) < 0.2).astype(int)
        positive = 1 / (1 + np.exp(-(rng.normal(size=count) + 2.0 * labels - 1.5)))
        return labels, np.column_stack([1 - positive, positive])

    hits: dict[int, list[float]] = {0: [], 1: []}
    for _ in range(120):
        arrays = conformal.fit_classification(*draw(300))
        labels, probabilities = draw(300)
        sets = conformal.label_sets(probabilities, [arrays["scores:0"], arrays["scores:1"]], confidence)
        for label, found in hits.items():
            found.append(float(sets[labels == label, label].mean()))
    for found in hits.values():
        assert confidence - 0.02 <= np.mean(found) <= confidence + 0.04


def test_a_label_without_examples_is_never_excluded() -> None:
    sets = conformal.label_sets(np.array([[1.0, 0.0]]), [np.linspace(0, 0.1, 50), np.empty(0)], 0.9)
    assert sets.tolist() == [[True, True]]


@pytest.mark.parametrize("bad", [[], [math.nan], [math.inf]])
def test_residuals_that_are_not_numbers_are_refused(bad: list[float]) -> None:
    with pytest.raises(ValueError, match="finite"):
        conformal.fit_regression(bad)
