"""Groups are found once: some of the records are divided by the groups of all."""

from __future__ import annotations

import numpy as np
import pytest

from molfleet.errors import Rejected
from tests.unit.modeler.split_samples import nci
from workers.modeler.splits import SPLITS, TEST_FOLD, Indices, Samples, Split, clusters

each_split = pytest.mark.parametrize(
    "split", [SPLITS.get("scaffold"), SPLITS.get("butina")], ids=lambda s: s.code
)


def some(samples: Samples, share: float = 0.6) -> Indices:
    return np.flatnonzero(np.random.default_rng(3).random(len(samples.values)) < share)


@each_split
def test_some_of_the_records_are_divided_without_another_search_and_no_group_of_all_is_cut(
    split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = split.gathered(nci())
    rows = some(samples)
    monkeypatch.setattr(clusters, "MAX_MOLECULES", 0)
    with pytest.raises(Rejected, match="more than can be clustered"):
        split.partition(nci().at(rows), 0.2, 3, 1)
    folds = split.partition(samples.at(rows), 0.2, 3, 1).folds
    names = [samples.together[split.code][row] for row in rows]
    assert len(set(zip(names, folds.tolist(), strict=True))) == len(set(names))
    assert (folds == TEST_FOLD).sum() == pytest.approx(0.2 * len(rows), rel=0.05)


@each_split
def test_all_records_are_divided_alike_whether_their_groups_are_known_or_not(split: Split) -> None:
    samples = split.gathered(nci())
    assert split.gathered(samples) is samples
    folds = [split.partition(each, 0.2, 5, 1).folds for each in (nci(), samples)]
    assert np.array_equal(folds[0], folds[1])


def test_a_group_that_is_small_among_all_and_large_among_some_is_not_held_out_of_these() -> None:
    split = SPLITS.get("scaffold")
    names = ["c1ccccc1"] * 10 + [f"ring {number}" for number in range(90)]
    samples = split.gathered(Samples("regression", np.arange(100.0), np.arange(100), scaffolds=names))
    of_all, of_some = set[int](), set[int]()
    for seed in range(30):
        of_all.add(int(split.partition(samples, 0.4, 2, seed).folds[0]))
        of_some.add(int(split.partition(samples.at(np.arange(40)), 0.4, 2, seed).folds[0]))
    assert TEST_FOLD in of_all
    assert of_some == {0, 1}


def test_a_split_that_deals_molecules_one_by_one_looks_for_no_groups() -> None:
    samples = Samples("regression", np.arange(10.0), np.arange(10))
    assert SPLITS.get("stratified").gathered(samples) is samples
