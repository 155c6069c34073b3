from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from molfleet.errors import Code, RecordCode, Rejected
from tests.unit.modeler.curation.columns import LABELS, VALUES, codes, curated, measured
from workers.modeler.curation import Rules, curate, measured_again, transform


@pytest.mark.parametrize("how", ["none", "log10", "p"])
def test_a_transform_can_be_taken_back(how: str) -> None:
    value = transform(2.5e-7, how)
    assert value is not None
    assert measured_again(value, how) == pytest.approx(2.5e-7)


def test_p_is_the_negative_logarithm_and_zero_has_none() -> None:
    assert transform(1e-6, "p") == pytest.approx(6)
    assert transform(0.0, "log10") is None
    assert transform(0.0, "none") == 0.0


def test_every_record_is_used_or_rejected_with_its_own_line_and_title() -> None:
    result = curated([*VALUES, "<3", "n.d."])
    assert list(result.rows) == list(range(12))
    assert codes(result) == {12: RecordCode.CENSORED_TARGET, 13: RecordCode.NON_NUMERIC_TARGET}
    assert [(reject.line, reject.title) for reject in result.rejects][-1] == (15, "title 13")


NAMES = [f"C{number}" for number in range(12)]


@pytest.mark.parametrize(("how", "expected"), [("median", 2.0), ("mean", 3.0)])
def test_replicates_are_merged_into_the_first_record_of_the_molecule(how: str, expected: float) -> None:
    result = curated([*VALUES, "1", "2", "6"], [*NAMES, "CC", "CC", "CC"], replicates=how)
    assert list(result.rows) == list(range(13))
    assert result.values[-1] == expected
    assert codes(result) == {13: RecordCode.DUPLICATE, 14: RecordCode.DUPLICATE}
    assert "record 12" in result.rejects[0].message


def test_kept_replicates_are_all_used_and_known_as_one_molecule() -> None:
    result = curated([*VALUES, "9"], [*NAMES, "C3"], replicates="keep")
    assert len(result.rows) == 13
    assert result.molecules[12] == result.molecules[3]


def test_replicates_that_differ_are_told_the_widest_apart_first() -> None:
    result = curated([*VALUES, "2", "7000", "1.5"], [*NAMES, "C0", "C1", "C2"])
    assert (result.replicates.molecules, result.replicates.records) == (3, 6)
    assert result.replicates.disagreeing == 2
    assert [worst.records for worst in result.replicates.worst] == [(1, 13), (0, 12)]


def test_a_factor_of_a_thousand_between_replicates_is_a_suspected_unit() -> None:
    result = curated([*VALUES, "500"], [*NAMES, "C0"])
    assert result.replicates.worst[0].unit_mistake
    assert result.replicates.worst[0].texts == ("0.5", "500")


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_a_task_that_is_asked_for_is_not_looked_for(task: str) -> None:
    result = curated(["1", "2"] * 8, task=task)
    assert result.task == task
    assert result.reason.startswith(f"{task}: asked for")


@pytest.mark.parametrize(
    ("texts", "rules", "code", "told"),
    [
        (["1"] * 12, {"task": "regression"}, Code.UNSUITABLE_TARGET, "the same, '1'"),
        (["yes"] * 12, {}, Code.UNSUITABLE_TARGET, "one class, 'yes'"),
        (["+"] * 12, {}, Code.UNSUITABLE_TARGET, "a bare '-' counts as not measured"),
        (VALUES[:9], {}, Code.UNSUITABLE_TARGET, "9 molecules"),
        (["<1", "<2", "<3"] * 4, {}, Code.UNSUITABLE_TARGET, "12 are only bounds (censored=bound"),
        ([*VALUES, *["n.d."] * 20], {"task": "regression", "censored": "drop"}, None, ""),
        (["a"] * 11 + ["1"], {"task": "regression"}, Code.UNSUITABLE_TARGET, "11 gave no number"),
        ([f"name {n}" for n in range(60)], {}, Code.UNSUITABLE_TARGET, "60 different"),
        (LABELS, {"positive_class": "maybe"}, Code.INVALID_COMMAND, "no and yes"),
        (["a", "b", "c"] * 4, {"positive_class": "a"}, Code.INVALID_COMMAND, "two classes"),
        (LABELS, {"transform": "log10"}, Code.INVALID_COMMAND, "log10"),
        (VALUES, {"positive_class": "1"}, Code.INVALID_COMMAND, "positive_class"),
        ([], {}, Code.UNSUITABLE_TARGET, "0 molecules"),
    ],
)
def test_a_target_that_cannot_be_modelled_is_refused_with_the_reason(
    texts: list[str], rules: dict[str, Any], code: Code | None, told: str
) -> None:
    if code is None:
        assert len(curated(texts, **rules).rows) == len(VALUES)
        return
    with pytest.raises(Rejected) as caught:
        curated(texts, **rules)
    assert caught.value.code == code
    assert told in caught.value.message


TEXTS = st.one_of(
    st.floats(0.001, 1000).map(repr),
    st.sampled_from(["yes", "no", "<3", "> 1,5", "3-5", "5 nM", "12 %", "1,234.5", "n.d.", "0", "1", "~2"]),
    st.text("0123456789.,eE+-<>~ nMu%", max_size=6),
)
COLUMNS = st.lists(st.tuples(TEXTS, st.sampled_from(["C" * size for size in range(1, 25)])), max_size=60)
RULES = st.fixed_dictionaries(
    {
        "task": st.sampled_from([None, "regression", "classification"]),
        "censored": st.sampled_from(["drop", "bound"]),
        "replicates": st.sampled_from(["median", "mean", "keep"]),
        "units": st.sampled_from([None, "uM", "RFU"]),
        "transform": st.sampled_from(["none", "none", "log10", "p"]),
    }
)


@settings(max_examples=150, deadline=None)
@given(COLUMNS, RULES)
def test_no_record_is_lost_or_counted_twice(column: list[tuple[str, str]], rules: dict[str, Any]) -> None:
    items = measured([text for text, _ in column], [name for _, name in column])
    try:
        result = curate(items, Rules("y", **rules))
    except Rejected:
        return
    used = [items[row].record for row in result.rows]
    assert sorted([*used, *(reject.record for reject in result.rejects)]) == list(range(len(items)))
    assert np.all(np.isfinite(result.values))
    assert len(np.unique(result.values)) > 1
    if rules["replicates"] != "keep":
        assert len({items[row].molecule for row in result.rows}) == len(result.rows)
    for one, other in zip(result.rows, result.molecules, strict=True):
        same = result.rows[result.molecules == other]
        assert {items[row].molecule for row in same} == {items[one].molecule}


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(24)))
def test_the_order_of_records_changes_no_merged_value(order: list[int]) -> None:
    texts = [str(number * number / 7) for number in range(24)]
    names = [f"C{number % 12}" for number in range(24)]
    plain = curated(texts, names)
    shuffled = curated([texts[place] for place in order], [names[place] for place in order])
    expected = dict(zip((names[row] for row in plain.rows), plain.values, strict=True))
    found = {names[order[row]]: value for row, value in zip(shuffled.rows, shuffled.values, strict=True)}
    assert found == pytest.approx(expected)
