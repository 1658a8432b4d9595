"""OpenTelemetry: a span a call with a child span a request, and metrics; attributes as the HTTP conventions name them.

Needs the `otel` extra: `pip install "anton-async[otel]"`.

    anton = instrument(AntonClient.from_env())

    anton.payouts.create        the call: outcome, attempts, queue, an event for each pause and for its error
    ├── POST /v1/payouts        a request: status, request id, quota left
    └── POST /v1/payouts        another, with http.request.resend_count

Paths appear as templates only. No id of a resource, no query, no header, no body, no message of the API's and no
idempotency key is told, and nothing is added to what Anton is sent.

Source: https://opentelemetry.io/docs/specs/semconv/http/
"""

from __future__ import annotations

from contextvars import Token
from dataclasses import dataclass
from typing import Any, Final, TypeVar, get_args

try:
    from opentelemetry import context, metrics, trace
except ImportError:
    raise ImportError('anton_async.integrations.opentelemetry needs its API: pip install "anton-async[otel]"') from None

from opentelemetry.util.types import AttributeValue
from yarl import URL

from anton_async._version import __version__
from anton_async.call_log import label, outcome, sent
from anton_async.client import AntonClient
from anton_async.hooks import CallEvent, CallObserver
from anton_async.models.enums import ErrorCode
from anton_async.operation import Operation

__all__ = ["instrument"]

C = TypeVar("C", bound=AntonClient)
Attributes = dict[str, AttributeValue]

_NAME: Final = "anton_async"
_SCHEMA: Final = "https://opentelemetry.io/schemas/1.37.0"
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60)
_COUNTS: Final = (1, 2, 3, 4, 5, 8, 12)
_CODES: Final = frozenset(get_args(ErrorCode))
# Instrumentations of HTTP clients look for this key: a request of ours has its span already, and theirs holds its URL.
_NOT_TWICE: Final[str | None] = getattr(context, "_SUPPRESS_HTTP_INSTRUMENTATION_KEY", None)


def instrument(
    anton: C,
    *,
    tracer_provider: trace.TracerProvider | None = None,
    meter_provider: metrics.MeterProvider | None = None,
) -> C:
    """Trace and measure every call that `anton` begins from now on, and return `anton`.

    Args:
        anton: a client, open or not.
        tracer_provider: takes the spans; the global one when left out.
        meter_provider: takes the metrics; the global one when left out.
    """
    return anton.observe(
        _Telemetry(
            trace.get_tracer(_NAME, __version__, tracer_provider, _SCHEMA),
            _Instruments(metrics.get_meter(_NAME, __version__, meter_provider, _SCHEMA)),
        )
    )


class _Instruments:
    """What is measured."""

    def __init__(self, meter: metrics.Meter) -> None:
        self.request = meter.create_histogram(
            "http.client.request.duration",
            "s",
            "Duration of HTTP client requests.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self.call = meter.create_histogram(
            "anton.client.call.duration",
            "s",
            "Duration of calls, over queues, requests and pauses.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self.attempts = meter.create_histogram(
            "anton.client.call.attempts",
            "{request}",
            "Requests that a call sent.",
            explicit_bucket_boundaries_advisory=_COUNTS,
        )
        self.queue = meter.create_histogram(
            "anton.client.queue.duration",
            "s",
            "How long requests waited for a token, the quota and a slot.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self.quota = meter.create_gauge(
            "anton.client.quota.remaining", "{request}", "Requests that the API's rolling minute still allows."
        )


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """What is the same for all calls of one operation."""

    name: str
    request_name: str
    server: Attributes
    call: Attributes
    request: Attributes


class _Telemetry:
    """The observer of one client."""

    def __init__(self, tracer: trace.Tracer, instruments: _Instruments) -> None:
        self._tracer = tracer
        self._instruments = instruments
        self._endpoints: dict[tuple[str, str], _Endpoint] = {}

    def begin(self, operation: Operation[Any], base_url: URL, /) -> CallObserver:
        key = operation.id, operation.method
        endpoint = self._endpoints.get(key)
        if endpoint is None:
            endpoint = self._endpoints[key] = _endpoint(operation, base_url)
        return _TracedCall(self._tracer, self._instruments, endpoint)


def _endpoint(operation: Operation[Any], base_url: URL) -> _Endpoint:
    server: Attributes = {"server.address": base_url.host or "", "server.port": base_url.port or 443}
    request: Attributes = {"http.request.method": operation.method, **server}
    if operation.id != "request":
        request["url.template"] = operation.path
    return _Endpoint(
        name=f"anton.{operation.name}",
        request_name=label(operation),
        server=server,
        call={"anton.operation": operation.id, **server},
        request=request,
    )


