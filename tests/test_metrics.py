"""Metrics: they are what the database holds, cost little, and are what docs and rules speak of."""

import json
import re
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest
import yaml
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_open
from prometheus_client.parser import text_string_to_metric_families as read
from sqlalchemy import event, insert, text, update
from stored import put
from test_web_service import connected, free_port
from websites import put_digest, put_token, put_user, website

from monitor.store import schema as t
from monitor.store import workers
from monitor.web.metrics import meter_of
from monitor.web.server import serving_metrics

TOP = Path(__file__).parents[1]
FINE = "Alibaba fined $2.8bn in antitrust probe"
IPO = "Ant Group IPO suspended"
GUIDE = TOP / "docs" / "guide" / "operations.md"
NAME = r"\b(?:monitor|process)_[a-z0-9_]+"


@pytest.fixture
def site(tmp_path, empty_database, clock):
    with website(tmp_path, empty_database, clock) as served:
        yield served


def measured(app):
    """Return (name, labels) -> value of what a fresh look at the database gives."""
    answer = meter_of(app, kept_s=0).answer("")
    assert answer.status_code == 200, answer.body
    return samples(answer.body.decode())


def samples(body):
    return {
        (it.name, *it.labels.values()): it.value for family in read(body) for it in family.samples
    }


def put_polls(app, *polls):
    """Store polls of the first feed, each given by what differs from an empty one."""
    usual = {"feed_id": 1, "at": app.clock.now(), "outcome": "stored", "took_ms": 90, "bytes": 10}
    with app.store.begin() as connection:
        for poll in polls:
            connection.execute(insert(t.polls), [usual | poll])


def test_polls_and_entries(site, clock):
    """Polls of the last five minutes are counted, with their entries; older ones are not."""
    counts = {"entries": 9, "new": 4, "known": 3, "revised": 1, "rejected": 1}
    put_polls(
        site.app,
        counts,
        {"took_ms": 700, "gap": True, "handed_over": "declares entities"},
        {"outcome": "failed", "took_ms": None},
        {"outcome": "unchanged", "at": clock.at - timedelta(minutes=6), "took_ms": 5},
    )
    found = measured(site.app)

    outcomes = ("stored", "unchanged", "failed")
    assert [found["monitor_polls_5m", it] for it in outcomes] == [2, 0, 1]
    fates = ("new", "known", "revised", "rejected")
    assert [found["monitor_entries_5m", it] for it in fates] == [4, 3, 1, 1]
    names = ("gaps_5m", "bytes_5m", "seconds_5m_gcount", "seconds_5m_gsum")
    assert [found[f"monitor_poll_{it}",] for it in names] == [1, 30, 2, pytest.approx(0.79)]
    assert found["monitor_handed_over_5m",] == 1
    buckets = {it[1]: value for it, value in found.items() if it[0].endswith("5m_bucket")}
    assert [buckets[limit] for limit in ("0.1", "0.5", "1", "60", "+Inf")] == [1, 1, 2, 2, 2]


def test_hits_and_their_way(site, clock):
    """A hit's lag counts from publication; a mail's from the hit to the first that left."""
    app = site.app
    put(app.store, [FINE, IPO, "Rain"], lexicon=app.lexicon, now=clock.at, fails=["Rain"])
    with app.store.begin() as connection:
        connection.execute(
            update(t.articles)
            .where(t.articles.c.title == FINE)
            .values(published_at=clock.at - timedelta(minutes=20))
        )
    clock.at += timedelta(hours=1)
    put_digest(app, "desk@example.com", "b@example.com", "c@example.com")
    sent_at = clock.at + timedelta(minutes=1)
    with app.store.begin() as connection:
        item = {"digest_id": 1, "subscription": "daily", "hit_id": 1}
        connection.execute(insert(t.digest_items), [item])
        for number, status in ((100, "sent"), (101, "refused")):
            done = update(t.deliveries).where(t.deliveries.c.id == number)
            at = sent_at if status == "sent" else None
            connection.execute(done.values(status=status, due_at=None, sent_at=at))
    clock.at += timedelta(minutes=2)
    found = measured(app)

    assert (found["monitor_hits_1d",], found["monitor_ungrouped_hits",]) == (2, 2)
    assert found["monitor_unmatched_articles",] == 1
    assert found["monitor_hit_lag_seconds_1d", "0.99"] == 20 * 60
    assert found["monitor_hit_lag_seconds_1d", "0.5"] == 20 * 60
    assert found["monitor_mail_lag_seconds_1d", "digest", "0.9"] == 61 * 60
    assert ("monitor_mail_lag_seconds_1d", "alert", "0.9") not in found
    states = ("waiting", "sent", "refused", "failed")
    assert [found["monitor_deliveries_7d", it] for it in states] == [1, 1, 1, 0]
    assert (found["monitor_digests_1d", "digest"], found["monitor_digests_1d", "alert"]) == (1, 0)
    assert found["monitor_due_deliveries",] == 1
    assert found["monitor_due_deliveries_oldest_seconds",] == 120


