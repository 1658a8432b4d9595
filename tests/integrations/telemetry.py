"""What a client told OpenTelemetry, read back from memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from anton_async import AntonClient
from anton_async.integrations.opentelemetry import instrument


@dataclass
class Told:
    """Providers of spans and metrics that keep everything in memory."""

    tracer_provider: TracerProvider = field(default_factory=TracerProvider)
    exporter: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)
    reader: InMemoryMetricReader = field(default_factory=InMemoryMetricReader)

    def __post_init__(self) -> None:
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.meter_provider = MeterProvider([self.reader])

    def follow(self, anton: AntonClient) -> AntonClient:
        return instrument(anton, tracer_provider=self.tracer_provider, meter_provider=self.meter_provider)

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        """All spans, in the order they ended."""
        return self.exporter.get_finished_spans()

    @property
    def call(self) -> ReadableSpan:
        """The span of the only call."""
        (call,) = (span for span in self.spans if span.name.startswith("anton."))
        return call

    @property
    def requests(self) -> list[ReadableSpan]:
        """The spans of the requests, in the order they ended."""
        return [span for span in self.spans if span.kind.name == "CLIENT"]

    @property
    def metrics(self) -> Mapping[str, Any]:
        """All metrics, by name."""
        data = self.reader.get_metrics_data()
        if data is None:
            return {}
        scopes = [scope for resource in data.resource_metrics for scope in resource.scope_metrics]
        return {metric.name: metric for scope in scopes for metric in scope.metrics}

    def points(self, name: str) -> list[Any]:
        return [*self.metrics[name].data.data_points]


def number(span: ReadableSpan) -> int:
    assert span.context is not None
    return int(span.context.span_id)


def parent(span: ReadableSpan) -> int | None:
    return None if span.parent is None else span.parent.span_id


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def events(span: ReadableSpan) -> list[tuple[str, dict[str, Any]]]:
    return [(event.name, dict(event.attributes or {})) for event in span.events]
