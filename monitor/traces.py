"""Traces: how long each step took for what, sent to a collector of OpenTelemetry if one is named.

* Nothing of OpenTelemetry is imported before `set_up`; until then a span is nothing at all.
* Nobody waits for a collector: spans wait in a queue of bounded length; what does not fit is
  dropped, with a warning in the log.
* A span says of what it is by ids (feed, subscription, delivery), never by people or texts.
"""

from __future__ import annotations

import time
from contextlib import nullcontext
from threading import Thread
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from types import TracebackType

    from opentelemetry.context import Context
    from opentelemetry.trace import Tracer

QUEUE: Final = 4096  # spans that wait to be sent
ANSWER_S: Final = 2  # how long a collector may take to answer
LEAVE_S: Final = 2  # how long the end of a process waits for what is left

_NOTE: Final = "monitor"  # what the names of attributes begin with


class Span(Protocol):
    """What takes some time, and ends with the block it is opened for."""

    def say(self, **attributes: object) -> None:
        """Add what came of it; None says nothing."""


class _Nothing:
    def say(self, **attributes: object) -> None:
        pass


_NOTHING: Final = nullcontext(_Nothing())
_tracer: Tracer | None = None


def set_up(endpoint: str, *, version: str, process: str) -> Callable[[], None]:
    """Send spans from now on to *endpoint*, by OTLP over HTTP; return what ends that.

    *process* tells this process from others. Raises ModuleNotFoundError if OpenTelemetry is not
    installed. The variables `OTEL_...` of its SDK add headers, certificates, attributes and a
    sampler.
    """
    global _tracer  # noqa: PLW0603 - one for the process, as the log
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    named = {
        "service.name": "regulatory-monitor",
        "service.version": version,
        "service.instance.id": process,
    }
    provider = TracerProvider(resource=Resource.create(named), shutdown_on_exit=False)
    exporter = OTLPSpanExporter(endpoint, timeout=ANSWER_S)
    provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=QUEUE))
    _tracer = provider.get_tracer("monitor", version)

    def end() -> None:
        global _tracer  # noqa: PLW0603 - the same
        _tracer = None
        # A thread, since a collector that hangs would keep a stop waiting for half a minute.
        leaving = Thread(target=provider.shutdown, name="traces", daemon=True)
        leaving.start()
        leaving.join(LEAVE_S)
        if leaving.is_alive():
            # It tries no more, and says in the log what was not sent.
            exporter.shutdown()  # type: ignore[no-untyped-call]

    return end


def span(
    name: str, within: Context | None = None, **attributes: object
) -> AbstractContextManager[Span]:
    """Return a block that is a span, in the span around it or *within* another's place.

    An error that leaves the block is noted, by the name of its class.
    """
    if _tracer is None:
        return _NOTHING
    return _Real(_tracer, name, within, attributes)


def done(name: str, took_s: float, **attributes: object) -> None:
    """Record a span that took *took_s* seconds up to now."""
    if _tracer is not None:
        ended = time.time_ns()
        began = ended - int(took_s * 1e9)
        _tracer.start_span(name, start_time=began, attributes=_named(attributes)).end(ended)


def here() -> Context | None:
    """Return this place in the trace, for what another thread does for it."""
    if _tracer is None:
        return None
    from opentelemetry import context

    return context.get_current()


def ids() -> dict[str, str]:
    """Return what names the span around, as fields of a log event; nothing if there is none."""
    if _tracer is None:
        return {}
    from opentelemetry import trace

    found = trace.get_current_span().get_span_context()
    if not found.is_valid:
        return {}
    return {
        "trace_id": trace.format_trace_id(found.trace_id),
        "span_id": trace.format_span_id(found.span_id),
    }


class _Real:
    """A span of OpenTelemetry as a block."""

    def __init__(
        self, tracer: Tracer, name: str, within: Context | None, attributes: dict[str, object]
    ) -> None:
        self._block: AbstractContextManager[Any] = tracer.start_as_current_span(
            name,
            context=within,
            attributes=_named(attributes),
            record_exception=False,
            set_status_on_exception=False,
        )
        self._span: Any = None

    def __enter__(self) -> Self:
        self._span = self._block.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        from opentelemetry.trace import StatusCode

        if kind is not None:
            self._span.set_status(StatusCode.ERROR, kind.__name__)
        self._block.__exit__(kind, error, trace)

    def say(self, **attributes: object) -> None:
        from opentelemetry.trace import StatusCode

        self._span.set_attributes(_named(attributes))
        if attributes.get("error") is not None:
            self._span.set_status(StatusCode.ERROR, str(attributes["error"]))


def _named(attributes: dict[str, object]) -> dict[str, Any]:
    return {f"{_NOTE}.{name}": value for name, value in attributes.items() if value is not None}
