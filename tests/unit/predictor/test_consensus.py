"""What several models say together."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from molfleet.bundles.manifest import Manifest, Metric
from molfleet.errors import Code, Rejected
from tests.unit.bundles.factory import make
from workers.predictor.consensus import CONSENSUS, Answer, combine

VALUES = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=8)


@pytest.fixture(scope="module")
def regression(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return make(tmp_path_factory.mktemp("consensus") / "model").manifest


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return make(tmp_path_factory.mktemp("consensus") / "model", task="classification").manifest


@given(values=VALUES)
def test_equal_weights_give_the_mean_and_the_sample_deviation(
    regression: Manifest, values: list[float]
) -> None:
    combined = combine([Answer(regression, value, ()) for value in values])
    assert combined is not None
    assert combined.value == pytest.approx(statistics.fmean(values), abs=1e-6)
    assert combined.std == pytest.approx(statistics.stdev(values), abs=1e-6)
    assert combined.models == len(values)
    assert combined.units == regression.units


def test_a_heavier_model_counts_more(regression: Manifest) -> None:
    combined = combine([Answer(regression, 1.0, (), 3.0), Answer(regression, 2.0, (), 1.0)])
    assert combined is not None
    assert combined.value == pytest.approx(1.25)


def test_nobody_has_no_consensus() -> None:
    assert combine([]) is None


def test_labels_are_matched_by_name_not_by_place(classes: Manifest) -> None:
    turned = classes.model_copy(update={"labels": ("active", "inactive")})
    combined = combine([Answer(classes, 0.9, (0.1, 0.9)), Answer(turned, 0.7, (0.7, 0.3))])
    assert combined is not None
    assert combined.label == "active"
    assert combined.value == pytest.approx(0.8)


def test_models_with_other_positive_labels_are_not_combined(classes: Manifest) -> None:
    other = classes.model_copy(update={"positive_label": "inactive"})
    assert combine([Answer(classes, 0.9, (0.1, 0.9)), Answer(other, 0.7, (0.7, 0.3))]) is None


def test_weights_follow_from_validation(regression: Manifest, classes: Manifest) -> None:
    weighted = CONSENSUS.get("weighted")
    assert weighted.weight(regression) == pytest.approx(1 / 0.5**2)
    assert weighted.weight(classes) == pytest.approx(0.4)
    assert CONSENSUS.get("mean").weight(regression) == 1.0


def test_a_model_without_validation_cannot_be_weighted(regression: Manifest) -> None:
    on_test = Metric(name="RMSE", target="activity", subset="test", value=0.5)
    with pytest.raises(Rejected, match="no RMSE over validation folds") as caught:
        CONSENSUS.get("weighted").weight(regression.model_copy(update={"metrics": (on_test,)}))
    assert caught.value.code is Code.INVALID_COMMAND
