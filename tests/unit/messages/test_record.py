from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import ValidationError

from molfleet.messages.generated import ModelTrainingStarted, TrainingFailed
from molfleet.messages.record import EPOCH
from tests.builders import cancel_command, train_model


@pytest.mark.parametrize(
    "given",
    [
        datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC),
        datetime(2026, 1, 2, 5, 4, 5, 678_999, tzinfo=timezone(timedelta(hours=2))),
        datetime(2026, 1, 2, 3, 4, 5, 678_000),
        "2026-01-02T03:04:05.678Z",
        "2026-01-02T03:04:05.678",
        1_767_323_045_678,
    ],
)
def test_a_time_is_in_utc_and_whole_milliseconds_however_it_is_given(given: object) -> None:
    command = cancel_command(time_stamp=given)
    assert command.time_stamp == datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
    assert command.time_stamp.utcoffset() == timedelta(0)
    assert command.model_dump()["time_stamp"] == 1_767_323_045_678


@pytest.mark.parametrize("given", [2**62, -(2**62), True, "soon", "0001-01-01T00:00:00+14:00"])
def test_a_time_that_is_none_is_a_fault_of_the_field(given: object) -> None:
    with pytest.raises(ValidationError) as invalid:
        cancel_command(time_stamp=given)
    assert [error["loc"] for error in invalid.value.errors()] == [("time_stamp",)]


def test_a_number_beyond_what_the_wire_holds_is_a_fault_of_the_field() -> None:
    with pytest.raises(ValidationError) as invalid:
        train_model(seed=2**63)
    assert [error["loc"] for error in invalid.value.errors()] == [("seed",)]
    assert train_model(seed=-(2**63)).seed == -(2**63)


def test_an_unknown_field_is_an_error() -> None:
    with pytest.raises(ValidationError, match="kfold"):
        train_model(kfold=3)


def test_an_answer_has_the_identity_of_its_command() -> None:
    command = train_model(user_id="11111111-1111-4111-8111-111111111111")
    event = ModelTrainingStarted.answer(command, model_name="m", method="x")
    assert (event.id, event.correlation_id, event.user_id) == (
        command.id,
        command.correlation_id,
        command.user_id,
    )
    assert event.time_stamp == EPOCH


def test_a_failure_needs_no_more_than_code_sentence_and_verdict() -> None:
    failed = TrainingFailed.answer(train_model(), code="INTERNAL", message="It broke.", retryable=True)
    assert failed.terminal
    assert (failed.is_model_trained, failed.is_thumbnail_generated, failed.details) == (False, False, {})
