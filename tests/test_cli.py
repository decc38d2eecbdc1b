"""The commands, run as a user runs them: real processes, real HTTP, real files."""

import csv
import io
import json
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest
from feedserver import FeedServer, answer

RSS = """<rss version="2.0"><channel><title>Wire</title>
<item><guid>1</guid><title>=Alibaba fined in antitrust probe</title><link>https://w.example/1</link>
<description>The fine is $2.8 billion.</description></item>
<item><guid>2</guid><title>腾讯音乐IPO定价</title><link>https://w.example/2</link></item>
<item><guid>3</guid><title>Rain expected</title><link>https://w.example/3</link></item>
</channel></rss>"""
CONFIG = """\
feeds:
  - {{id: wire, url: '{good}'}}
  - {{id: down, url: '{bad}'}}
subscriptions:
  - {{name: desk, to: [a@example.com], at: "07:30", timezone: Asia/Hong_Kong}}
network: {{allow_private: [127.0.0.0/8]}}
"""


@pytest.fixture(scope="module")
def server():
    with FeedServer() as server:
        server.put("/good", answer(RSS.encode(), 200, content_type="application/rss+xml"))
        server.put("/bad", answer(b"", 503))
        yield server


@pytest.fixture
def folder(tmp_path, server):
    good, bad = server.url("/good"), server.url("/bad")
    (tmp_path / "config.yaml").write_text(CONFIG.format(good=good, bad=bad), encoding="utf-8")
    return tmp_path


def run(folder, *args, code=0, given=None):
    done = subprocess.run(
        [sys.executable, "-m", "monitor", *args],
        cwd=folder,
        input=given,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.returncode == code, (args, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture
def polled(folder):
    run(folder, "poll", "--all", code=1)
    return folder


def test_poll_prints_one_object(folder):
    """`poll --json` prints exactly the object the contract names; a failed feed is exit code 1."""
    report = json.loads(run(folder, "poll", "--all", "--json", code=1).stdout)
    seconds = report.pop("seconds")
    assert seconds > 0
    assert report == {
        "feeds": 2,
        "ok": 1,
        "unchanged": 0,
        "failed": 1,
        "entries": 3,
        "new_articles": 3,
        "updated_articles": 0,
        "hits": 2,
    }


def test_poll_one_feed(folder):
    """Only the named feed is polled, and an unknown name is an error that says so."""
    report = json.loads(run(folder, "poll", "--feed", "wire", "--json").stdout)
    assert report["feeds"] == 1
    assert "nowhere" in run(folder, "poll", "--feed", "nowhere", code=2).stderr


def test_hits_in_every_format(polled):
    """The same hits as NDJSON in a pipe, JSON, CSV and a table."""
    lines = [json.loads(line) for line in run(polled, "hits").stdout.splitlines()]
    assert [(hit["company"], hit["topic"]) for hit in lines] == [
        ("tencent", "ipo"),
        ("alibaba", "antitrust"),
    ]
    assert lines[0]["found_at"].endswith("Z")
    assert json.loads(run(polled, "hits", "--format", "json").stdout) == lines
    rows = list(csv.DictReader(io.StringIO(run(polled, "hits", "--format", "csv").stdout)))
    assert rows[1]["title"] == "'=Alibaba fined in antitrust probe", "no formula for a spreadsheet"
    table = run(polled, "hits", "--format", "table").stdout
    assert "tencent" in table


@pytest.mark.parametrize(
    ("limits", "found"),
    [
        (["--company", "alibaba"], ["alibaba"]),
        (["--topic", "ipo"], ["tencent"]),
        (["--since", "1h"], ["tencent", "alibaba"]),
        (["--until", "2020-01-01"], []),
        (["--search", "定价"], ["tencent"]),
        (["--search", "ANTITRUST fined"], ["alibaba"]),
        (["--search", "100%"], []),
        (["--min-score", "1.1"], []),
        (["--limit", "1"], ["tencent"]),
    ],
)
def test_limits(polled, limits, found):
    """Each option limits hits as it says."""
    lines = run(polled, "hits", *limits).stdout.splitlines()
    assert [json.loads(line)["company"] for line in lines] == found


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (["--company", "alibba"], 'no company is called "alibba" now; did you mean "alibaba"?'),
        (["--topic", "xyz"], 'no topic is called "xyz" now; there are: antitrust, ipo, listing'),
        (["--stage", "fines"], 'no stage is called "fines" now; did you mean "fine"?'),
        (
            ["--search", "company:tencnt"],
            'no company is called "tencnt" now; did you mean "tencent"?',
        ),
        (["--search", "fine -(topic:zzz)"], 'no topic is called "zzz" now'),
        (["--search", "feed:nowhere"], 'no feed is called "nowhere" now'),
        (["--search", "company:Alibaba lang:xx"], ""),
        (["--stage", "fine", "--company", "alibaba"], ""),
    ],
)
def test_a_key_that_nothing_has_is_told(polled, limits, said):
    """A slip in a key is told on stderr; what was watched once can still be listed."""
    done = run(polled, "hits", *limits)
    assert said in done.stderr
    assert ("is called" in done.stderr) is bool(said)