def test_feeds_and_health(site, clock):
    """Feeds by state, what is due and since when, and whether promises are kept."""
    app = site.app
    found = measured(app)
    assert (found["monitor_feeds", "probation"], found["monitor_feeds", "ok"]) == (1, 0)
    assert (found["monitor_due_feeds",], found["monitor_healthy",]) == (1, 0)
    assert ("monitor_silence_seconds",) not in found  # no service has run yet

    with app.store.begin() as connection:
        workers.started(connection, "here:1", now=clock.at)
        connection.execute(update(t.feeds).values(due_at=clock.at + timedelta(hours=9)))
    clock.at += timedelta(seconds=30)
    found = measured(app)
    assert (found["monitor_due_feeds",], found["monitor_due_feeds_oldest_seconds",]) == (0, 0)
    assert (found["monitor_healthy",], found["monitor_silence_seconds",]) == (1, 30)
    assert found["monitor_overdue_digests",] == 0

    clock.at += timedelta(days=1)  # two subscriptions passed half past seven
    found = measured(app)
    assert (found["monitor_healthy",], found["monitor_overdue_digests",]) == (0, 2)
    assert found["monitor_database_bytes",] > 100_000
    on_sqlite = app.store.dialect.name == "sqlite"
    assert (("monitor_disk_free_bytes",) in found) is on_sqlite


def test_nothing_large_is_looked_through(site):
    """Each query follows an index into the tables that grow, however large they are."""
    app = site.app
    if app.store.dialect.name != "sqlite":
        return
    asked = []

    @event.listens_for(app.store, "before_cursor_execute")
    def note(_connection, _cursor, statement, values, *_rest):
        asked.append((statement, values))

    measured(app)
    grow = "polls|articles|hits|deliveries|digests|digest_items|full_texts|alerts|sightings"
    plans = {}
    with app.store.connect() as connection:
        raw = connection.connection.driver_connection
        for statement, values in asked:
            if statement.startswith("SELECT"):
                rows = raw.execute(f"EXPLAIN QUERY PLAN {statement}", values)
                plans[statement] = [row[3] for row in rows]
    scans = [
        (statement, step)
        for statement, steps in plans.items()
        for step in steps
        if re.match(rf"SCAN ({grow})\b(?! USING (COVERING )?INDEX)", step)
    ]

    assert len(plans) > 20
    assert any("ix_polls_at" in step for steps in plans.values() for step in steps)
    assert scans == []


def test_who_may_read_them(site):
    """Where there are users a scraper needs a token; without one it is told 401, not to log in."""
    assert site.ask("/metrics").status == 200  # on this machine, before there are users
    put_user(site.app, "ann")
    refused = site.ask("/metrics")
    assert (refused.status, "Location" in refused.headers) == (401, False)
    token = put_token(site.app, "prometheus")
    answer = site.ask("/metrics", authorization=f"Bearer {token}")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")

    accept = "application/openmetrics-text; version=1.0.0"
    answer = site.ask("/metrics", authorization=f"Bearer {token}", accept=accept)
    families = {family.name for family in read_open(answer.text)}
    assert {
        "monitor",
        "monitor_feeds",
        "monitor_poll_seconds_5m",
        "process_cpu_seconds",
    } <= families


def test_a_database_that_is_away(site):
    """Without a database there are no figures, and the scrape fails: zeros would mislead."""
    with site.app.store.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    answer = meter_of(site.app, kept_s=0).answer("")

    assert answer.status_code == 503
    assert b"0001" in answer.body


def test_a_place_of_their_own(site):
    """`metrics.listen` serves them to whoever reaches it, and no page."""
    put_user(site.app, "ann")
    with serving_metrics(site.app, "127.0.0.1:0", Event()) as (_, port):
        site.port = port
        assert samples(site.ask("/metrics").text)["monitor_feeds", "probation"] == 1
        assert site.ask("/livez").status == 200
        asked = site.ask("/readyz")
        assert (asked.status, asked.data) == (503, {"ready": False})  # no service runs
        assert site.ask("/stories/").status == 404
        assert site.ask("/metrics", method="POST").status == 405


def test_readiness_beside_them(site):
    """`/readyz` beside the metrics is 200 while a service keeps its promises, and names nothing."""
    with site.app.store.begin() as connection:
        workers.started(connection, "w", now=site.app.clock.now())
    with serving_metrics(site.app, "127.0.0.1:0", Event()) as (_, port):
        site.port = port
        asked = site.ask("/readyz")
    assert (asked.status, asked.data) == (200, {"ready": True})


