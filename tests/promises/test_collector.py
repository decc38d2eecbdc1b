"""A collector of traces that hangs, dies or refuses: nothing is lost, and nobody waits for it."""

import email
import json
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from feedserver import FeedServer, answer
from receiver import Receiver, Reply

STOP_S = 10  # the promise of a stop
NEWS = ("Alibaba", "Tencent", "Baidu")  # each a story of its own


def feed(companies):
    items = "".join(
        f"<item><title>{name} fined in antitrust probe</title><guid>{name}</guid>"
        f"<link>http://127.0.0.1/{name}</link></item>"
        for name in companies
    )
    return answer(f'<rss version="2.0"><channel><title>W</title>{items}</channel></rss>'.encode())


@contextmanager
def hangs():
    """One that takes a request, and never answers."""
    with Receiver(Reply(hold=True)) as collector:
        yield collector.port, lambda: None, collector


@contextmanager
def dies():
    """One that answers, hangs in its second request, and is gone."""
    collector = Receiver(Reply(), Reply(hold=True))
    collector.__enter__()
    gone = []

    def die():
        gone.append(True)
        collector.__exit__()

    yield collector.port, die, collector
    assert gone


@contextmanager
def refuses():
    """One that is too busy, and says so each time."""
    with Receiver(Reply(503, {"Retry-After": "60"})) as collector:
        yield collector.port, lambda: None, collector


def until(true, seconds=60):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("ill", [hangs, dies, refuses], ids=lambda it: it.__name__)
def test_a_collector_that_is_ill(tmp_path, ill):
    """What is published meanwhile is stored and told, each once, and a stop is in its time."""
    with FeedServer() as server, ill() as (port, worsen, collector):
        server.put("/news", feed(NEWS[:1]))
        later = datetime.now(UTC) + timedelta(hours=12)
        subscription = {
            "name": "desk",
            "to": ["desk@example.com"],
            "at": f"{later:%H:%M}",
            "timezone": "UTC",
            "alert": {"min_stage": "fine"},
        }
        config = {
            "companies": [name.lower() for name in NEWS],
            "topics": ["antitrust"],
            "feeds": [{"id": "news", "url": server.url("/news")}],
            "subscriptions": [subscription],
            "network": {"allow_private": ["127.0.0.0/8"]},
            "polling": dict.fromkeys(("interval", "min_interval", "max_interval"), "1s"),
            "delivery": {"outbox": str(tmp_path / "outbox")},
            "logging": {"format": "json"},
            "tracing": {"endpoint": f"http://127.0.0.1:{port}/v1/traces"},
        }
        (tmp_path / "config.yaml").write_text(json.dumps(config), "utf-8")
        with (tmp_path / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "monitor", "run"], cwd=tmp_path, stderr=log
            )
        try:
            until(lambda: len(mails(tmp_path)) == 1)
            until(lambda: collector.taken)
            worsen()
            for number in range(2, len(NEWS) + 1):
                server.put("/news", feed(NEWS[:number]))
                until(lambda: len(mails(tmp_path)) == number)  # noqa: B023 - asked at once
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
            assert time.monotonic() - began < STOP_S
        finally:
            process.kill()
            process.wait()

    told = [email.message_from_bytes(file.read_bytes())["Subject"] for file in mails(tmp_path)]
    assert sorted(name for name in NEWS for subject in told if name in subject) == sorted(NEWS)
    assert "Traceback" not in (tmp_path / "log").read_text("utf-8")


def mails(folder):
    return sorted((folder / "outbox").rglob("*.eml"))