def test_articles_and_stories(polled):
    """Every article is listed, matched or not; stories stand for the hits."""
    everything = [json.loads(line) for line in run(polled, "articles").stdout.splitlines()]
    assert len(everything) == 3
    about = run(polled, "articles", "--company", "alibaba").stdout.splitlines()
    assert [json.loads(line)["hits"] for line in about] == [1]
    stories = [json.loads(line) for line in run(polled, "stories").stdout.splitlines()]
    assert {story["company"] for story in stories} == {"alibaba", "tencent"}


def test_feeds(polled):
    """A feed that fails is named with its reason; `check` judges without storing."""
    listed = {
        row["feed_id"]: row for row in map(json.loads, run(polled, "feeds").stdout.splitlines())
    }
    assert listed["wire"]["state"] == "ok"
    assert "503" in listed["down"]["last_error"]
    checked = run(polled, "feeds", "check", code=1).stdout.splitlines()
    verdicts = {row["feed_id"]: row["verdict"] for row in map(json.loads, checked)}
    assert verdicts == {"wire": "ok", "down": "failed"}


def test_opml(folder):
    """A list goes out and comes in; what is no feed is named with its line, and 1 says so."""
    exported = run(folder, "feeds", "export").stdout
    assert exported.count('type="rss"') == 2
    listed = exported.replace(
        "<body>",
        """<body>
        <outline text="市场" type="rss" xmlUrl="https://new.example/rss"/>
        <outline text="lost" type="rss"/>""",
    )
    (folder / "list.opml").write_text(listed, "utf-8")
    before = (folder / "config.yaml").read_text("utf-8")

    shown = run(folder, "feeds", "import", "list.opml", code=1)

    assert shown.stdout == 'feeds:\n  - url: https://new.example/rss\n    name: "市场"\n'
    assert shown.stderr.splitlines() == [
        'list.opml:9: "lost" has no address (xmlUrl): left out',
        "1 new, 2 known already or there twice, 1 left out",
    ]
    assert (folder / "config.yaml").read_text("utf-8") == before

    run(folder, "feeds", "import", "-", "--write", given=exported.replace("good", "better"))

    assert "good" in run(folder, "config", "show").stdout
    assert "better" in (folder / "config.yaml").read_text("utf-8")
    assert not (folder / "monitor.db").exists()
    refused = run(folder, "feeds", "import", "config.yaml", code=1)
    assert refused.stderr.startswith("monitor: config.yaml: line 1: not well-formed XML")


def test_digest_preview_stores_nothing(polled):
    """A preview can be taken as often as one likes; sending makes and delivers it once."""
    text = run(polled, "digest").stdout
    assert text.startswith("Subject: [Monitor]")
    assert "<html" in run(polled, "digest", "--preview", "-").stdout
    run(polled, "digest", "--preview", "p.html")
    assert "腾讯" in (polled / "p.html").read_text("utf-8")
    assert not (polled / "outbox").exists()

    assert "desk to a@example.com: sent" in run(polled, "digest", "--send").stdout
    assert len(list((polled / "outbox").glob("*.eml"))) == 1
    assert "腾讯" not in run(polled, "digest").stdout, "nothing is reported twice"


def test_sending_waits_for_a_service_that_is_quicker(polled):
    """What a service beside it took to hand over is told once that is done, not as waiting."""
    with closing(sqlite3.connect(polled / "monitor.db", isolation_level=None)) as service:
        service.execute(
            "CREATE TRIGGER taken AFTER INSERT ON deliveries BEGIN UPDATE deliveries"
            " SET claimed_by = 'other:1', due_at = '2999-01-01T00:00:00.000000Z'; END"
        )
        command = [sys.executable, "-m", "monitor", "digest", "--send"]
        with subprocess.Popen(command, cwd=polled, stdout=subprocess.PIPE, text=True) as sending:
            while not service.execute("SELECT 1 FROM deliveries").fetchall():
                assert sending.poll() is None
            service.execute("UPDATE deliveries SET status = 'sent', due_at = NULL")

            assert sending.communicate()[0] == "desk to a@example.com: sent\n"
            assert sending.returncode == 0


def test_a_preview_writes_nothing(polled):
    """The database is the same to the byte after a preview."""
    before = run(polled, "db", "check").stdout, (polled / "monitor.db").read_bytes()
    run(polled, "digest")
    assert before == (run(polled, "db", "check").stdout, (polled / "monitor.db").read_bytes())


