"""Splits that keep groups together: by scaffold and by cluster."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from molfleet.errors import Rejected
from tests.unit.modeler.split_samples import as_classes, nci, public
from workers.modeler.splits import SPLITS, Samples, Split
from workers.modeler.splits.grouping import Groups, grouped, numbered
from workers.modeler.splits.samples import TEST_FOLD, Indices, by_molecule

each_split = pytest.mark.parametrize(
    "split", [SPLITS.get("scaffold"), SPLITS.get("butina")], ids=lambda s: s.code
)


def numbers(split: Split, samples: Samples) -> Indices:
    """Each record's group."""
    return numbered(split.gathered(samples).together[split.code])[0]


def made_up(sizes: list[int], classes: list[int] | None = None) -> tuple[Samples, Groups]:
    """Samples in groups of these sizes; regression, or one class per group."""
    of = np.repeat(np.arange(len(sizes)), sizes)
    values = np.sin(np.arange(len(of))) if classes is None else np.array(classes)[of]
    task = "regression" if classes is None else "classification"
    samples = Samples(task, values, np.arange(len(of)))  # type: ignore[arg-type]
    return samples, Groups("scaffold", "scaffolds", of, tuple(f"g{n}" for n in range(len(sizes))))


def split_up(samples: Samples, groups: Groups, share: float, k_fold: int, seed: int) -> Indices:
    molecules, _ = by_molecule(samples)
    return grouped(molecules, groups, share, k_fold, np.random.default_rng(seed))


@settings(deadline=None)
@given(
    sizes=st.lists(st.integers(1, 12), min_size=14, max_size=60),
    share=st.floats(0, 0.5),
    k_fold=st.integers(2, 5),
    seed=st.integers(0, 1000),
)
def test_every_group_is_whole_in_one_part_and_no_large_one_is_held_out(
    sizes: list[int], share: float, k_fold: int, seed: int
) -> None:
    samples, groups = made_up(sizes)
    try:
        folds = split_up(samples, groups, share, k_fold, seed)
    except Rejected:
        reject()
    parts = {(int(group), int(fold)) for group, fold in zip(groups.numbers, folds, strict=True)}
    assert len(parts) == len(sizes)
    assert set(range(k_fold)) <= set(folds) <= {TEST_FOLD, *range(k_fold)}
    wanted = max(1, round(share * sum(sizes))) if share else 0
    held_out = int((folds == TEST_FOLD).sum())
    assert wanted / 2 <= held_out <= wanted
    for group, fold in parts:
        assert fold != TEST_FOLD or sizes[group] <= max(1, wanted / 2)
    fold_sizes = np.bincount(folds[folds >= 0], minlength=k_fold)
    largest = max(sizes[group] for group, fold in parts if fold >= 0)
    assert fold_sizes.max() <= max(1.1 * fold_sizes.mean(), fold_sizes.mean() + largest)


@pytest.mark.slow
@each_split
@pytest.mark.parametrize("share", [0.0, 0.1, 0.2, 0.5])
def test_no_group_of_real_molecules_is_cut_and_the_parts_have_the_sizes_asked_for(
    split: Split, share: float
) -> None:
    samples = nci()
    partition = split.partition(samples, share, 5, 42)
    of = numbers(split, samples)
    parts = {(int(group), int(fold)) for group, fold in zip(of, partition.folds, strict=True)}
    assert len(parts) == len(set(of))
    assert len(partition.test) == pytest.approx(share * len(of), rel=0.05)
    largest = max((int((of == group).sum()) for group in of[partition.test]), default=0)
    assert largest <= share * len(of) / 2


@each_split
def test_a_seed_gives_one_partition_and_another_seed_another(split: Split) -> None:
    folds = [split.partition(nci(), 0.2, 5, seed).folds for seed in (1, 1, 2)]
    assert np.array_equal(folds[0], folds[1])
    assert not np.array_equal(folds[0], folds[2])


@each_split
def test_in_another_order_of_the_records_no_group_is_cut_either(split: Split) -> None:
    samples = nci().at(np.random.default_rng(5).permutation(len(nci().values)))
    of = numbers(split, samples)
    folds = split.partition(samples, 0.2, 5, 1).folds
    assert len(set(zip(of.tolist(), folds.tolist(), strict=True))) == len(set(of))


