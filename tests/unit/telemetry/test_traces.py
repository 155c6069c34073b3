from __future__ import annotations

import pytest

from molfleet.broker.port import Headers
from molfleet.telemetry import traces

PARENT = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_the_trace_of_a_command_goes_on_in_its_events() -> None:
    with traces.span("TrainModel", (("traceparent", PARENT), ("tracestate", b"a=b"))) as headers:
        assert headers == (("traceparent", PARENT), ("tracestate", b"a=b"))


def test_what_is_published_within_the_span_finds_the_trace_by_itself() -> None:
    with traces.span("TrainModel", (("traceparent", PARENT),)):
        assert traces.inject() == (("traceparent", PARENT),)
    assert traces.inject() == ()


def test_a_header_in_another_case_is_the_same_header() -> None:
    with traces.span("x", (("Traceparent", PARENT),)) as headers:
        assert headers == (("traceparent", PARENT),)


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("traceparent", b""),),
        (("traceparent", b"\xff\xfe"),),
        (("traceparent", b"00-" + b"0" * 32 + b"-b7ad6b7169203331-01"),),
        (("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-" + b"0" * 16 + b"-01"),),
        (("tracestate", b"a=b"),),
    ],
)
def test_without_a_valid_parent_there_is_no_trace(headers: Headers) -> None:
    with traces.span("x", headers) as published:
        assert published == ()


def test_one_command_does_not_see_the_trace_of_the_one_around_it() -> None:
    with traces.span("outer", (("traceparent", PARENT),)), traces.span("inner") as headers:
        assert headers == ()
