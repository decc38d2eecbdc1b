"""Alerts on a real database: one for a story and stage, frozen once, and in no digest as new."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import time, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event, func, insert, select, update

from monitor.deliver.message import body_octets
from monitor.digest.alert_words import AlertRenderer
from monitor.digest.names import Names
from monitor.digest.render import Renderer
from monitor.model import (
    Alerting,
    DigestKind,
    LeftBy,
    Rendered,
    Schedule,
    Subscription,
    Undelivered,
)
from monitor.pipeline.alert import AlertStep
from monitor.pipeline.compose import ComposeStep
from monitor.pipeline.edition import Editor
from monitor.store import deliveries, digests, suppressions
from monitor.store import schema as t
from monitor.store.subscriptions import sync as sync_subscriptions

ALERT = Alerting(("fine", "settlement"), at_most=10, max_age=timedelta(days=7))
NAMES = {
    "companies": {"alibaba": "Alibaba"},
    "topics": {"antitrust": "Antitrust"},
    "stages": {"fine": "Fine", "probe": "Probe"},
    "regulators": {"samr": "SAMR"},
}


def subscription(name="desk", alert=ALERT, **options):
    people = options.pop("recipients", (f"{name}@x.example",))
    schedule = Schedule(ZoneInfo("Asia/Hong_Kong"), (time(7, 30),))
    return Subscription(name, people, schedule, alert=alert, **options)


@pytest.fixture
def start(engine, clock):
    """Return a function that starts the step for some subscriptions, now."""

    def step(*subscriptions, of=engine):
        with engine.begin() as connection:
            names = [item.name for item in subscriptions]
            sync_subscriptions(connection, names, now=clock.now())
        ranks = {"fine": 95, "settlement": 92, "probe": 60}
        words = AlertRenderer(), NAMES, ranks, "f" * 64, "x.example"
        return AlertStep(of, clock, subscriptions, *words, body_octets)

    return step


@pytest.fixture
def put_hit(engine, clock):
    """Return a function that stores a hit found now, in a story of its own or in *story*."""
    numbers = iter(range(1, 1000))

    def put(story=None, *, stage="fine", title=None, published=None, **about):
        number = next(numbers)
        title = title or f"Alibaba fined {number}"
        about = {"company": "alibaba", "topic": "antitrust"} | about
        with engine.begin() as connection:
            if number == 1:
                feed = {"id": 1, "key": "f", "url": "u", "name": "Feed", "state": "ok"}
                connection.execute(insert(t.feeds), [feed | {"due_at": clock.now()}])
            article = {
                "id": number,
                "key": str(number),
                "feed_id": 1,
                "title": title,
                "summary": "",
                "url": f"https://x.example/{number}",
                "publisher": f"Paper {number}",
                "first_seen": clock.now(),
                "published_at": published or clock.now(),
                "revision": 1,
            }
            connection.execute(insert(t.articles), [article])
            if story is None:
                when = {"first_at": clock.now(), "last_at": clock.now()}
                row = {"id": number, "headline": title, "stage": stage, **about, **when}
                connection.execute(insert(t.stories), [row])
            quote = {"role": "company", "field": "title", "start": 0, "end": 7}
            hit = {
                "id": number,
                "article_id": number,
                "revision": 1,
                "score": 0.9,
                "stage": stage,
                "regulator": "samr",
                "amount_text": "182亿元",
                "sentence": title,
                "evidence": [{**quote, "text": "Alibaba", "term": "alibaba.name"}],
                "lexicon": "f",
                "found_at": clock.now(),
                "story_id": story or number,
                **about,
            }
            connection.execute(insert(t.hits), [hit])
        clock.at += timedelta(seconds=1)
        return number

    return put


def made(engine):
    """Return the hits of each alert, in order."""
    with engine.begin() as connection:
        query = select(t.digest_items.c.digest_id, t.digest_items.c.hit_id).order_by(
            t.digest_items.c.id
        )
        found = {}
        for digest, hit in connection.execute(query):
            found.setdefault(digest, []).append(hit)
        return list(found.values())


def count(engine, table):
    with engine.begin() as connection:
        return connection.scalar(select(func.count()).select_from(table))


def the_alert(engine):
    with engine.begin() as connection:
        return connection.execute(select(t.digests)).one()


def test_a_story_is_told_at_once(engine, clock, start, put_hit):
    """A fine becomes an alert for each recipient, frozen with its deliveries, due at once."""
    step = start(subscription(recipients=("a@x.example", "ops")))
    put_hit(title="Alibaba fined <b>182亿元</b>\r\nBcc: x")

    assert [step.alert_due() for _ in range(3)] == [1, 0, 0]
    alert = the_alert(engine)
    assert (alert.kind, alert.subscription) == ("alert", "desk")
    assert alert.subject == "[Alert] Alibaba Antitrust: Fine (SAMR)"
    assert "<b>" not in alert.html
    assert "182亿元" in alert.text
    assert alert.brief["type"] == "alert.raised"
    with engine.begin() as connection:
        rows = connection.execute(select(t.deliveries.c.recipient, t.deliveries.c.due_at)).all()
    assert sorted(rows) == [("a@x.example", clock.now()), ("ops", clock.now())]


def test_a_wire_story_in_twelve_feeds_is_one_alert(engine, clock, start, put_hit):
    """Twelve papers that carry one story, at once or hours apart, give one alert."""
    step = start(subscription())
    story = put_hit()
    for _ in range(5):
        put_hit(story)
    step.alert_due()
    for _ in range(6):
        put_hit(story)
        clock.at += timedelta(hours=1)
        step.alert_due()

    assert made(engine) == [[1, 2, 3, 4, 5, 6]]
    assert "Also: Paper 2, Paper 3" in the_alert(engine).text


def test_only_what_was_asked_for(engine, start, put_hit):
    """Stage, company and topic decide, those of the alert within those of the subscription."""
    narrow = Alerting(("fine",), at_most=10, max_age=timedelta(days=7), companies=("tencent",))
    step = start(subscription(topics=("antitrust",), alert=narrow), subscription("none", None))
    put_hit(company="tencent", stage="probe")
    put_hit(company="alibaba")
    put_hit(company="tencent", topic="ipo")
    wanted = put_hit(company="tencent")
    step.alert_due()

    assert made(engine) == [[wanted]]


def test_filters_of_alerts(engine, clock, start, put_hit):
    """A hit has to match the filter of the subscription and that of its alert.

    What only the alert's leaves out is left to the digest.
    """
    narrow = replace(ALERT, filter='record OR "巨额"')
    desk = subscription(filter="regulator:samr NOT rumour", alert=narrow)
    step = start(desk)
    plain = put_hit()
    rumoured = put_hit(title="Rumour of a record fine for Alibaba")
    other = put_hit(title="Alibaba pays a record fine", regulator="csrc")
    told = [put_hit(title="Alibaba pays a record fine"), put_hit(title="阿里巴巴被处巨额罚款")]
    step.alert_due()

    assert [hit for hits in made(engine) for hit in hits] == told
    clock.at += timedelta(days=1)
    editor = Editor(Names(), "f" * 64, body_octets, lambda _name, _slot: None)
    compose = ComposeStep(engine, clock, (desk,), editor, lambda _: Renderer(), "x.example")
    compose.compose_due()
    assert [hit for hits in made(engine) for hit in hits] == [*told, plain]
    assert {rumoured, other}.isdisjoint(told)


def test_a_filter_is_asked_of_the_present_text(engine, start, put_hit):
    """As a search is: a word that an article no longer has does not count, a new one does."""
    step = start(subscription(alert=replace(ALERT, filter="record")))
    gone, new = put_hit(title="Alibaba pays a record fine"), put_hit(title="Alibaba pays a fine")
    with engine.begin() as connection:
        for number, title in ((gone, "Alibaba pays"), (new, "Alibaba pays a record")):
            before = {"article_id": number, "number": 1, "title": "x", "summary": ""}
            kept = {**before, "replaced_at": step.clock.now()}
            connection.execute(insert(t.revisions), [kept])
            change = update(t.articles).where(t.articles.c.id == number)
            connection.execute(change.values(title=title, revision=2))
    step.alert_due()

    assert made(engine) == [[new]]


def test_old_news_is_no_alert(engine, clock, start, put_hit):
    """What was published longer ago than is wanted, or before the subscription, waits."""
    put_hit()
    step = start(subscription())
    put_hit(published=clock.now() - timedelta(days=8))
    step.alert_due()

    assert count(engine, t.digests) == 0


def test_what_a_digest_told_is_no_alert(engine, clock, start, put_hit):
    """A further report of a story that a digest told at this stage is not new; a new stage is."""
    step = start(subscription())
    told, probe = put_hit(), put_hit(stage="probe")
    with engine.begin() as connection:
        row = {"id": 90, "subscription": "desk", "slot": clock.now(), "composed_at": clock.now()}
        words = {"lexicon": "x", "content": {}, "subject": "", "text": "", "html": ""}
        connection.execute(insert(t.digests), [row | words])
        items = [{"digest_id": 90, "subscription": "desk", "hit_id": it} for it in (told, probe)]
        connection.execute(insert(t.digest_items), items)
    put_hit(told)
    step.alert_due()
    assert count(engine, t.alerts) == 0

    put_hit(probe)
    with engine.begin() as connection:
        connection.execute(update(t.stories).where(t.stories.c.id == probe).values(stage="fine"))
    clock.at += timedelta(minutes=1)
    step.alert_due()
    assert count(engine, t.alerts) == 1


def test_a_merged_story_is_not_told_again(engine, clock, start, put_hit):
    """If an analyst merges an alerted story into another, further reports of it are no news."""
    step = start(subscription())
    put_hit()
    step.alert_due()
    other = put_hit(stage="settlement")
    with engine.begin() as connection:
        connection.execute(update(t.hits).values(story_id=other))
        connection.execute(update(t.stories).where(t.stories.c.id == other).values(stage="fine"))
    clock.at += timedelta(minutes=1)
    step.alert_due()

    assert made(engine) == [[1]]


def test_a_flood_is_bundled_and_says_so(engine, clock, start, put_hit):
    """Over the limit all the rest is in one mail, whose words and subject say so."""
    step = start(subscription(alert=Alerting(("fine",), at_most=3, max_age=timedelta(days=7))))
    for _ in range(20):
        put_hit()
    step.alert_due()
    later = put_hit()
    clock.at += timedelta(minutes=1)
    step.alert_due()
    at_once = made(engine)
    clock.at += timedelta(minutes=10)
    step.alert_due()

    assert [len(hits) for hits in at_once] == [1, 1, 18]
    assert made(engine)[3] == [later]
    with engine.begin() as connection:
        subject, text = connection.execute(
            select(t.digests.c.subject, t.digests.c.text).where(
                t.digests.c.subject.contains("stories")
            )
        ).one()
    assert subject.startswith("[Alert] 18 stories - Alibaba")
    assert "! There were more than 3 alerts within an hour, so these 18 stories" in text


@pytest.mark.parametrize(("words", "most"), [(1, 4), (60, 25)])
def test_a_large_flood_fits_into_mails(engine, clock, start, put_hit, words, most):
    """Of 200 stories each is told once, in mails no provider cuts, the rest in ten minutes."""
    step = start(subscription(alert=Alerting(("fine",), at_most=1, max_age=timedelta(days=7))))
    for number in range(200):
        put_hit(title=f"Alibaba fined {number}" + " 阿里巴巴被罚款" * words)
        clock.at -= timedelta(seconds=1)
    mails = 0
    while sum(map(len, made(engine))) < 200:
        mails += step.alert_due()
        clock.at += timedelta(minutes=10)

    assert sorted(hit for hits in made(engine) for hit in hits) == list(range(1, 201))
    with engine.begin() as connection:
        rows = connection.execute(
            select(t.digests.c.subject, t.digests.c.text, t.digests.c.html)
        ).all()
    assert max(body_octets(Rendered(*row)) for row in rows) <= 92_500
    assert mails == len(rows) <= most


def test_two_processes_tell_a_story_once(engine, start, put_hit):
    """However many processes look at once, a story is in one alert, and none is left out."""
    steps = [start(subscription("desk"), subscription("other")) for _ in range(4)]
    for _ in range(8):
        put_hit()
    with ThreadPoolExecutor(4) as pool:
        for _ in range(6):
            for step in steps:
                step._looked_at = None
            list(pool.map(AlertStep.alert_due, steps))

    assert sorted(hits[0] for hits in made(engine)) == sorted([*range(1, 9)] * 2)
    assert count(engine, t.alerts) == 16


@pytest.mark.parametrize("table", ["digests", "deliveries", "alerts"])
def test_dying_in_the_middle(engine, clock, start, put_hit, table):
    """A process that dies while it stores an alert leaves the story due, and nothing half made."""
    put_hit()
    clock.at -= timedelta(hours=1)
    step = start(subscription())
    clock.at += timedelta(hours=1)

    def die(_connection, _cursor, statement, *_):
        if f"INTO {table}" in statement:
            raise SystemExit

    event.listen(engine, "before_cursor_execute", die)
    with pytest.raises(SystemExit):
        step.alert_due()
    event.remove(engine, "before_cursor_execute", die)
    left = [count(engine, row) for row in (t.digests, t.digest_items, t.deliveries, t.alerts)]
    again = start(subscription()).alert_due()

    assert left == [0, 0, 0, 0]
    assert again == 1
    assert count(engine, t.deliveries) == 1


def test_who_left_gets_no_alert(engine, clock, start, put_hit):
    """A recipient who has left the list gets no alert either, and the others do."""
    step = start(subscription(recipients=("a@x.example", "b@x.example")))
    with engine.begin() as connection:
        suppressions.leave(connection, "desk", "a@x.example", now=clock.now(), by=LeftBy.PAGE)
    put_hit()
    step.alert_due()

    with engine.begin() as connection:
        assert list(connection.scalars(select(t.deliveries.c.recipient))) == ["b@x.example"]


def test_an_alert_that_did_not_arrive_is_told(engine, clock, start, put_hit):
    """A channel that fails is named in the next digest's coverage, as an alert's, and in health."""
    step = start(subscription(recipients=("a@x.example", "ops")))
    put_hit()
    step.alert_due()
    with engine.begin() as connection:
        failed = update(t.deliveries).where(t.deliveries.c.recipient == "ops")
        connection.execute(failed.values(status="failed", last_error="error=500", due_at=None))
    with engine.begin() as connection:
        told = deliveries.undelivered(connection, since=clock.now() - timedelta(days=1))
        troubled = deliveries.troubled(connection, since=clock.now() - timedelta(days=1))

    alert = the_alert(engine)
    assert told == {"desk": [Undelivered(alert.slot, 1, 2, DigestKind.ALERT)]}
    assert troubled == [("ops", "failed", 0, "error=500")]


def test_an_alert_is_no_digest_of_a_slot(engine, clock, start, put_hit):
    """An alert closes no slot, and the time a digest stands for does not begin anew with it."""
    step = start(subscription())
    put_hit()
    step.alert_due()
    alert = the_alert(engine)
    with engine.begin() as connection:
        assert digests.is_open(connection, "desk", alert.slot)
        assert not digests.made_since(connection, "desk", alert.slot - timedelta(days=1))
        stands = digests.standing(
            connection, "desk", clock.now() + timedelta(days=1), now=clock.now()
        )
        assert stands.since is None


def test_the_digest_lists_it_as_alerted_and_not_as_new(engine, clock, start, put_hit):
    """In the next digest it is a line with the time, and what came since; later it is nothing."""
    person = subscription()
    step = start(person)
    story = put_hit()
    step.alert_due()
    put_hit(story)
    fresh = put_hit(stage="probe", title="Alibaba under review")
    names = Names(**NAMES, ranks={"fine": 95, "probe": 60})
    editor = Editor(names, "f" * 64, body_octets, lambda _name, _slot: None)
    compose = ComposeStep(engine, clock, [person], editor, lambda _: Renderer(), "x.example")

    clock.at += timedelta(days=1)
    compose.compose_due()
    clock.at += timedelta(days=1)
    compose.compose_due()

    with engine.begin() as connection:
        query = (
            select(t.digests.c.content)
            .where(t.digests.c.kind == "digest")
            .order_by(t.digests.c.slot)
        )
        first, second = connection.scalars(query)
    [change] = first["changed"]
    entries = [entry for part in first["sections"] for entry in part["entries"]] + first["high"]
    assert change["kind"] == "alerted"
    assert change["what"] == (
        "Fine, already alerted 23 Nov 16:00; since then 1 more article: Paper 2"
    )
    assert [entry["story"] for entry in entries] == [fresh]
    assert (second["changed"], second["stories"]) == ([], 0)
