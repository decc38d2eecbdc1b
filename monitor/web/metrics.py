"""Metrics for Prometheus: how the service fares, measured when they are asked for.

* All but those of the process itself (`process_`) are from the database, so every process on it
  shows the same. They are gauges: what ends in `_5m`, `_1d` or `_7d` counts that span up to now.
* An answer is kept for a few seconds, and one is made at a time: whoever asks all day costs little.
* What each means is in docs/guide/operations.md, which a test holds against this file.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from time import monotonic
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import GaugeHistogramMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.exposition import choose_encoder
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from monitor.errors import StoreError
from monitor.model import DeliveryStatus, DigestKind, FeedState, PollOutcome
from monitor.pipeline import health
from monitor.resources import version
from monitor.store import heartbeats, measures, migrate, room, workers
from monitor.store.engine import reading
from monitor.store.schema import SCHEMA
from monitor.web.probes import alive, judge

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from prometheus_client.metrics_core import Metric
    from sqlalchemy import Connection, Engine
    from starlette.requests import Request

    from monitor.app import App
    from monitor.model import Subscription
    from monitor.ports import Clock

KEPT_S: Final = 5.0
QUANTILES: Final = (0.5, 0.9, 0.99)


class Meter:
    """Measures one database. Only for the threads that answer: it locks."""

    def __init__(
        self, engine: Engine, clock: Clock, subscriptions: Sequence[Subscription], kept_s: float
    ) -> None:
        self._engine, self._clock, self._subscriptions = engine, clock, subscriptions
        self._kept_s = kept_s
        self._kept: tuple[float, list[Metric]] | None = None
        self._one_at_a_time = threading.Lock()
        self._process = ProcessCollector(registry=None)

    def answer(self, accept: str) -> Response:
        """Return the metrics in the format that *accept* asks for; 503 if there is no database."""
        try:
            found = self._measured()
        except (StoreError, SQLAlchemyError) as error:
            kind = str(error) if isinstance(error, StoreError) else type(error).__name__
            return PlainTextResponse(f"the database cannot be used: {kind}\n", 503)
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Found([*found, *self._process.collect()]))
        encode, kind = choose_encoder(accept)
        return Response(encode(registry), media_type=kind)

    def _measured(self) -> list[Metric]:
        with self._one_at_a_time:
            if self._kept is not None and monotonic() - self._kept[0] < self._kept_s:
                return self._kept[1]
            began = monotonic()
            migrate.require(self._engine)
            found = list(self._measure())
            took = monotonic() - began
            found.append(_gauge("monitor_measuring_seconds", "Taken to measure all of this", took))
            self._kept = monotonic(), found
            return found

    def _measure(self) -> Iterator[Metric]:
        now = self._clock.now()
        healthy = health.check(self._engine, self._clock, self._subscriptions, warn=False).healthy
        yield InfoMetricFamily(
            "monitor", "Version of the program, schema", {"version": version(), "schema": SCHEMA}
        )
        yield _gauge("monitor_healthy", "Whether the service keeps its promises", healthy)
        with reading(self._engine) as connection:
            overdue = health.overdue_digests(connection, now, self._subscriptions)
            yield _gauge("monitor_overdue_digests", "Slots that passed undigested", len(overdue))
            yield from _running(connection, now)
            yield from _polling(connection, now)
            yield from _finding(connection, now)
            yield from _telling(connection, now)
            size = measures.database_bytes(connection)
            yield _gauge("monitor_database_bytes", "Size of the database", size)
        free = room.free_bytes(self._engine)
        if free is not None:
            yield _gauge("monitor_disk_free_bytes", "Free where the SQLite file is", free)


class _Found:
    """What was measured, as a collector."""

    def __init__(self, found: Iterable[Metric]) -> None:
        self._found = found

    def collect(self) -> Iterable[Metric]:
        return self._found


def _running(connection: Connection, now: datetime) -> Iterator[Metric]:
    beat_at = workers.last_beat(connection, now=now)
    silence = {} if beat_at is None else {"": (now - beat_at).total_seconds()}
    yield _gauge("monitor_silence_seconds", "Since the last sign of life of a service", silence)
    for name, words, queue in (
        ("feeds", "Feeds to be polled", measures.due_feeds(connection, now=now)),
        ("pages", "Pages of articles to be read", measures.due_pages(connection, now=now)),
        ("deliveries", "Deliveries to be made", measures.due_deliveries(connection, now=now)),
    ):
        waited = (now - queue.since).total_seconds() if queue.since else 0.0
        yield _gauge(f"monitor_due_{name}", f"{words} now", queue.due)
        yield _gauge(f"monitor_due_{name}_oldest_seconds", f"{words}: longest wait", waited)


def _polling(connection: Connection, now: datetime) -> Iterator[Metric]:
    states = dict.fromkeys(FeedState, 0) | measures.feeds_by_state(connection)
    yield _gauge("monitor_feeds", "Feeds by state", states, label="state")
    polls = measures.polls(connection, now=now)
    outcomes: dict[str, int] = dict.fromkeys(PollOutcome, 0)
    outcomes.update(polls.outcomes)
    yield _gauge("monitor_polls_5m", "Polls by outcome", outcomes, label="outcome")
    yield _gauge(
        "monitor_entries_5m", "Entries by what became of them", polls.entries, label="fate"
    )
    yield _gauge("monitor_poll_bytes_5m", "Bytes that polls brought", polls.bytes)
    yield _gauge("monitor_poll_gaps_5m", "Polls that found a gap", polls.gaps)
    yield _gauge("monitor_handed_over_5m", "Documents left to feedparser", polls.handed_over)
    buckets = [(f"{limit / 1000:g}", float(count)) for limit, count in polls.took]
    yield GaugeHistogramMetricFamily(
        "monitor_poll_seconds_5m",
        "How long answers took to come",
        buckets=[*buckets, ("+Inf", float(polls.timed))],
        gsum_value=polls.took_ms / 1000,
    )


def _finding(connection: Connection, now: datetime) -> Iterator[Metric]:
    found = measures.hits_found(connection, now=now)
    yield _gauge("monitor_hits_1d", "Hits found", found)
    ungrouped = measures.ungrouped_hits(connection)
    yield _gauge("monitor_ungrouped_hits", "Hits in no story yet", ungrouped)
    unmatched = measures.unmatched_articles(connection)
    yield _gauge("monitor_unmatched_articles", "Articles on which detection failed", unmatched)
    yield _lag(
        "monitor_hit_lag_seconds_1d",
        "From publication to hit",
        {(): measures.lags_to_hits(connection, now=now)},
    )


def _telling(connection: Connection, now: datetime) -> Iterator[Metric]:
    watcher = heartbeats.failing(connection, now=now)
    tries = watcher.attempts if watcher else 0
    yield _gauge("monitor_heartbeat_failures", "Heartbeats that failed in a row", tries)
    made = dict.fromkeys(DigestKind, 0) | measures.digests_by_kind(connection, now=now)
    yield _gauge("monitor_digests_1d", "Digests and alerts made", made, label="kind")
    states = measures.deliveries_by_status(connection, now=now)
    states = dict.fromkeys(DeliveryStatus, 0) | states
    yield _gauge("monitor_deliveries_7d", "Deliveries by status", states, label="status")
    lags: dict[tuple[str, ...], list[float]]
    lags = {(str(kind),): measures.lags_to_mails(connection, kind, now=now) for kind in DigestKind}
    yield _lag("monitor_mail_lag_seconds_1d", "From hit to mail", lags, labels=("kind",))


def _gauge(
    name: str, words: str, value: float | Mapping[str, float], *, label: str | None = None
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, words, labels=[label] if label else [])
    if isinstance(value, Mapping):
        for of, number in value.items():
            family.add_metric([str(of)] if label else [], number)
    else:
        family.add_metric([], value)
    return family


def _lag(
    name: str,
    words: str,
    lags: Mapping[tuple[str, ...], Sequence[float]],
    labels: Sequence[str] = (),
) -> GaugeMetricFamily:
    """Return quantiles of *lags*, given by the values of *labels*; none of no lags."""
    family = GaugeMetricFamily(name, words, labels=[*labels, "quantile"])
    for of, found in lags.items():
        ordered = sorted(found)
        for quantile in QUANTILES if ordered else ():
            at = min(len(ordered) - 1, int(quantile * len(ordered)))
            family.add_metric([*of, f"{quantile:g}"], ordered[at])
    return family


def metrics(request: Request) -> Response:
    """Answer with the metrics."""
    meter: Meter = request.app.state.meter
    return meter.answer(request.headers.get("accept", ""))


def meter_of(app: App, kept_s: float = KEPT_S) -> Meter:
    """Return what measures the database of *app*."""
    return Meter(app.store, app.clock, app.subscriptions, kept_s)


def build_metrics_site(app: App) -> Starlette:
    """Return a site of metrics and probes, for `metrics.listen`: whoever reaches it may read.

    Reasons why the service is not ready would name feeds and subscriptions: they are not told.
    """

    def ready(request: Request) -> Response:
        reasons = judge(request, app.store, app.clock, app.subscriptions)
        return JSONResponse({"ready": not reasons}, 503 if reasons else 200)

    routes = [Route("/metrics", metrics), Route("/livez", alive), Route("/readyz", ready)]
    site = Starlette(routes=routes)
    site.state.meter = meter_of(app)
    return site
