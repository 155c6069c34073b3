from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.modeler.splits import SPLITS, Samples, Split, sub_sample

every_split = pytest.mark.parametrize(
    "split", [SPLITS.get("stratified"), SPLITS.get("random")], ids=lambda row: row.code
)


def classes(counts: dict[int, int]) -> Samples:
    values = np.concatenate([np.full(count, label) for label, count in counts.items()])
    return Samples("classification", values, np.arange(len(values)))


@every_split
@given(
    molecules=st.lists(st.integers(0, 30), min_size=12, max_size=90),
    test=st.floats(0, 0.5),
    k_fold=st.integers(2, 10),
    seed=st.integers(0, 1000),
)
def test_every_record_has_one_place_and_the_records_of_a_molecule_share_it(
    split: Split, molecules: list[int], test: float, k_fold: int, seed: int
) -> None:
    numbers = np.array(molecules)
    samples = Samples("regression", np.sin(numbers), numbers)
    partition = split.partition(samples, test, k_fold, seed)
    parts = [partition.test, *(partition.validation_of(fold) for fold in range(k_fold))]
    assert sorted(np.concatenate(parts)) == list(range(len(numbers)))
    places = {(molecule, int(fold)) for molecule, fold in zip(molecules, partition.folds, strict=True)}
    assert len(places) == len(set(molecules))
    for fold in range(k_fold):
        both = {*partition.training_of(fold), *partition.validation_of(fold)}
        assert both == set(partition.training)


@every_split
@pytest.mark.parametrize(("size", "expected"), [(0.0, 0), (0.001, 1), (0.2, 20), (0.5, 50)])
def test_the_test_set_has_the_size_that_was_asked_for(split: Split, size: float, expected: int) -> None:
    assert len(split.partition(classes({0: 50, 1: 50}), size, 5, 1).test) == expected


@every_split
def test_folds_differ_in_size_by_one_at_most(split: Split) -> None:
    partition = split.partition(classes({0: 70, 1: 33}), 0.2, 7, 1)
    sizes = [len(partition.validation_of(fold)) for fold in range(7)]
    assert max(sizes) - min(sizes) <= 1


@every_split
def test_a_seed_gives_one_partition_and_another_seed_another(split: Split) -> None:
    samples = classes({0: 60, 1: 40})
    folds = [split.partition(samples, 0.2, 5, seed).folds for seed in (1, 1, 2)]
    assert np.array_equal(folds[0], folds[1])
    assert not np.array_equal(folds[0], folds[2])


def test_stratified_parts_have_the_same_share_of_each_class() -> None:
    samples = classes({0: 180, 1: 20})
    partition = SPLITS.get("stratified").partition(samples, 0.2, 5, 3)
    assert samples.values[partition.test].sum() == 4
    for fold in range(5):
        assert 3 <= samples.values[partition.validation_of(fold)].sum() <= 4


def test_a_class_of_two_stays_in_the_training_part_of_every_fold() -> None:
    samples = classes({0: 30, 1: 2})
    partition = SPLITS.get("stratified").partition(samples, 0.0, 5, 3)
    for fold in range(5):
        assert set(samples.values[partition.training_of(fold)]) == {0, 1}


def test_stratified_parts_of_values_have_the_same_quantiles() -> None:
    values = np.random.default_rng(0).lognormal(size=500)
    samples = Samples("regression", values, np.arange(500))
    partition = SPLITS.get("stratified").partition(samples, 0.2, 5, 3)
    low, high = np.quantile(values, [0.1, 0.9])
    for fold in range(5):
        part = values[partition.validation_of(fold)]
        assert np.mean(part < low) == pytest.approx(0.1, abs=0.03)
        assert np.mean(part > high) == pytest.approx(0.1, abs=0.03)


def test_a_sub_sample_keeps_the_shares_of_the_classes_and_the_order_of_the_records() -> None:
    samples = classes({0: 160, 1: 40})
    kept = sub_sample(samples, 0.25, 5)
    assert len(kept) == 50
    assert samples.values[kept].sum() == 10
    assert list(kept) == sorted(kept)
    assert np.array_equal(kept, sub_sample(samples, 0.25, 5))
    assert not np.array_equal(kept, sub_sample(samples, 0.25, 6))
