"""The audit finds nothing in a history that keeps the promises, and every way to break one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from molfleet.operations.audit import check, same_answer
from molfleet.operations.history import History
from tests import builders
from tests.unit.faults.breaks import BREAKS, Break
from tests.unit.faults.good import TRAINING, good, started


def broken(history: History, strict: bool = True) -> list[str]:
    return [str(violation) for violation in check(history, strict=strict)]


@pytest.mark.parametrize("strict", [True, False])
def test_a_history_that_keeps_every_promise_passes(strict: bool) -> None:
    assert broken(good().history, strict) == []


def test_an_empty_history_passes() -> None:
    assert broken(History()) == []


@pytest.mark.parametrize(("break_it", "about", "what"), BREAKS, ids=[b[0].__name__ for b in BREAKS])
def test_a_broken_promise_is_found_and_named(break_it: Break, about: str, what: str) -> None:
    story = good()
    break_it(story)
    found = broken(story.history)
    assert any(line.startswith(about) and what in line for line in found), found


def test_a_command_under_way_is_no_violation_until_the_fleet_is_at_rest() -> None:
    story = good()
    command = builders.train_model()
    story.publishes(story.sends(command, TRAINING), started(command))
    assert broken(story.history, strict=False) == []
    assert [line for line in broken(story.history) if "no terminal event" in line]


def test_forgotten_records_are_no_violation_while_the_fleet_runs() -> None:
    story = good()
    story.commands.clear()
    story.commits.clear()
    assert broken(story.history, strict=False) == []
    assert broken(story.history)


def test_the_second_training_under_one_id_may_run_in_another_generation_only() -> None:
    story = good()
    resent = next(command for command in story.commands if command.run and command.run.generation == 2)
    story.receipts = [seen for seen in story.receipts if seen.run != resent.run]
    assert [line for line in broken(story.history) if "(generation 2): it ended without a receipt" in line]


@given(st.randoms(use_true_random=False))
def test_how_the_logs_of_different_topics_interleave_does_not_matter(random: Any) -> None:
    story = good()
    trainings = [e for e in story.events if e.record.topic.startswith("training")]
    singles = [e for e in story.events if e.record.topic.startswith("predictions")]
    merged = []
    while trainings or singles:
        merged.append((random.choice([log for log in (trainings, singles) if log])).pop(0))
    story.events = merged
    random.shuffle(story.letters)
    random.shuffle(story.receipts)
    assert broken(story.history) == []


@given(
    st.floats(allow_nan=False, allow_infinity=False, min_value=1e-300, max_value=1e300),
    st.floats(-0.5, 0.5),
)
def test_answers_are_the_same_within_the_tolerance_only(value: float, off: float) -> None:
    near = same_answer({"value": value}, {"value": value * (1 + off)})
    assert near == (abs(off) <= 1e-4) or abs(abs(off) - 1e-4) < 1e-7


def test_an_answer_that_lacks_a_model_is_another_answer() -> None:
    assert not same_answer({"models": [1.0, 2.0]}, {"models": [1.0]})
    assert not same_answer({"value": 1.0}, {"value": None})
    assert same_answer({"value": float("nan"), "elapsed_ms": 1}, {"value": float("nan"), "elapsed_ms": 2})
