"""Traces: what a collector is told, and that nobody pays or waits for it."""

import json
import logging
import subprocess
import sys
import time
from datetime import timedelta

import pytest
from feedserver import FeedServer, answer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from receiver import Receiver, Reply

from monitor import logs, traces
from monitor.app import App
from monitor.errors import ConfigError
from monitor.pipeline.group import group_new

FEED = """<rss version="2.0"><channel><title>Wire</title>
<item><title>Regulator fines Alibaba over antitrust breaches</title><link>http://127.0.0.1/1</link>
<guid>one</guid></item></channel></rss>"""


@pytest.fixture(autouse=True)
def log():
    """Leave no handler behind that writes where nobody reads any more."""
    root = logging.getLogger()
    before = root.handlers, root.level
    yield
    root.handlers, root.level = before


def config(tmp_path, feeds, tracing):
    path = tmp_path / "config.yaml"
    path.write_text(
        json.dumps(
            {
                "companies": ["alibaba"],
                "topics": ["antitrust"],
                "feeds": feeds,
                "subscriptions": [
                    {"name": "desk", "to": ["desk@example.com"], "every": "1m", "timezone": "UTC"}
                ],
                "network": {"allow_private": ["127.0.0.0/8"]},
                "database": f"sqlite:///{tmp_path}/monitor.db",
                "delivery": {"outbox": str(tmp_path / "outbox")},
                **({"tracing": {"endpoint": tracing}} if tracing else {}),
            }
        ),
        "utf-8",
    )
    return path


def spans(receiver):
    """Return name -> spans, of all that the collector was sent, and the resource they are of."""
    found, resource = {}, {}
    for taken in receiver.taken:
        assert taken.headers["content-type"] == "application/x-protobuf"
        message = ExportTraceServiceRequest.FromString(taken.body)
        for of in message.resource_spans:
            resource |= values(of.resource)
            for scope in of.scope_spans:
                for span in scope.spans:
                    found.setdefault(span.name, []).append(span)
    return found, resource


def values(of):
    return {
        it.key: getattr(it.value, it.value.WhichOneof("value"))
        for it in of.attributes
        if it.value.WhichOneof("value") != "array_value"
    } | {
        it.key: [getattr(one, one.WhichOneof("value")) for one in it.value.array_value.values]
        for it in of.attributes
        if it.value.WhichOneof("value") == "array_value"
    }


def test_a_collector_sees_the_whole_line(tmp_path):
    """From poll to delivery each step is a span with its ids, in the span it belongs to."""
    with FeedServer() as server, Receiver() as collector:
        server.put("/good", answer(FEED.encode()))
        feeds = [
            {"id": "good", "url": server.url("/good")},
            {"id": "away", "url": server.url("/nowhere")},
        ]
        path = config(tmp_path, feeds, f"http://127.0.0.1:{collector.port}/v1/traces")
        with App.load(path) as app:
            app.prepare()
            app.poll_step.poll_due()
            group_new(app.store)
            [subscription] = app.subscriptions
            app.compose_step.compose_now(subscription, app.clock.now() - timedelta(seconds=1))
            app.deliver_due()

    found, resource = spans(collector)
    assert {it.path for it in collector.taken} == {"/v1/traces"}
    assert resource["service.name"] == "regulatory-monitor"
    assert resource["service.instance.id"] == app.worker
    assert sorted(found) == [
        "compose",
        "deliver",
        "fetch",
        "group",
        "match",
        "parse",
        "poll",
        "store",
    ]
    [poll], [parse], [store], [match] = (found[it] for it in ("poll", "parse", "store", "match"))
    assert values(poll)["monitor.feeds"] == 2
    assert values(poll)["monitor.hits"] == values(store)["monitor.hits"] == 1
    assert values(store)["monitor.feeds"] == ["good"]
    assert {it.parent_span_id for it in (*found["fetch"], parse, store)} == {poll.span_id}
    assert match.parent_span_id == store.span_id
    assert {it.trace_id for it in (*found["fetch"], parse, store, match)} == {poll.trace_id}
    good, away = sorted(found["fetch"], key=lambda it: values(it)["monitor.status"])
    assert (values(good)["monitor.feed"], values(good)["monitor.bytes"]) == ("good", len(FEED))
    assert values(away)["monitor.status"] == 404
    assert "404" in values(away)["monitor.error"]
    assert good.end_time_unix_nano > good.start_time_unix_nano
    [compose], [deliver] = found["compose"], found["deliver"]
    assert values(compose)["monitor.subscription"] == "desk"
    assert values(compose)["monitor.hits"] == 1
    assert values(deliver)["monitor.status"] == "sent"
    assert values(deliver)["monitor.delivery"] == 1
    assert b"desk@example.com" not in b"".join(it.body for it in collector.taken)


