from __future__ import annotations

import numpy as np
import pytest

from molfleet.errors import Code, Rejected
from workers.modeler.splits import TEST_FOLD, Partition, Samples, find_split


def partition(
    texts: list[str], share: float = 0.2, k_fold: int = 5, seed: int = 1, molecules: list[int] | None = None
) -> Partition:
    count = len(texts)
    samples = Samples(
        "regression",
        np.sin(np.arange(count)),
        np.arange(count) if molecules is None else np.array(molecules),
        groups=texts,
    )
    return find_split("column:lab").partition(samples, share, k_fold, seed)


def test_a_column_is_named_after_the_colon_as_the_file_spells_it() -> None:
    split = find_split("Column: Lab No ")
    assert (split.code, split.column) == ("column:Lab No", "Lab No")
    assert find_split("SCAFFOLD").column is None


@pytest.mark.parametrize("name", ["column:", "column: ", "column", "by-date"])
def test_what_names_no_split_is_refused_and_the_form_of_a_column_is_told(name: str) -> None:
    with pytest.raises(Rejected, match="column:NAME") as caught:
        find_split(name)
    assert caught.value.code == Code.UNKNOWN_NAME


@pytest.mark.parametrize("words", [("train", "test"), ("Training", " TEST ")])
def test_predefined_parts_are_kept_whatever_size_is_asked_for(words: tuple[str, str]) -> None:
    train, test = words
    found = partition([train] * 45 + [test] * 5, share=0.5)
    assert found.test.tolist() == list(range(45, 50))
    assert [len(found.validation_of(fold)) for fold in range(5)] == [9] * 5


def test_predefined_parts_without_a_test_part_hold_out_none() -> None:
    assert len(partition(["train"] * 40 + ["valid"] * 10).test) == 0


def test_a_predefined_validation_part_is_a_fold_of_its_own() -> None:
    found = partition(["train"] * 40 + ["Validation"] * 7 + ["test"] * 3)
    assert found.validation_of(0).tolist() == list(range(40, 47))
    assert found.training_of(0).tolist() == list(range(40))
    assert [len(found.validation_of(fold)) for fold in range(1, 5)] == [10] * 4


def test_records_without_a_text_are_trained_on_where_the_parts_are_predefined() -> None:
    found = partition(["test"] * 5 + ["train"] * 20 + [""] * 20)
    assert found.test.tolist() == list(range(5))
    found = partition(["test"] * 5 + [" "] * 20)
    assert found.test.tolist() == list(range(5))


def test_other_texts_are_groups_that_stay_together_and_blank_ones_are_groups_of_one() -> None:
    texts = [f"lab {number % 12}" for number in range(120)] + [""] * 30
    found = partition(texts)
    for lab in range(12):
        assert len({found.folds[row] for row in range(120) if row % 12 == lab}) == 1
    assert len({found.folds[row] for row in range(120, 150)}) > 3
    assert len(found.test) == pytest.approx(30, abs=10)
    sizes = [len(found.validation_of(fold)) for fold in range(5)]
    assert max(sizes) - min(sizes) <= 10


def test_as_many_groups_as_folds_are_the_folds() -> None:
    found = partition([f"{number % 5}" for number in range(50)], share=0.0)
    assert len({(row % 5, int(fold)) for row, fold in enumerate(found.folds)}) == 5
    sizes = [3, 1, 20, 7, 9]
    texts = [f"fold {number}" for number, size in enumerate(sizes) for _ in range(size)]
    found = partition(texts + ["Test"] * 6)
    assert found.test.tolist() == list(range(40, 46))
    assert sorted(len(found.validation_of(fold)) for fold in range(5)) == sorted(sizes)


def test_a_whole_large_group_is_held_out_where_the_groups_are_few() -> None:
    found = partition([f"{number % 6}" for number in range(60)], share=0.2)
    assert len(found.test) == 10
    assert len({row % 6 for row in found.test}) == 1


def test_a_group_somewhat_larger_than_the_test_set_asked_for_is_held_out_all_the_same() -> None:
    assert len(partition([f"{number % 4}" for number in range(60)], share=0.2, k_fold=3).test) == 15


def test_the_first_record_of_a_molecule_speaks_for_it() -> None:
    found = partition(["test", "train"] + ["train"] * 20, molecules=[0, 0, *range(1, 21)])
    assert found.test.tolist() == [0, 1]


def test_a_seed_gives_one_partition_and_another_seed_another() -> None:
    texts = [f"lab {number % 12}" for number in range(120)]
    folds = [partition(texts, seed=seed).folds for seed in (1, 1, 2)]
    assert np.array_equal(folds[0], folds[1])
    assert not np.array_equal(folds[0], folds[2])


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        ([""] * 30, "'lab' makes no split: it is empty in all records used"),
        (["test"] * 30, "it names test records and none to train on"),
        (["test"] * 20 + ["TEST"] * 10, "none to train on"),
        (["test"] * 20 + ["valid"] * 10 + ["train"] * 3, "it leaves 3 molecules to train on, too few"),
        (["a"] * 20 + ["b"] * 10, "2 groups of the column 'lab'"),
        (["a"] * 20 + ["b"] * 10 + ["test"] * 5, "beside the 1 of the test set"),
    ],
)
def test_a_column_that_makes_no_split_is_refused_with_the_reason(texts: list[str], told: str) -> None:
    with pytest.raises(Rejected) as caught:
        partition(texts, share=0.0)
    assert caught.value.code == Code.UNSUITABLE_TARGET
    assert told in caught.value.message
    assert caught.value.details == {"split": "column:lab"}


def test_the_test_part_is_the_one_so_called() -> None:
    folds = partition(["a", "b", "c", "d", "e", "test"] * 5).folds
    assert (folds.reshape(5, 6)[:, 5] == TEST_FOLD).all()
    assert (folds.reshape(5, 6)[:, :5] != TEST_FOLD).all()
