"""The trail: what was known when, and who was told, from what was recorded."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import insert, select
from stored import put
from websites import website

from monitor.cli import main
from monitor.errors import MailRefused
from monitor.model import LeftBy, Review, Verdict
from monitor.pipeline.deliver import deliver_due
from monitor.pipeline.group import group_new
from monitor.store import reviews, suppressions, trail
from monitor.store import schema as t
from monitor.store.rows import change_rows

FINE = "Alibaba fined $2.8bn in antitrust probe"
HOUR = timedelta(hours=1)


class Refusing:
    """Takes mails, but not for one recipient."""

    def send(self, mail, before_last):
        if mail.recipient != "desk@example.com":
            raise MailRefused("550 no such user")
        before_last(b"head ", b"body")

    def rest(self):
        pass


@pytest.fixture
def app(tmp_path, empty_database, clock):
    """A day: found at 8, also by another feed at 9, corrected at 10, mailed at 11, judged at 12."""
    with website(tmp_path, empty_database, clock, "login: 7d") as served:
        app = served.app

        def store(feed):
            put(app.store, [FINE], lexicon=app.lexicon, now=clock.now(), feed=feed)
            group_new(app.store)

        store("a")
        clock.at += HOUR
        store("b")
        clock.at += HOUR
        with app.store.begin() as connection:
            article = connection.execute(select(t.articles).order_by(t.articles.c.id)).first()
            past = {"article_id": article.id, "number": 1, "title": FINE, "summary": ""}
            connection.execute(insert(t.revisions), past | {"replaced_at": clock.now()})
            present = {"id": article.id, "title": "Corrected: Alibaba fined", "revision": 2}
            change_rows(connection, t.articles, [present])
            suppressions.leave(
                connection, "daily", "x@example.com", now=clock.now(), by=LeftBy.PAGE
            )
        clock.at += HOUR
        app.compose_step.compose_now(app.subscriptions[0], clock.now())
        deliver_due(app.store, Refusing(), clock)
        clock.at += HOUR
        with app.store.begin() as connection:
            reviews.add(
                connection,
                Review(hit_id=1, verdict=Verdict.RELEVANT, note="clear", who="ada", at=clock.now()),
            )
        yield app


def told(events):
    return [(f"{event.at:%H}", event.event, event.subject, event.who) for event in events]


def test_the_trail_of_a_story(app):
    """Each event in order: seen, found, corrected, mailed to whom or not, judged by whom."""
    with app.store.begin() as connection:
        story = connection.scalar(select(t.hits.c.story_id).where(t.hits.c.id == 1))
        events = trail.of_story(connection, story)

    assert sorted(told(events)) == sorted(
        [
            ("08", "article first seen", "article 1", "a"),
            ("08", "hit found", "hit 1", None),
            ("09", "article first seen", "article 2", "b"),
            ("09", "hit found", "hit 2", None),
            ("10", "article revised", "article 1", None),
            ("11", "digest made", "digest 1", "daily"),
            ("11", "mail sent", "digest 1", "desk@example.com"),
            ("11", "mail refused", "digest 1", "李明@example.com"),
            ("12", "hit reviewed", "hit 1", "ada"),
        ]
    )
    assert [event.at for event in events] == sorted(event.at for event in events)
    details = {event.event: event.detail for event in events}
    assert details["article revised"] == "revision 2: Corrected: Alibaba fined"
    assert "alibaba, antitrust, fine" in details["hit found"]
    assert "550 no such user" in details["mail refused"]
    assert details["hit reviewed"] == "relevant (clear)"
    first = next(event for event in events if event.event == "article first seen")
    assert first.detail.startswith(FINE)


def test_the_trail_of_a_digest(app):
    """It names who was told, who was not, and who had left before."""
    with app.store.begin() as connection:
        events = trail.of_digest(connection, 1)
        assert trail.of_digest(connection, 9) is None
        assert trail.of_hit(connection, 9) is None
        assert trail.of_story(connection, 9) is None

    assert ("10", "recipient left", "daily", "x@example.com") in told(events)
    assert ("11", "mail sent", "digest 1", "desk@example.com") in told(events)


def test_what_was_known_then(app, clock):
    """At each hour: nothing, found but untold, told to one, in the words of that time."""

    def known(hours):
        with app.store.begin() as connection:
            return trail.known_at(connection, "alibaba", clock.now() - hours * HOUR)

    assert known(5) == []
    [at_eight] = known(4)
    assert (at_eight.hits, at_eight.told_at, at_eight.told) == (1, None, ())
    assert (at_eight.headline, at_eight.stage) == (FINE, "fine")
    [at_ten] = known(2)
    assert (at_ten.hits, at_ten.told) == (2, ())
    [at_eleven] = known(1)
    assert at_eleven.told == ("desk@example.com",)
    assert at_eleven.told_at == clock.now() - HOUR
    assert at_eleven.known_since == clock.now() - 4 * HOUR


def run(tmp_path, capsys, *arguments):
    with pytest.raises(SystemExit) as end:
        main(["audit", *arguments, "--config", str(tmp_path / "config.yaml")])
    told = capsys.readouterr()
    return end.value.code, told.out, told.err


@pytest.mark.usefixtures("app")
def test_the_command(tmp_path, capsys):
    """The same by command, each way, and a sentence where there is nothing."""
    code, out, _ = run(tmp_path, capsys, "hit", "1")
    assert code == 0
    assert [json.loads(line)["event"] for line in out.splitlines()][:2] == [
        "article first seen",
        "hit found",
    ]
    code, out, _ = run(tmp_path, capsys, "company", "alibaba", "--at", "2026-11-23T11:30")
    assert json.loads(out)["told"] == "desk@example.com"
    assert run(tmp_path, capsys, "company", "alibaba", "--at", "2026-11-23T07:00")[:2] == (
        0,
        "",
    )
    assert run(tmp_path, capsys, "digest", "99")[0] == 1
    code, _, errors = run(tmp_path, capsys, "company", "nobody")
    assert (code, "is not watched" in errors) == (2, True)


def test_whole_or_not(app, tmp_path, capsys):
    """What was changed behind the service's back is named, and the exit code says so."""
    code, out, _ = run(tmp_path, capsys, "verify")
    assert (code, ", whole; " in out) == (0, True)
    head = out.split()[-1]
    assert run(tmp_path, capsys, "verify", "--anchor", head)[0] == 0
    assert run(tmp_path, capsys, "verify", "--anchor", "0" * 64)[0] == 1

    with app.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE digests SET subject = 'another'")
    code, out, _ = run(tmp_path, capsys, "verify")
    assert (code, "digest 1: is not what was recorded" in out) == (1, True)