@each_split
def test_replicates_stay_with_their_molecule(split: Split) -> None:
    once = nci()
    twice = once.at(np.repeat(np.arange(len(once.values)), 2))
    folds = split.partition(twice, 0.2, 5, 1).folds
    assert np.array_equal(folds[::2], folds[1::2])
    assert np.array_equal(folds[::2], split.partition(once, 0.2, 5, 1).folds)


@each_split
def test_molecules_may_be_numbered_in_any_order(split: Split) -> None:
    once = nci()
    other = replace(once, molecules=np.random.default_rng(2).permutation(len(once.values)))
    folds = [split.partition(samples, 0.2, 5, 1).folds for samples in (once, other)]
    assert np.array_equal(folds[0], folds[1])


@each_split
def test_every_part_of_real_classes_has_both(split: Split) -> None:
    """The shares are the nearest in folds of many groups; a lone benzene ring is a fold of one."""
    samples = as_classes(nci())
    partition = split.partition(samples, 0.2, 5, 7)
    assert set(samples.values[partition.test]) == {0, 1}
    shares = [samples.values[partition.validation_of(fold)].mean() for fold in range(5)]
    assert min(shares) > 0.1
    assert np.ptp(sorted(shares)[1:]) < 0.02


def test_folds_share_out_a_rare_class_as_far_as_its_groups_allow() -> None:
    samples, groups = made_up([4] * 30, [1] * 5 + [0] * 25)
    folds = split_up(samples, groups, 0.0, 5, 3)
    assert [int(samples.values[folds == fold].sum()) for fold in range(5)] == [4] * 5
    assert np.bincount(folds).tolist() == [24] * 5


def test_a_test_set_has_every_class_and_leaves_every_class_to_train_on() -> None:
    samples, groups = made_up([2] * 40, [1] * 4 + [0] * 36)
    for seed in range(20):
        folds = split_up(samples, groups, 0.2, 2, seed)
        assert set(samples.values[folds == TEST_FOLD]) == {0, 1}
        assert set(samples.values[folds != TEST_FOLD]) == {0, 1}


def test_fewer_groups_than_folds_are_refused_with_what_to_do() -> None:
    samples, groups = made_up([30, 20, 10])
    with pytest.raises(Rejected) as caught:
        split_up(samples, groups, 0.0, 5, 1)
    assert caught.value.message == (
        "The split 'scaffold' cannot be made: 3 scaffolds cannot make 5 folds (the largest, g0, has 30 of "
        "60 molecules). To train anyway, ask for a k_fold of at most 3 or another split."
    )


def test_groups_too_large_to_be_held_out_are_refused_with_what_to_do() -> None:
    samples, groups = made_up([45, 40, 1, 1])
    with pytest.raises(Rejected) as caught:
        split_up(samples, groups, 0.2, 2, 1)
    assert caught.value.message == (
        "The split 'scaffold' cannot be made: its 4 scaffolds are too large for a test set of 17 molecules "
        "(test_set_size 0.2): the largest, g0, has 45 of 87 molecules. To train anyway, ask for a "
        "test_set_size of 0 or another split."
    )


@each_split
def test_samples_without_structures_are_the_callers_error(split: Split) -> None:
    with pytest.raises(ValueError, match="this split needs the"):
        split.partition(replace(nci(), scaffolds=None, ecfp4=None), 0.2, 5, 1)


@pytest.mark.slow
@each_split
@pytest.mark.parametrize(
    ("name", "target", "classes"),
    [("bbbp", "p_np", True), ("freesolv", "dG_hyd", False), ("esol", "logS", False)],
)
def test_public_sets_are_split_into_parts_of_the_sizes_asked_for(
    split: Split, name: str, target: str, classes: bool
) -> None:
    samples = public(name, target, classes=classes)
    partition = split.partition(samples, 0.2, 5, 42)
    assert len(partition.test) == pytest.approx(0.2 * len(samples.values), rel=0.02)
    parts = [partition.validation_of(fold) for fold in range(5)]
    # Molecules on a lone benzene ring are a quarter of freesolv and of esol, and one fold.
    assert min(map(len, parts)) > 0.1 * len(samples.values)
    assert max(map(len, parts)) < 0.3 * len(samples.values)
    if classes:
        assert all(set(samples.values[part]) == {0, 1} for part in (*parts, partition.test))
