from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from molfleet.errors import Code, RecordCode, Rejected
from workers.modeler.curation import Curated, Measured, Rules, curate, measured_again, transform


@pytest.mark.parametrize("how", ["none", "log10", "p"])
def test_a_transform_can_be_taken_back(how: str) -> None:
    value = transform(2.5e-7, how)
    assert value is not None
    assert measured_again(value, how) == pytest.approx(2.5e-7)


def test_p_is_the_negative_logarithm_and_zero_has_none() -> None:
    assert transform(1e-6, "p") == pytest.approx(6)
    assert transform(0.0, "log10") is None
    assert transform(0.0, "none") == 0.0


def measured(texts: Sequence[str], names: Sequence[str] | None = None) -> list[Measured]:
    """Records 0, 1, ... of molecules that are all different, unless `names` names them."""
    return [
        Measured(record, record + 2, f"title {record}", names[record] if names else f"C{record}", text)
        for record, text in enumerate(texts)
    ]


def curated(texts: Sequence[str], names: Sequence[str] | None = None, **rules: Any) -> Curated:
    return curate(measured(texts, names), Rules("y", **rules))


VALUES = [str(number / 2) for number in range(1, 13)]
LABELS = ["yes", "no", "no"] * 4


def codes(result: Curated) -> dict[int, RecordCode]:
    return {reject.record: reject.code for reject in result.rejects}


def test_every_record_is_used_or_rejected_with_its_own_line_and_title() -> None:
    result = curated([*VALUES, "<3", "n.d."])
    assert list(result.rows) == list(range(12))
    assert codes(result) == {12: RecordCode.CENSORED_TARGET, 13: RecordCode.NON_NUMERIC_TARGET}
    assert [(reject.line, reject.title) for reject in result.rejects][-1] == (15, "title 13")
    assert "n.d." in result.rejects[-1].message


def test_a_censored_value_counts_as_its_bound_where_that_is_wanted() -> None:
    result = curated([*VALUES, "<30"], censored="bound")
    assert result.values[-1] == 30.0
    assert not result.rejects


def test_what_has_no_logarithm_is_rejected_not_crashed() -> None:
    result = curated([*VALUES, "0", "-1"], transform="log10")
    assert codes(result) == {12: RecordCode.NON_NUMERIC_TARGET, 13: RecordCode.NON_NUMERIC_TARGET}
    assert result.values[0] == pytest.approx(math.log10(0.5))


@pytest.mark.parametrize(("how", "expected"), [("median", 2.0), ("mean", 3.0)])
def test_replicates_are_merged_into_the_first_record_of_the_molecule(how: str, expected: float) -> None:
    names = [f"C{number}" for number in range(12)] + ["CC", "CC", "CC"]
    result = curated([*VALUES, "1", "2", "6"], names, replicates=how)
    assert list(result.rows) == list(range(13))
    assert result.values[-1] == expected
    assert codes(result) == {13: RecordCode.DUPLICATE, 14: RecordCode.DUPLICATE}
    assert "record 12" in result.rejects[0].message


def test_kept_replicates_are_all_used_and_known_as_one_molecule() -> None:
    names = [f"C{number}" for number in range(12)] + ["C3"]
    result = curated([*VALUES, "9"], names, replicates="keep")
    assert len(result.rows) == 13
    assert result.molecules[12] == result.molecules[3]


def test_a_molecule_with_two_classes_is_left_out_and_one_with_the_same_class_twice_is_used_once() -> None:
    names = [f"C{number}" for number in range(12)] + ["CC", "CC", "CN", "CN"]
    result = curated([*LABELS, "yes", "no", "yes", "YES"], names)
    assert codes(result) == {
        12: RecordCode.CONFLICTING_DUPLICATE,
        13: RecordCode.CONFLICTING_DUPLICATE,
        15: RecordCode.DUPLICATE,
    }
    assert 14 in result.rows


@pytest.mark.parametrize(
    ("texts", "labels"),
    [
        (LABELS, ("no", "yes")),
        (["TRUE", "FALSE"] * 6, ("FALSE", "TRUE")),
        (["1.0", "0", "0"] * 4, ("0", "1.0")),
        (["Active", "inactive"] * 6, ("inactive", "Active")),
        (["red", "blue", "blue"] * 4, ("blue", "red")),
        (["10", "9", "9", "2"] * 3, ("2", "9", "10")),
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


@pytest.mark.parametrize(
    ("texts", "rules", "code", "told"),
    [
        (["1"] * 12, {"task": "regression"}, Code.UNSUITABLE_TARGET, "the same"),
        (["yes"] * 12, {}, Code.UNSUITABLE_TARGET, "one class"),
        (VALUES[:9], {}, Code.UNSUITABLE_TARGET, "9 molecules"),
        (["<1", "<2", "<3"] * 4, {}, Code.UNSUITABLE_TARGET, "0 molecules"),
        ([f"name {n}" for n in range(60)], {}, Code.UNSUITABLE_TARGET, "60 different"),
        (LABELS, {"positive_class": "maybe"}, Code.INVALID_COMMAND, "no and yes"),
        (["a", "b", "c"] * 4, {"positive_class": "a"}, Code.INVALID_COMMAND, "two classes"),
        (LABELS, {"transform": "log10"}, Code.INVALID_COMMAND, "log10"),
        (VALUES, {"positive_class": "1"}, Code.INVALID_COMMAND, "positive_class"),
    ],
)
def test_a_target_that_cannot_be_modelled_is_refused_with_the_reason(
    texts: list[str], rules: dict[str, Any], code: Code, told: str
) -> None:
    with pytest.raises(Rejected) as caught:
        curated(texts, **rules)
    assert caught.value.code == code
    assert told in caught.value.message