class _TracedCall:
    """One call: its span, and that of the request under way."""

    def __init__(self, tracer: trace.Tracer, instruments: _Instruments, endpoint: _Endpoint) -> None:
        self._tracer = tracer
        self._instruments = instruments
        self._endpoint = endpoint
        self._span = tracer.start_span(endpoint.name, attributes=endpoint.call)
        self._outside = context.attach(trace.set_span_in_context(self._span))
        self._request: tuple[trace.Span, Token[context.Context]] | None = None
        self._left = 0.0

    def attempt(self, event: CallEvent, /) -> None:
        self._left = event.elapsed
        attributes: Attributes = {**self._endpoint.request, "anton.queue.duration": event.queued}
        if event.attempt > 1:
            attributes["http.request.resend_count"] = event.attempt - 1
        kind = trace.SpanKind.CLIENT
        span = self._tracer.start_span(self._endpoint.request_name, kind=kind, attributes=attributes)
        inside = trace.set_span_in_context(span)
        if _NOT_TWICE is not None:
            inside = context.set_value(_NOT_TWICE, True, inside)
        self._request = span, context.attach(inside)
        self._instruments.queue.record(event.queued, self._endpoint.call)

    def response(self, event: CallEvent, /) -> None:
        attributes: Attributes = {}
        if event.status is not None:
            attributes["http.response.status_code"] = event.status
        if (error := _request_error(event)) is not None:
            attributes["error.type"] = error
        self._instruments.request.record(event.elapsed - self._left, {**self._endpoint.request, **attributes})
        if event.quota is not None and event.quota_left is not None:
            quota: Attributes = {**self._endpoint.server, "anton.quota.limit": event.quota}
            self._instruments.quota.set(event.quota_left, quota)
        self._end_request({**attributes, **_given(event)}, error=error)

    def retry(self, event: CallEvent, /) -> None:
        self._span.add_event("anton.retry", {"anton.retry.delay": event.delay or 0.0, **_error(event), **_given(event)})

    def end(self, event: CallEvent, /) -> None:
        self._end_request({}, error=event.error)
        came_to: Attributes = {"anton.outcome": outcome(event)}
        if event.error is not None:
            came_to["error.type"] = event.error
        for_metrics: Attributes = {**self._endpoint.call, **came_to}
        if event.code is not None:
            for_metrics["anton.error.code"] = event.code if event.code in _CODES else "_OTHER"
        self._instruments.call.record(event.elapsed, for_metrics)
        self._instruments.attempts.record(event.attempt, {**self._endpoint.call, "anton.outcome": outcome(event)})
        if self._span.is_recording():
            self._tell(event, came_to)
        self._span.end()
        _detach(self._outside, event.error)

    def _tell(self, event: CallEvent, came_to: Attributes) -> None:
        self._span.set_attributes(
            {
                **came_to,
                **_given(event),
                **_error(event),
                "anton.attempts": event.attempt,
                "anton.queue.duration": event.queued,
                "anton.idempotent_replayed": event.replayed,
            }
        )
        if event.error is None:
            return
        named = f"{event.error}, {event.code}" if event.code else event.error
        message = f"outcome {outcome(event)} after {sent(event)}: {named}"
        self._span.add_event("exception", {"exception.type": event.error, "exception.message": message})
        self._span.set_status(trace.StatusCode.ERROR, message)

    def _end_request(self, attributes: Attributes, *, error: str | None) -> None:
        if self._request is None:
            return
        (span, token), self._request = self._request, None
        span.set_attributes(attributes)
        if error is not None:
            span.set_status(trace.StatusCode.ERROR)
        span.end()
        _detach(token, error)


def _detach(token: Token[context.Context], error: str | None) -> None:
    if error != "GeneratorExit":  # a call that was thrown away ends in another context, where the token says nothing
        context.detach(token)


def _request_error(event: CallEvent) -> str | None:
    """Return the `error.type` of a request: its status, or the error where the status does not say it."""
    if event.status is not None and not 200 <= event.status < 300:
        return str(event.status)
    return event.error


def _error(event: CallEvent) -> Attributes:
    named = {"error.type": event.error, "anton.error.code": event.code}
    return {name: value for name, value in named.items() if value is not None}


def _given(event: CallEvent) -> Attributes:
    """Return what the API said of the request, beside its answer."""
    named = {"anton.request_id": event.request_id, "anton.quota.remaining": event.quota_left}
    return {name: value for name, value in named.items() if value is not None}
