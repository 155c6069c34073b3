"""W3C trace context (https://www.w3.org/TR/trace-context/) from a command's headers to its events'.

Only opentelemetry-api is needed. Without an SDK spans cost nothing, and the context of the command is
passed on unchanged, so that what comes after hangs below whoever sent the command; a deployment that
installs an SDK gets real spans.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from molfleet.broker.port import Headers

_NAMES = ("traceparent", "tracestate")
_W3C = TraceContextTextMapPropagator()


def extract(headers: Headers) -> Context:
    """The trace context that a record's headers carry; an empty one where absent or malformed."""
    carrier = {
        name.lower(): value.decode("ascii", "replace")
        for name, value in headers
        if value is not None and name.lower() in _NAMES
    }
    return _W3C.extract(carrier, context=Context())


def inject(context: Context | None = None) -> Headers:
    """Headers for a record to publish within `context` (default: the current one); () without a trace."""
    carrier: dict[str, str] = {}
    _W3C.inject(carrier, context=context)
    return tuple((name, carrier[name].encode("ascii")) for name in _NAMES if name in carrier)


@contextmanager
def span(
    name: str, headers: Headers = (), attributes: Mapping[str, str | int | float | bool] | None = None
) -> Iterator[Headers]:
    """Work done because of a record with these headers; gives the trace headers of what it publishes.

    An exception that leaves the block is recorded on the span.
    """
    tracer = trace.get_tracer("molfleet")
    with tracer.start_as_current_span(
        name, context=extract(headers), kind=SpanKind.CONSUMER, attributes=attributes
    ):
        yield inject()
