"""Commits never pass an unfinished record, whatever order records finish in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from molfleet.broker.port import Committed, Incoming, Partition
from molfleet.runtime.commits import CommitTracker

P = Partition("t", 0)


def record(offset: int, partition: int = 0) -> Incoming:
    return Incoming("t", partition, offset, None, None, (), 0)


def tracker(*offsets: int) -> CommitTracker:
    made = CommitTracker()
    made.assigned([P])
    for offset in offsets:
        made.delivered(record(offset))
    return made


def test_nothing_is_due_before_the_first_record_is_finished() -> None:
    made = tracker(0, 1)
    made.finished(record(1))
    assert made.due() == {}


def test_finishing_the_first_makes_all_finished_ones_behind_it_due() -> None:
    made = tracker(0, 1, 2)
    made.finished(record(1))
    made.finished(record(0))
    assert made.due() == {P: Committed(2)}


def test_gaps_between_offsets_do_not_hold_a_commit_back() -> None:
    made = tracker(3, 7, 12)
    for offset in (3, 7):
        made.finished(record(offset))
    assert made.due() == {P: Committed(8)}


def test_a_committed_position_is_not_due_again() -> None:
    made = tracker(0, 1)
    made.finished(record(0))
    made.committed(made.due())
    assert made.due() == {}


def test_a_revoked_partition_is_never_committed_by_what_still_runs() -> None:
    made = tracker(0)
    made.revoked([P])
    made.finished(record(0))
    assert made.due() == {}


def test_a_record_that_comes_back_while_it_runs_does_not_start_again_and_is_committed_when_done() -> None:
    made = tracker(0)
    made.revoked([P])
    made.assigned([P])
    assert made.delivered(record(0)) is False
    made.finished(record(0))
    assert made.due() == {P: Committed(1)}


def test_a_record_that_was_handed_back_may_start_again() -> None:
    made = tracker(0)
    made.abandoned(record(0))
    made.revoked([P])
    made.assigned([P])
    assert made.delivered(record(0)) is True


@given(st.lists(st.integers(0, 60), unique=True, min_size=1).map(sorted), st.randoms())
def test_every_committed_position_has_only_finished_records_before_it(offsets, random) -> None:
    made = tracker(*offsets)
    finished: set[int] = set()
    order = offsets.copy()
    random.shuffle(order)
    for offset in order:
        made.finished(record(offset))
        finished.add(offset)
        for position in made.due().values():
            assert all(o in finished for o in offsets if o < position.offset)
        made.committed(made.due())
    assert made.running == 0