def test_an_event_names_its_span(capsys):
    """A line of the log that is written inside a span can be found from the trace, and back."""
    with Receiver() as collector:
        end = traces.set_up(f"http://127.0.0.1:{collector.port}/x", version="1", process="here")
        try:
            logs.set_up("info", "json")
            with traces.span("poll"):
                logs.get_logger().info("poll stored")
                inside = traces.ids()
            assert traces.ids() == {}
        finally:
            end()

    found, _ = spans(collector)
    assert found["poll"][0].trace_id.hex() == inside["trace_id"]
    assert found["poll"][0].span_id.hex() == inside["span_id"]
    assert json.loads(capsys.readouterr().err).items() >= inside.items()


def test_a_step_that_fails_is_marked():
    """An error that leaves a span is noted by its class; its words may be somebody's."""
    with Receiver() as collector:
        end = traces.set_up(f"http://127.0.0.1:{collector.port}/x", version="1", process="here")
        try:
            with pytest.raises(ValueError, match="secret"), traces.span("store"):
                raise ValueError("secret words")
        finally:
            end()

    found, _ = spans(collector)
    assert found["store"][0].status.message == "ValueError"
    assert b"secret words" not in b"".join(it.body for it in collector.taken)


def test_nobody_waits_for_a_collector_that_hangs():
    """Work goes on at its pace, and the end comes within seconds, whatever a collector does."""
    with Receiver(Reply(hold=True)) as collector:
        end = traces.set_up(f"http://127.0.0.1:{collector.port}/x", version="1", process="here")
        began = time.monotonic()
        for number in range(3 * traces.QUEUE):
            traces.done("fetch", 0.1, feed=str(number))
        worked = time.monotonic() - began
        end()
        ended = time.monotonic() - began - worked

    assert worked < 20  # a fifth of that, on an idle machine
    assert ended < traces.LEAVE_S + 2


def test_without_a_collector_there_is_nothing(tmp_path):
    """A start that names no collector imports nothing of OpenTelemetry."""
    look = (
        "import sys, monitor.worker, monitor.web; from monitor import traces;"
        "assert traces.span('a') is traces.span('b', feed='x'); assert traces.here() is None;"
        "assert traces.ids() == {}; traces.done('fetch', 1.0);"
        "from monitor.cli import main\n"
        "try: main(['poll', '--config', sys.argv[1]])\n"
        "except SystemExit as end: assert not end.code\n"
        "print([it for it in sys.modules if 'opentelemetry' in it])"
    )
    path = config(tmp_path, [], None)
    done = subprocess.run(
        [sys.executable, "-c", look, path], capture_output=True, text=True, check=False
    )

    assert done.stdout.endswith("[]\n"), done.stderr


def test_the_extra_is_asked_for_by_name(tmp_path, monkeypatch):
    """An endpoint without the extra stops the start and says what to install."""
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.resources", None)
    path = config(tmp_path, [], "http://127.0.0.1:4318/v1/traces")
    with App.load(path) as app, pytest.raises(ConfigError, match=r"regulatory-monitor\[tracing\]"):
        app.prepare()
