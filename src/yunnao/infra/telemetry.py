"""Logs, traces and metrics, configured once by the entry point."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import Counter, Gauge, Histogram

BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

HTTP_SECONDS = Histogram(
    "yunnao_http_request_seconds",
    "Time to answer a request",
    ["method", "route", "status"],
    buckets=BUCKETS_S,
)
READINGS_STORED = Counter("yunnao_readings_stored_total", "Readings committed")
READINGS_REFUSED = Counter("yunnao_readings_refused_total", "Readings refused", ["code"])
DEVICES_REFUSED = Counter("yunnao_devices_refused_total", "Devices that were not let in")
BATCH_SECONDS = Histogram("yunnao_ingest_batch_seconds", "Time from pull to commit", buckets=BUCKETS_S)
ALARMS_OPENED = Counter("yunnao_alarms_opened_total", "Alarms opened", ["rule"])
CASES_OPENED = Counter("yunnao_cases_opened_total", "Cases opened", ["source", "dispatch"])
EVENTS_RELAYED = Counter("yunnao_events_relayed_total", "Events that left the outbox")
EVENTS_HANDLED = Counter("yunnao_events_handled_total", "Events handled", ["consumer", "outcome"])
DEAD_LETTERS = Counter("yunnao_dead_letters_total", "Messages given up", ["source"])
OUTBOX_LAG_S = Gauge(
    "yunnao_outbox_lag_seconds", "Age of the oldest event that has not left", multiprocess_mode="livemax"
)


def configure(role: str, log_format: str = "console", otlp_url: str | None = None) -> None:
    """Structured logs on standard error; traces with ids in every log line.

    Spans leave by OTLP over HTTP where `otlp_url` names a collector (`http://host:4318/v1/traces`).
    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_trace,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            # Rich tracebacks print local variables, and those hold what people wrote.
            exception_formatter=structlog.dev.plain_traceback,
        )
    )
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, renderer]
        if log_format == "json"
        else [*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    structlog.contextvars.bind_contextvars(role=role)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, force=True)
    provider = TracerProvider(resource=Resource.create({"service.name": f"yunnao-{role}"}))
    if otlp_url:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=otlp_url)))
    trace.set_tracer_provider(provider)


def _add_trace(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
    trace_id = current_trace_id()
    if trace_id:
        event["trace_id"] = trace_id
    return event


def current_trace_id() -> str | None:
    """The W3C trace id of the current span, 32 hexadecimal digits."""
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else None


@contextmanager
def span(name: str, trace_id: str | None = None, **attributes: Any) -> Iterator[trace.Span]:
    """A span; with `trace_id` it continues that trace (an alarm's, a case's) in this process."""
    parent = None
    if trace_id:
        context = trace.SpanContext(
            trace_id=int(trace_id, 16),
            span_id=int(trace_id[:16], 16) or 1,
            is_remote=True,
            trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED),
        )
        parent = trace.set_span_in_context(trace.NonRecordingSpan(context))
    with trace.get_tracer("yunnao").start_as_current_span(
        name, context=parent, attributes=attributes
    ) as found:
        yield found