def test_digest_names_unknown_subscriptions(polled):
    """A name that is not in the configuration is answered with those that are."""
    assert "desk" in run(polled, "digest", "--subscription", "nobody", code=2).stderr


def test_database_commands(folder):
    """`db upgrade` makes the schema, `db check` says that it is there and whole."""
    assert "empty" in run(folder, "db", "check", code=1).stderr
    assert "was empty" in run(folder, "db", "upgrade").stdout
    assert "whole" in run(folder, "db", "check").stdout
    assert "monitor db upgrade" not in run(folder, "hits").stderr


def test_wrong_usage(folder, tmp_path):
    """Wrong options and a missing configuration are exit code 2, with a sentence."""
    for since in ("yesterday", "999999w", "0001-01-01T00:00+14:00"):
        run(folder, "hits", "--since", since, code=2)
    for limit in ("-1", "0", "99999999999999999999"):
        run(folder, "hits", "--limit", limit, code=2)
    run(folder, "digest", "--send", "--preview", "-", code=2)
    run(folder, "nonsense", code=2)
    assert "not valid text" in run(folder, "hits", "--search", b"\xff", code=2).stderr
    missing = run(tmp_path / "..", "hits", "--config", "nowhere.yaml", code=2)
    assert "nowhere.yaml" in missing.stderr


def test_a_database_that_fails_midway(polled):
    """A database that cannot be read or written after all is exit code 1, with a sentence."""
    with sqlite3.connect(polled / "monitor.db") as broken:
        broken.execute("DROP VIEW v_hits")
    broken.close()
    assert "monitor.db cannot be used: no such table: v_hits" in run(polled, "hits", code=1).stderr


def test_config_before_or_after(polled):
    """`--config` may stand before or after the command."""
    path = str(polled / "config.yaml")
    assert run(polled, "--config", path, "config", "check").stdout
    assert run(polled, "config", "check", "--config", path).stdout


def test_a_reader_that_leaves(polled):
    """`monitor hits | head -1` ends without a traceback."""
    command = f"{sys.executable} -m monitor articles | head -1"
    done = subprocess.run(  # noqa: S602 - the pipe is what is tested
        command, shell=True, cwd=polled, capture_output=True, check=True, timeout=60
    )
    assert b"Traceback" not in done.stderr
    assert done.stdout.count(b"\n") == 1


def test_demo(tmp_path):
    """The demonstration ends with a digest in outbox/ and says which file to open."""
    done = run(tmp_path, "demo")
    path = done.stdout.strip().splitlines()[-1]
    html = (tmp_path / path).read_text("utf-8")
    assert "百度" in html
    assert "Alibaba" in html
    assert "Sample broken feed" in html, "trouble is reported"
    assert "Giant Group" not in html
    assert "小米粥" not in html
    run(tmp_path, "demo")


class Running:
    """`monitor run` in the background."""

    def __init__(self, folder):
        self.log = folder / "log"
        self.folder = folder

    def __enter__(self):
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "monitor", "run"], cwd=self.folder, stderr=log
            )
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def events(self):
        return [json.loads(line) for line in self.log.read_text("utf-8").splitlines()]

    def wait_for(self, event):
        """Wait until the log has *event*; a minute at most."""
        deadline = time.monotonic() + 60
        while event not in {line["event"] for line in self.events()}:
            assert time.monotonic() < deadline, self.events()
            assert self.process.poll() is None, self.events()
            time.sleep(0.05)


def test_the_service(folder):
    """It polls at once, is healthy, and ends with 0 within ten seconds of SIGTERM."""
    with Running(folder) as service:
        service.wait_for("poll stored")
        health = json.loads(run(folder, "health", "--json").stdout)
        assert health["healthy"]
        assert any("down" in warning for warning in health["warnings"])
        began = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(timeout=30) == 0
        assert time.monotonic() - began < 10
        assert service.events()[-1]["event"] == "stopped"
    assert "the service was stopped at" in run(folder, "health", code=1).stdout


def test_a_part_that_cannot_be_built_stops_the_start(folder):
    """An operator's mistake that shows only when a part is built is exit code 2, not a bad tick."""
    pem = folder / "ca.pem"
    pem.write_text("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
    with (folder / "config.yaml").open("a", encoding="utf-8") as config:
        config.write(f"delivery: {{smtp: {{host: localhost, ca_file: '{pem}'}}}}\n")
    assert "delivery.smtp.ca_file" in run(folder, "run", code=2).stderr


def test_a_stop_cuts_a_slow_feed(folder, server):
    """A feed that never ends keeps nobody waiting at a stop, and is due at the next start."""
    server.put("/bad", [b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", 30])
    with Running(folder) as service:
        service.wait_for("poll stored")
        began = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(timeout=30) == 0
        assert time.monotonic() - began < 10