def test_the_service_serves_them(tmp_path):
    """`monitor run` serves them where `metrics.listen` says, without pages, until it is stopped."""
    port = free_port()
    config = f"database: sqlite:///{tmp_path}/monitor.db\nmetrics: {{listen: '127.0.0.1:{port}'}}\n"
    (tmp_path / "config.yaml").write_text(config, "utf-8")
    with subprocess.Popen(
        [sys.executable, "-m", "monitor", "run"], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as service:
        try:
            connection = connected(port, service)
            connection.request("GET", "/metrics")
            found = samples(connection.getresponse().read().decode())
            assert ("monitor_measuring_seconds",) in found
            connection.close()
            service.send_signal(signal.SIGTERM)
            assert service.wait(timeout=30) == 0
            assert "metrics served" in service.stderr.read()
        finally:
            service.kill()


def test_polling_does_not_pay_for_them():
    """The library is imported where metrics are served, and nowhere else."""
    look = "import monitor.worker, monitor.pipeline.poll, sys;"
    look += " print('prometheus_client' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


# --- what speaks of them -------------------------------------------------------------------------


@contextmanager
def full(site, clock):
    """Give every name and label value there is, with something of everything in the database."""
    app = site.app
    put(app.store, [FINE], lexicon=app.lexicon, now=clock.at)
    with app.store.begin() as connection:
        workers.started(connection, "here:1", now=clock.at)
    for number, kind in ((1, "digest"), (2, "alert")):
        put_digest(app, "desk@example.com", number=number, kind=kind, subscription=kind)
        with app.store.begin() as connection:
            item = {"digest_id": number, "subscription": kind, "hit_id": 1}
            connection.execute(insert(t.digest_items), [item])
            connection.execute(update(t.deliveries).values(sent_at=clock.at))
    answer = meter_of(app, kept_s=0).answer("")
    yield [it for family in read(answer.body.decode()) for it in family.samples]


def expressions():
    """Return every expression of the dashboard and of the alert rules."""
    dashboard = json.loads((TOP / "docs" / "grafana" / "monitor.json").read_text("utf-8"))
    rules = yaml.safe_load((TOP / "docs" / "prometheus" / "alerts.yaml").read_text("utf-8"))
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked += [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    assert len(asked) > 30
    return asked


def test_dashboard_and_alerts_ask_for_what_there_is(site, clock):
    """Names, labels and values of labels in both are those that the program gives."""
    if site.app.store.dialect.name != "sqlite":  # there it says nothing of a disk
        return
    with full(site, clock) as found:
        labels = {}
        for it in found:
            for name in ("job", "instance", *it.labels):
                labels.setdefault((it.name, name), set()).add(it.labels.get(name))
    names = {name for name, _ in labels}
    for expression in expressions():
        asked = re.findall(rf"({NAME})(?:\{{([^}}]*)\}})?", expression)
        assert asked, expression
        for name, limits in asked:
            assert name in names, expression
            for label, sign, value in re.findall(r'(\w+)(!?=~?)"([^"]*)"', limits):
                assert (name, label) in labels, expression
                if label != "job":
                    assert set(value.split("|")) <= labels[name, label], (expression, sign)
        grouped = re.findall(rf"by \(([^)]+)\) \(({NAME})", expression)
        for by, name in grouped:
            assert all((name, label) in labels for label in by.split(", ")), expression


def test_the_guide_names_each_metric(site, clock):
    """The table of the guide has every metric, and no other."""
    with full(site, clock) as found:
        names = {re.sub("_(bucket|gcount|gsum)$", "", it.name) for it in found}
    part = GUIDE.read_text("utf-8").split("## Metrics")[1].split("\n## ")[0]
    told = set(re.findall(rf"^\| `({NAME})", part, re.MULTILINE))
    if site.app.store.dialect.name != "sqlite":
        told.discard("monitor_disk_free_bytes")
    unlisted = {name for name in names if name.startswith("monitor_")} ^ told

    assert unlisted == set()
    assert "`process_`" in part


def test_alert_rules_are_complete():
    """Each rule has a name of its own, a severity, and says what to do."""
    rules = yaml.safe_load((TOP / "docs" / "prometheus" / "alerts.yaml").read_text("utf-8"))
    [group] = rules["groups"]
    assert len({rule["alert"] for rule in group["rules"]}) == len(group["rules"]) > 10
    for rule in group["rules"]:
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert set(rule["annotations"]) == {"summary", "description"}
        assert rule["expr"].count("(") == rule["expr"].count(")")


def test_prometheus_takes_the_rules(site):
    """Where its own checker is installed, it finds the rules sound and the metrics well-formed."""
    if (promtool := shutil.which("promtool")) is None:
        pytest.skip("promtool not found on this machine: this part is not tested")
    rules = TOP / "docs" / "prometheus" / "alerts.yaml"
    subprocess.run([promtool, "check", "rules", rules], check=True, capture_output=True)
    body = meter_of(site.app, kept_s=0).answer("").body
    checked = subprocess.run(
        [promtool, "check", "metrics"], input=body, capture_output=True, check=False
    )
    # It would have us leave out the spans, and call what is counted over one a counter.
    said = checked.stderr.decode().splitlines()
    assert [it for it in said if "parsing" in it or "error" in it] == []
