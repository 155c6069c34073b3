from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from molfleet.broker.port import Headers
from molfleet.messages.envelope import (
    command_headers,
    event_headers,
    event_id,
    event_key,
    generation_of,
    terminal_event_id,
)
from molfleet.messages.generated import ModelThumbnailGenerated, ModelTrained, TrainingFailed
from molfleet.messages.record import Event
from tests.builders import blob, train_model

COMMAND = train_model(
    id="11111111-1111-4111-8111-111111111111", correlation_id="ABCDEF00-2222-4222-8222-222222222222"
)
TYPE = "molfleet.commands.TrainModel"
TRACE = "0af7651916cd43dd8448eb211c80319c"
NOW = datetime(2026, 1, 2, 3, 4, 5, 678_900, tzinfo=UTC)
FAILED = TrainingFailed.answer(COMMAND, code="INTERNAL", message="It broke.", retryable=True)
THUMBNAIL = ModelThumbnailGenerated.answer(COMMAND, blob=blob(), width=300)


def counting() -> Callable[[], UUID]:
    numbers = iter(range(1, 1000))
    return lambda: UUID(int=next(numbers) * (2**64 + 1))


def headers_of(event: Event, **more: Any) -> dict[str, str]:
    given_ = {
        "fingerprint": "0123456789abcdef",
        "command": COMMAND,
        "command_type": TYPE,
        "command_headers": (),
        "generation": 1,
        "ordinal": 1,
        "source_kind": "modeler",
        "now": NOW,
        "new_id": counting(),
    }
    headers = event_headers(event, **{**given_, **more})
    assert len(dict(headers)) == len(headers)
    return {name: value.decode() for name, value in headers}


def test_an_event_has_the_headers_of_the_contract() -> None:
    own_id = str(uuid5(COMMAND.id, "molfleet.commands.TrainModel:terminal"))
    assert headers_of(FAILED) == {
        "content-type": "application/avro",
        "ce_id": own_id,
        "ce_source": "/molfleet/modeler",
        "ce_type": "molfleet.events.TrainingFailed",
        "ce_specversion": "1.0",
        "ce_time": "2026-01-02T03:04:05.678Z",
        "ce_subject": "11111111-1111-4111-8111-111111111111",
        "ce_dataschema": "urn:molfleet:schema:0123456789abcdef",
        "traceparent": "00-00000000000000020000000000000002-0000000000000001-00",
        "MessageId": own_id,
        "CorrelationId": "abcdef00-2222-4222-8222-222222222222",
        "ConversationId": "abcdef00-2222-4222-8222-222222222222",
        "InitiatorId": "11111111-1111-4111-8111-111111111111",
    }


def test_success_and_failure_of_a_command_have_one_id() -> None:
    trained = ModelTrained.answer(
        COMMAND,
        model=blob(),
        **dict.fromkeys(("model_name", "method", "method_display_name", "task"), "x"),
        **dict.fromkeys(("number_of_generic_files", "records_used", "records_skipped"), 0),
    )
    assert headers_of(trained)["ce_id"] == headers_of(FAILED)["ce_id"]


def test_other_events_are_told_apart_by_type_and_ordinal() -> None:
    first, second = (headers_of(THUMBNAIL, ordinal=ordinal)["ce_id"] for ordinal in (1, 2))
    assert first == str(uuid5(COMMAND.id, "molfleet.events.ModelThumbnailGenerated:1"))
    assert second == str(uuid5(COMMAND.id, "molfleet.events.ModelThumbnailGenerated:2"))


def test_a_later_generation_has_ids_of_its_own_and_says_so() -> None:
    headers = headers_of(FAILED, generation=3)
    assert headers["ce_id"] == str(uuid5(COMMAND.id, f"{TYPE}:terminal:g3"))
    assert headers["molfleet-generation"] == "3"
    assert terminal_event_id(TYPE, COMMAND.id, 1) == terminal_event_id(TYPE, COMMAND.id)
    assert event_id("x.Y", COMMAND.id, 2, 2) == uuid5(COMMAND.id, "x.Y:2:g2")


