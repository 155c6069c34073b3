from __future__ import annotations

import numpy as np
import pytest

from tests.unit.modeler.curation.columns import LABELS, codes, curated
from workers.modeler.curation import label_key


def test_labels_are_one_whatever_their_case_blanks_or_decimal_zeros() -> None:
    assert label_key(" Active ") == label_key("active")
    assert label_key("very  toxic") == label_key("Very toxic")
    assert label_key("1.0") == label_key("1") == label_key("01")
    assert label_key("1.5") != label_key("1")


@pytest.mark.parametrize(
    ("texts", "labels"),
    [
        (LABELS, ("no", "yes")),
        (["TRUE", "FALSE"] * 6, ("FALSE", "TRUE")),
        (["1.0", "0", "0"] * 4, ("0", "1.0")),
        (["Active", "inactive"] * 6, ("inactive", "Active")),
        (["red", "blue", "blue"] * 4, ("blue", "red")),
        (["10", "9", "9", "2"] * 3, ("2", "9", "10")),
        (["1a", "2", "10"] * 4, ("2", "10", "1a")),
    ],
)
def test_the_positive_class_is_the_second_of_two_and_more_are_in_their_own_order(
    texts: list[str], labels: tuple[str, ...]
) -> None:
    result = curated(texts, task="classification")
    assert result.labels == labels
    spelt = [labels.index(text) for text in texts]
    assert np.array_equal(result.values, spelt)


def test_the_command_may_choose_the_positive_class_in_any_spelling() -> None:
    assert curated(LABELS, positive_class="NO").labels == ("yes", "no")
    assert curated(LABELS, positive_class="FALSE").labels == ("yes", "no")


def test_signs_for_yes_and_no_that_are_mixed_in_one_column_are_two_classes() -> None:
    texts = ["TRUE", "yes", "1", "no", "False", "0"] * 3
    result = curated(texts)
    assert result.values.tolist() == [1, 1, 1, 0, 0, 0] * 3
    assert len(result.labels) == 2


def test_a_third_label_keeps_signs_for_yes_and_no_apart() -> None:
    assert len(curated(["TRUE", "yes", "no", "unclear"] * 3).labels) == 4


NAMES = [f"C{number}" for number in range(12)]


def test_the_majority_of_a_molecule_wins_and_its_minority_is_listed() -> None:
    result = curated([*LABELS, "no", "yes", "YES"], [*NAMES, "CC", "CC", "CC"])
    assert 13 in result.rows
    assert codes(result) == {12: "CONFLICTING_DUPLICATE", 14: "DUPLICATE"}
    sentence = next(reject.message for reject in result.rejects if reject.record == 12)
    assert (
        sentence == "The molecule of record 13, which with 2 of its 3 records is 'yes'; this one says 'no'."
    )


def test_a_tied_molecule_is_left_out_and_one_with_the_same_class_twice_is_used_once() -> None:
    result = curated([*LABELS, "yes", "no", "yes", "YES"], [*NAMES, "CC", "CC", "CN", "CN"])
    assert codes(result) == {
        12: "CONFLICTING_DUPLICATE",
        13: "CONFLICTING_DUPLICATE",
        15: "DUPLICATE",
    }
    assert 14 in result.rows
    assert all("record 12" in reject.message for reject in result.rejects if reject.record < 14)


def test_kept_replicates_of_two_classes_are_all_used() -> None:
    result = curated([*LABELS, "yes", "no"], [*NAMES, "CC", "CC"], replicates="keep")
    assert len(result.rows) == 14
    assert not result.rejects
    assert result.replicates.disagreeing == 1