def test_the_trace_of_the_command_goes_on_under_a_new_span() -> None:
    sent = (
        ("traceparent", f"00-{TRACE}-b7ad6b7169203331-01".encode()),
        ("tracestate", b"vendor=1"),
        ("ConversationId", b"a saga"),
    )
    headers = headers_of(FAILED, command_headers=sent)
    assert headers["traceparent"] == f"00-{TRACE}-0000000000000001-01"
    assert headers["tracestate"] == "vendor=1"
    assert headers["ConversationId"] == "a saga"


@pytest.mark.parametrize(
    "malformed",
    [
        b"",
        b"\xff\xfe",
        b"00-" + b"0" * 32 + b"-b7ad6b7169203331-01",
        f"00-{TRACE}-{'0' * 16}-01".encode(),
        f"ff-{TRACE}-b7ad6b7169203331-01".encode(),
        f"00-{TRACE}-b7ad6b7169203331-01-more".encode(),
        f"00-{TRACE.upper()}-b7ad6b7169203331-01".encode(),
        f"00-{TRACE}-b7ad6b7169203331-01\n".encode(),
    ],
)
def test_a_malformed_trace_gives_way_to_a_new_one(malformed: bytes) -> None:
    headers = headers_of(FAILED, command_headers=(("traceparent", malformed), ("tracestate", b"vendor=1")))
    assert headers["traceparent"] == "00-00000000000000020000000000000002-0000000000000001-00"
    assert "tracestate" not in headers


def test_a_later_version_of_the_trace_header_is_read_as_far_as_it_is_known() -> None:
    sent = (("traceparent", f"01-{TRACE}-b7ad6b7169203331-01-more".encode()),)
    assert headers_of(FAILED, command_headers=sent)["traceparent"] == f"00-{TRACE}-0000000000000001-01"


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["traceparent", "tracestate", "ConversationId", "molfleet-generation", "x"]),
            st.none() | st.binary(max_size=300),
        )
    )
)
def test_no_header_of_a_command_can_hinder_its_event(sent: list[tuple[str, Any]]) -> None:
    headers = headers_of(FAILED, command_headers=tuple(sent), generation=generation_of(tuple(sent)))
    assert headers["traceparent"].startswith("00-")


@pytest.mark.parametrize(
    ("headers", "generation"),
    [
        ((), 1),
        ((("molfleet-generation", b"2"),), 2),
        ((("molfleet-generation", b"2"), ("molfleet-generation", b"4")), 4),
        ((("molfleet-generation", b"0"),), 1),
        ((("molfleet-generation", b"-2"),), 1),
        ((("molfleet-generation", b"two"),), 1),
        ((("molfleet-generation", "²".encode()),), 1),
        ((("molfleet-generation", b"9" * 200),), 1),
        ((("molfleet-generation", b"\xff"),), 1),
    ],
)
def test_the_generation_is_that_of_the_last_header_and_1_without_a_good_one(
    headers: Headers, generation: int
) -> None:
    assert generation_of(headers) == generation


def test_a_command_is_published_with_its_own_id_as_message_id() -> None:
    headers = dict(
        command_headers(
            COMMAND,
            fingerprint="0123456789abcdef",
            now=NOW.astimezone(timezone(timedelta(hours=5))),
            generation=2,
            new_id=counting(),
        )
    )
    assert headers["MessageId"] == headers["ce_id"] == headers["ce_subject"] == str(COMMAND.id).encode()
    assert headers["ce_time"] == b"2026-01-02T03:04:05.678Z"
    assert headers["ce_type"] == b"molfleet.commands.TrainModel"
    assert headers["ConversationId"] == headers["CorrelationId"] == str(COMMAND.correlation_id).encode()
    assert headers["molfleet-generation"] == b"2"
    assert "InitiatorId" not in headers


def test_the_key_of_an_event_is_its_correlation_id_as_text() -> None:
    assert event_key(FAILED.correlation_id) == b"abcdef00-2222-4222-8222-222222222222"
