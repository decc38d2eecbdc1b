"""Composing: one digest for each subscription and slot, each hit reported once."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event, func, insert, select, update

from monitor.deliver.message import body_octets
from monitor.digest.names import Names
from monitor.digest.render import Renderer
from monitor.model import CatchUp, EmptyDay, Review, Schedule, Subscription, Verdict
from monitor.pipeline.compose import ComposeStep, message_id
from monitor.pipeline.edition import HEAD, LIMIT, Editor
from monitor.pipeline.health import check
from monitor.store import deliveries, digests, reviews, workers
from monitor.store import schema as t
from monitor.store.rows import change_rows, row_of
from monitor.store.subscriptions import sync as sync_subscriptions

HONG_KONG, NEW_YORK = ZoneInfo("Asia/Hong_Kong"), ZoneInfo("America/New_York")


def subscription(name="desk", zone=HONG_KONG, at="07:30", **options):
    at = tuple(datetime.strptime(text, "%H:%M").time() for text in at.split())  # noqa: DTZ007 - a time of day
    people = options.pop("recipients", (f"{name}@x.example",))
    return Subscription(name, people, Schedule(zone, at=at), **options)


@pytest.fixture(scope="module")
def renderer():
    return Renderer()


@pytest.fixture
def compose(engine, clock, renderer):
    """Return a function that starts the step for some subscriptions, now."""

    def start(*subscriptions):
        with engine.begin() as connection:
            names = [item.name for item in subscriptions]
            sync_subscriptions(connection, names, now=clock.now())
        editor = Editor(Names(), "f" * 64, body_octets, lambda _name, _slot: None)
        return ComposeStep(engine, clock, subscriptions, editor, lambda _: renderer, "x.example")

    return start


@pytest.fixture
def put_hit(engine, clock):
    """Return a function that stores a hit found now, with its article and story."""
    numbers = iter(range(1, 1000))

    def put(
        company="alibaba",
        topic="antitrust",
        score=0.9,
        language="en",
        stage=None,
        text=("Alibaba fined", ""),
        **facts,
    ):
        number = next(numbers)
        with engine.begin() as connection:
            if number == 1:
                feed = {"id": 1, "key": "f", "url": "u", "name": "Feed", "state": "ok"}
                common = {"enabled": True, "failures": 0, "due_at": clock.now()}
                connection.execute(insert(t.feeds), [{**feed, **common}])
            article = {
                "id": number,
                "key": str(number),
                "feed_id": 1,
                "title": f"{text[0]} {number}",
                "summary": text[1],
                "url": f"https://x.example/{number}",
                "language": language,
                "first_seen": clock.now(),
                "revision": 1,
            }
            connection.execute(insert(t.articles), [article])
            about = {"company": company, "topic": topic}
            when = {"first_at": clock.now(), "last_at": clock.now()}
            story = {"id": number, "headline": article["title"], "stage": stage, **about, **when}
            connection.execute(insert(t.stories), [story])
            quote = {"role": "company", "field": "title", "start": 0, "end": 7}
            hit = {
                "id": number,
                "article_id": number,
                "revision": 1,
                "score": score,
                "sentence": article["title"],
                "evidence": [{**quote, "text": "Alibaba", "term": "alibaba.name"}],
                "lexicon": "f",
                "found_at": clock.now(),
                "story_id": number,
                **about,
                **facts,
            }
            connection.execute(insert(t.hits), [hit])
        return number

    return put


def count(engine, table):
    with engine.begin() as connection:
        return connection.scalar(select(func.count()).select_from(table))


def reported(engine, name):
    with engine.begin() as connection:
        items = select(t.digest_items.c.hit_id).where(t.digest_items.c.subscription == name)
        return sorted(connection.scalars(items))


class _GoingClock:
    """A clock that goes on between two looks at it, as real ones do."""

    def __init__(self, clock):
        self.clock = clock

    def now(self):
        self.clock.at += timedelta(microseconds=1)
        return self.clock.at


def test_a_clock_that_goes_on(clock, compose, put_hit):
    """No digest waits because time has passed between two looks at the clock."""
    step = compose(subscription())
    step.clock = _GoingClock(clock)
    put_hit()
    clock.at += timedelta(days=1)

    assert step.compose_due() == 1


def test_a_slot_gives_one_digest(engine, clock, compose, put_hit):
    """At the slot the digest is made, with the hit, for every recipient; and only once."""
    step = compose(subscription(recipients=("a@x.example", "b@x.example")))
    put_hit()
    assert step.compose_due() == 0, "the slot is in fifteen hours"
    clock.at += timedelta(hours=16)
    assert [step.compose_due() for _ in range(3)] == [1, 0, 0]
    assert reported(engine, "desk") == [1]
    with engine.begin() as connection:
        rows = connection.execute(select(t.deliveries.c.recipient, t.deliveries.c.status)).all()
        subject, text = connection.execute(select(t.digests.c.subject, t.digests.c.text)).one()
    assert sorted(rows) == [("a@x.example", "waiting"), ("b@x.example", "waiting")]
    assert subject.startswith("[Monitor]")
    assert "https://x.example/1" in text


def test_a_hit_is_reported_once(engine, clock, compose, put_hit):
    """The next digest has what the last one had not, and nothing it had."""
    step = compose(subscription())
    put_hit()
    clock.at += timedelta(days=1)
    step.compose_due()
    put_hit()
    clock.at += timedelta(days=1)
    step.compose_due()
    with engine.begin() as connection:
        editions = connection.execute(
            select(t.digest_items.c.digest_id, t.digest_items.c.hit_id).order_by(
                t.digest_items.c.hit_id
            )
        ).all()
    assert [hit for _, hit in editions] == [1, 2]
    assert editions[0][0] != editions[1][0]


def test_what_an_analyst_dismissed_is_not_mailed(engine, clock, compose, put_hit):
    """A hit found irrelevant before its digest is in none; with second thoughts it is."""
    step = compose(subscription())
    verdicts = [(Verdict.IRRELEVANT,), (Verdict.IRRELEVANT, Verdict.RELEVANT), (), ("duplicate",)]
    for given in verdicts:
        number = put_hit()
        with engine.begin() as connection:
            for verdict in given:
                reviews.add(connection, Review(number, Verdict(verdict), "analyst", clock.now()))
    clock.at += timedelta(days=1)
    step.compose_due()

    with engine.begin() as connection:
        told = connection.scalars(
            select(t.digest_items.c.hit_id).order_by(t.digest_items.c.hit_id)
        ).all()
    assert told == [2, 3]


def test_downtime_makes_a_late_digest_not_several(engine, clock, compose, put_hit):
    """After three days down there is one digest, with everything of the three days."""
    step = compose(subscription())
    for _ in range(3):
        put_hit()
        clock.at += timedelta(days=1)
    assert step.compose_due() == 1
    assert step.compose_due() == 0
    assert reported(engine, "desk") == [1, 2, 3]


def test_the_polls_of_a_digest_are_counted(engine, clock, compose, put_hit):
    """What was polled is in the frozen digest, as numbers, on each database."""
    step = compose(subscription())
    put_hit()
    polls = [
        {"feed_id": 1, "at": clock.now(), "outcome": "stored", "entries": 40, "new": new}
        for new in (2, 3)
    ]
    with engine.begin() as connection:
        connection.execute(insert(t.polls), polls)
    clock.at += timedelta(days=1)

    assert step.compose_due() == 1
    with engine.begin() as connection:
        [line] = connection.scalar(select(t.digests.c.content))["table"]
    assert [line[name] for name in ("polls", "entries", "new")] == [2, 80, 5]


def test_an_empty_day_still_sends(engine, clock, compose):
    """Nothing found is said, because silence must always mean a fault."""
    step = compose(subscription())
    clock.at += timedelta(days=1)
    step.compose_due()
    assert count(engine, t.deliveries) == 1


def test_an_empty_day_may_be_skipped(engine, clock, compose, put_hit):
    """With `empty: skip` nothing is sent, and a hit later that day waits for the next slot."""
    step = compose(subscription(empty=EmptyDay.SKIP))
    clock.at += timedelta(days=1)
    step.compose_due()
    put_hit()
    step.compose_due()
    assert (count(engine, t.digests), count(engine, t.deliveries)) == (1, 0)
    clock.at += timedelta(days=1)
    step.compose_due()
    assert reported(engine, "desk") == [1]


def test_filters(engine, clock, compose, put_hit):
    """A subscription is told of its companies, topics, languages and scores alone."""
    step = compose(
        subscription("all"),
        subscription("ant", companies=("ant",)),
        subscription("ipo", topics=("ipo",)),
        subscription("zh", languages=("zh",)),
        subscription("sure", min_score=0.8),
    )
    put_hit()
    put_hit(company="ant", topic="ipo", score=0.7, language="zh-Hans")
    put_hit(language=None)
    clock.at += timedelta(days=1)
    assert step.compose_due() == 5
    told = {name: reported(engine, name) for name in ("all", "ant", "ipo", "zh", "sure")}
    assert told == {"all": [1, 2, 3], "ant": [2], "ipo": [2], "zh": [2, 3], "sure": [1, 3]}


def test_a_new_subscription_is_not_told_the_past(engine, clock, compose, put_hit):
    """A subscription's first digest reaches back a day, not to the beginning."""
    compose(subscription("old"))
    put_hit()
    clock.at += timedelta(days=2)
    put_hit()
    step = compose(subscription("old"), subscription("new"))
    clock.at += timedelta(days=1)
    step.compose_due()
    assert reported(engine, "new") == [2]


def test_a_first_digest_counts_the_polls_of_its_day(engine, clock, compose, put_hit):
    """What was polled before hits are told of is none of a new subscription's business."""
    put_hit()
    with engine.begin() as connection:
        feed = connection.scalar(select(t.feeds.c.id))
        its = {"feed_id": feed, "outcome": "stored", "entries": 3, "new": 1}
        at = [clock.at - timedelta(days=40), clock.at - timedelta(hours=2)]
        connection.execute(insert(t.polls), [{**its, "at": it} for it in at])
    made = compose(subscription("new")).make(subscription("new"), clock.at)
    assert made.content["polls"] == 1


@pytest.mark.parametrize("commit", [1, 2])
def test_death_before_a_commit(engine, clock, compose, put_hit, commit):
    """Killed before the commit, the slot stays open and the digest is made whole, once."""
    step = compose(subscription("a"), subscription("b"))
    put_hit()
    clock.at += timedelta(days=1)
    left = [commit]

    def die(_connection):
        left[0] -= 1
        if left[0] == 0:
            raise SystemExit

    event.listen(engine, "commit", die)
    with pytest.raises(SystemExit):
        step.compose_due()
    event.remove(engine, "commit", die)
    step.compose_due()

    assert (count(engine, t.digests), count(engine, t.deliveries)) == (2, 2)
    assert (reported(engine, "a"), reported(engine, "b")) == ([1], [1])


def test_two_processes_make_one_digest(engine, clock, compose, put_hit):
    """Whoever comes second finds the slot taken and leaves no trace."""
    one, other = compose(subscription()), compose(subscription())
    put_hit()
    clock.at += timedelta(days=1)
    slot = clock.now()
    frozen = one.make(one.subscriptions[0], slot)
    assert other.compose_now(other.subscriptions[0], slot)
    with engine.begin() as connection:
        assert not digests.freeze(connection, frozen)
    assert (count(engine, t.digests), count(engine, t.digest_items)) == (1, 1)


def test_a_bad_subscription_stops_no_other(engine, clock, compose, put_hit, renderer):
    """What goes wrong for one subscription is logged, and the others get theirs."""

    def breaks(wanted):
        if wanted.name == "bad":
            raise RuntimeError("no template for this")
        return renderer

    step = compose(subscription("bad"), subscription("good"))
    step.renderer = breaks
    put_hit()
    clock.at += timedelta(days=1)
    assert step.compose_due() == 1
    assert reported(engine, "good") == [1]
    step.renderer = lambda _: renderer
    assert step.compose_due() == 0, "not at every tick"
    clock.at += timedelta(minutes=1)
    assert step.compose_due() == 1
    assert reported(engine, "bad") == [1]


@pytest.mark.parametrize(
    "start",
    [datetime(2026, 10, 28, tzinfo=UTC), datetime(2027, 3, 11, tzinfo=UTC)],
    ids=["autumn", "spring"],
)
def test_one_digest_a_local_day_through_clock_changes(engine, clock, compose, start):
    """Hong Kong and New York each get one digest a local day, whatever their clocks do."""
    clock.at = start
    step = compose(
        subscription("hk"),
        subscription("ny", zone=NEW_YORK, at="01:30"),
        subscription("gap", zone=NEW_YORK, at="02:30"),
    )
    for _ in range(7 * 24 * 4):
        clock.at += timedelta(minutes=15)
        step.compose_due()
    with engine.begin() as connection:
        made = connection.execute(select(t.digests.c.subscription, t.digests.c.slot)).all()
    for name, zone in (("hk", HONG_KONG), ("ny", NEW_YORK), ("gap", NEW_YORK)):
        days = [slot.astimezone(zone).date() for found, slot in made if found == name]
        assert len(days) == len(set(days)) == 7, name
        assert max(days) - min(days) == timedelta(days=6)


def test_message_ids_are_made_of_what_they_stand_for(clock):
    """A digest composed again for the same recipient has the same Message-ID."""
    first = message_id("desk", clock.now(), "a@x.example", "x.example")
    assert first == message_id("desk", clock.now(), "a@x.example", "x.example")
    assert first != message_id("desk", clock.now(), "b@x.example", "x.example")
    assert first.endswith("@x.example>")


def test_health_tells_a_digest_that_did_not_come(engine, clock, compose):
    """A slot that passed without its digest, or a silent service, is not healthy."""
    desk = subscription()
    compose(desk)
    assert check(engine, clock, [desk]).reasons == ("no service has run on this database",)
    with engine.begin() as connection:
        workers.started(connection, "here:1", now=clock.now())
    assert check(engine, clock, [desk]).healthy
    clock.at += timedelta(days=1)
    silent, missing = check(engine, clock, [desk]).reasons
    assert "no sign of life" in silent
    assert "'desk' of 2026-11-23 23:30 UTC was not made" in missing
    with engine.begin() as connection:
        workers.beat(connection, "here:1", now=clock.now())
    compose(desk).compose_due()
    assert check(engine, clock, [desk]).healthy


def test_health_warns_of_a_refused_delivery(engine, clock, compose):
    """A recipient the mail server refuses is an operator's business for a week."""
    desk = subscription()
    step = compose(desk)
    clock.at += timedelta(days=1)
    step.compose_due()
    with engine.begin() as connection:
        refused = {"status": "refused", "due_at": None, "last_error": "550 who?"}
        connection.execute(update(t.deliveries).values(refused))
    [warning] = check(engine, clock, [desk]).warnings
    assert "desk@x.example is refused" in warning
    clock.at += timedelta(days=8)
    assert check(engine, clock, [desk]).warnings == ()


def made(engine):
    """Return the slot of each digest with the hits it reports, oldest first."""
    with engine.begin() as connection:
        items = select(t.digests.c.slot, t.digest_items.c.hit_id).outerjoin(
            t.digest_items, t.digest_items.c.digest_id == t.digests.c.id
        )
        found = {}
        for slot, hit in connection.execute(
            items.order_by(t.digests.c.slot, t.digest_items.c.hit_id)
        ):
            found.setdefault(f"{slot:%d %H:%M}", []).extend([hit] if hit else [])
        return found


@pytest.mark.parametrize("catch_up", list(CatchUp))
def test_three_days_down(engine, clock, compose, put_hit, catch_up):
    """After three days without composing: one digest, or one a slot; each hit is in one."""
    step = compose(subscription(catch_up=catch_up))
    for _ in range(3):
        put_hit()
        clock.at += timedelta(days=1)
    put_hit()

    step.compose_due()
    step.compose_due()

    assert (
        made(engine)
        == {
            CatchUp.ONE: {"25 23:30": [1, 2, 3, 4]},
            CatchUp.EACH: {"23 23:30": [1], "24 23:30": [2], "25 23:30": [3, 4]},
        }[catch_up]
    )


def test_dying_while_catching_up(engine, clock, compose, put_hit):
    """A process that dies after the second of three digests leaves the third to be made."""
    step = compose(subscription(catch_up=CatchUp.EACH))
    put_hit()
    clock.at += timedelta(days=3)
    freeze, calls = step.compose_now, []

    def dies(*args, **options):
        calls.append(args)
        if len(calls) == 3:
            raise SystemExit
        return freeze(*args, **options)

    step.compose_now = dies
    with pytest.raises(SystemExit):
        step.compose_due()
    compose(subscription(catch_up=CatchUp.EACH)).compose_due()

    assert made(engine) == {"23 23:30": [1], "24 23:30": [], "25 23:30": []}


def test_a_clock_that_ran_ahead_hides_no_slot(engine, clock, compose):
    """Digests made while the clock was a year ahead are made again for the slots that come."""
    step = compose(subscription(catch_up=CatchUp.EACH))
    clock.at += timedelta(days=365)
    ahead = step.compose_due()
    clock.at -= timedelta(days=364)

    assert (ahead, step.compose_due()) == (31, 1)
    assert "23 23:30" in made(engine)


def test_a_quiet_month(engine, clock, compose):
    """With `empty: weekly` a month without hits gives four mails; each slot has its digest."""
    step = compose(subscription(empty=EmptyDay.WEEKLY))
    for _ in range(28):
        clock.at += timedelta(days=1)
        step.compose_due()

    assert (count(engine, t.digests), count(engine, t.deliveries)) == (28, 4)


def test_what_a_channel_gets_is_frozen(engine, clock, compose, put_hit):
    """With a channel among the recipients a digest holds what that gets; else nothing more."""
    step = compose(subscription("mail"), subscription("chat", recipients=("a@x.example", "ops")))
    put_hit(stage="fine")
    clock.at += timedelta(days=1)
    step.compose_due()

    with engine.begin() as connection:
        briefs = dict(connection.execute(select(t.digests.c.subscription, t.digests.c.brief)).all())
    assert briefs["mail"] is None
    assert briefs["chat"]["type"] == "digest.composed"
    assert briefs["chat"]["data"]["stories"][0]["title"] == "Alibaba fined 1"
    assert briefs["chat"]["data"]["subject"].startswith("[Monitor]")


def test_only_the_wanted_stages(engine, clock, compose, put_hit):
    """A subscription with a minimum stage is told of stories at that stage or a graver one."""
    step = compose(subscription(stages=("fine", "blocked")))
    for stage in (None, "probe", "fine", "blocked"):
        put_hit(stage=stage)
    clock.at += timedelta(days=1)
    step.compose_due()

    assert reported(engine, "desk") == [3, 4]


def test_more_than_a_mail_holds(clock, compose, put_hit):
    """With hits beyond measure the mail stays small, and every hit is in it or in its list."""
    step = compose(subscription())
    for _ in range(400):
        put_hit()
    clock.at += timedelta(days=1)
    made = step.make(step.subscriptions[0], clock.now())

    assert body_octets(made.rendered) + HEAD <= LIMIT
    [file] = made.rendered.attachments
    shown = made.content["stories"] - made.content["hidden"]
    assert 20 < shown < 400
    assert len(file.content.splitlines()) == 1 + 400 if file.kind == "text/csv" else file.content
    assert f"and {made.content['hidden']} more stories" in made.rendered.html


def test_files_are_frozen_with_the_digest(engine, clock, compose, put_hit):
    """Every attempt, and whoever asks later, gets the very files the digest was made with."""
    step = compose(subscription())
    for _ in range(150):
        put_hit()
    clock.at += timedelta(days=1)
    slot = clock.now().replace(second=0, microsecond=0)
    made = step.make(step.subscriptions[0], slot)
    step.compose_now(step.subscriptions[0], slot)

    with engine.begin() as connection:
        stored = digests.frozen(connection, "desk", slot)
        due = deliveries.claim_due(
            connection, now=clock.now(), lease=timedelta(1), patience=timedelta(1), worker="w"
        )
    assert made.rendered.attachments != ()
    assert stored.rendered == due.rendered == made.rendered
    assert stored.hits == tuple(range(1, 151))


def test_new_sources_of_a_told_story_are_no_news(engine, clock, compose, put_hit):
    """A second article of a story that was told is reported as a change, and only once."""
    step = compose(subscription())
    put_hit()
    clock.at += timedelta(days=1)
    step.compose_due()
    put_hit()
    with engine.begin() as connection:
        change_rows(connection, t.hits, [{"id": 2, "story_id": 1}])
    clock.at += timedelta(days=1)
    step.compose_due()

    with engine.begin() as connection:
        last = connection.execute(select(t.digests).order_by(t.digests.c.id.desc()).limit(1)).one()
        assert (last.content["stories"], last.content["changed"][0]["kind"]) == (0, "sources")
    assert reported(engine, "desk") == [1, 2]


def test_what_became_of_a_reported_article(engine, clock, compose, put_hit):
    """That a reported article was retitled, or is no hit any more, is told once."""
    step = compose(subscription())
    put_hit()
    put_hit()
    clock.at += timedelta(days=1)
    step.compose_due()
    clock.at += timedelta(hours=1)
    with engine.begin() as connection:
        article = row_of(connection, t.articles, 1)
        past = {"article_id": 1, "number": 1, "title": article.title, "summary": ""}
        connection.execute(insert(t.revisions), [{**past, "replaced_at": clock.now()}])
        retitled = {"id": 1, "title": "Alibaba not fined", "revision": 2}
        change_rows(connection, t.articles, [retitled])
        change_rows(connection, t.hits, [{"id": 2, "withdrawn_at": clock.now()}])
    told = []
    for _ in range(2):
        clock.at += timedelta(days=1)
        told.append(step.make(step.subscriptions[0], clock.now()).content["changed"])
        step.compose_due()

    assert [(it["kind"], it["before"]) for it in told[0]] == [
        ("withdrawn", None),
        ("retitled", "Alibaba fined 1"),
    ]
    assert told[1] == []


def test_a_filter_decides_what_is_due(engine, clock, compose, put_hit):
    """A hit has to match the query too: by the words of its article, its facts, its story's stage.

    What does not match is in no part of the digest, nor in what channels are given.
    """
    query = '(amount>1bn OR stage:fine OR "巨额 罚单" OR court NEAR/3 appeal) NOT lang:fr'
    step = compose(subscription(filter=query, recipients=("ops",)), subscription("all"))
    matching = [
        put_hit(amount=2e9, currency="USD"),
        put_hit(stage="fine"),
        put_hit(text=("阿里巴巴收到", "这是一张巨额罚单。")),
        put_hit(text=("Alibaba goes to court in an appeal", "")),
    ]
    left = [
        put_hit(amount=2e8, currency="USD"),
        put_hit(stage="probe"),
        put_hit(text=("Alibaba goes to court, and says that it wants to appeal", "")),
        put_hit(stage="fine", language="fr"),
    ]
    clock.at += timedelta(days=1)

    assert step.compose_due() == 2
    assert reported(engine, "desk") == matching
    assert reported(engine, "all") == matching + left
    with engine.begin() as connection:
        query = select(t.digests).where(t.digests.c.subscription == "desk")
        digest = connection.execute(query).one()
    assert digest.content["hits"] == len(matching)
    assert len(digest.brief["data"]["stories"]) == len(matching)
    shown = f"{digest.content} {digest.text} {digest.html} {digest.brief}"
    told = {int(number) for number in re.findall(r"https://x\.example/(\d+)", shown)}
    assert told == set(matching)


def test_a_filter_that_is_made_wider(engine, clock, compose, put_hit):
    """It tells of what it left out before, a week back, as the other limits do; nothing twice."""
    put_hit(stage="fine")
    step = compose(subscription(filter="stage:fine"))
    clock.at += timedelta(days=1)
    old = put_hit(stage="probe")
    step.compose_due()
    clock.at += timedelta(days=9)
    step.compose_due()
    clock.at += timedelta(days=2)
    recent = put_hit(stage="probe")
    clock.at += timedelta(days=1)
    compose(subscription(filter="stage:fine OR stage:probe")).compose_due()

    assert reported(engine, "desk") == [1, recent]
    assert old not in reported(engine, "desk")


def test_a_preview_is_filtered_as_well(clock, compose, put_hit):
    """What a subscription would be sent now is what its filter lets through; without a chart."""
    step = compose(subscription(filter="NOT (feed:f company:tencent)"), subscription("all"))
    put_hit("tencent")
    wanted = put_hit()

    desk, everything = (step.make(it, clock.now()) for it in step.subscriptions)

    assert list(desk.hits) == [wanted]
    assert len(everything.hits) == 2
    assert not desk.content["chart"]
    assert everything.content["chart"]


def test_near_misses_are_filtered(engine, clock, compose, put_hit):
    """Only those near-misses are offered that match too; they are at no stage."""
    put_hit(text=("Alibaba and the weather", ""))
    put_hit(text=("Alibaba and the court", ""))
    with engine.begin() as connection:
        common = {"company": "alibaba", "topic": "ipo", "score": 0.3, "possible": True}
        text = {"reason": "weak", "sentence": "", "evidence": [], "parts": [], "lexicon": "f"}
        rows = [
            {"id": it, "article_id": it, "revision": 1, "found_at": clock.now(), **common, **text}
            for it in (1, 2)
        ]
        connection.execute(insert(t.near_misses), rows)
    clock.at += timedelta(minutes=1)
    step = compose(
        subscription(filter="court", min_score=0.5),
        subscription("graver", filter="court stage:fine"),
    )

    words, stage = (step.make(it, clock.now()).content for it in step.subscriptions)

    assert [it["title"] for it in words["possible"]] == ["Alibaba and the court 2"]
    assert stage["possible"] in ([], ())


def test_texts_are_read_for_words_alone(engine, clock, compose, put_hit):
    """Filters of fields read no texts; all that have words read them once, together."""
    for _ in range(3):
        put_hit()
    read = []

    def look(_connection, _cursor, statement, *_):
        if "articles.summary" in statement:
            read.append(statement)

    event.listen(engine, "before_cursor_execute", look)
    try:
        compose(*(subscription(f"f{it}", filter=f"score>0.9{it}") for it in range(5)))
        step = compose(*(subscription(f"f{it}", filter=f"score>0.9{it}") for it in range(5)))
        clock.at += timedelta(days=1)
        assert (step.compose_due(), read) == (5, [])
        words = [subscription(f"w{it}", filter=f"nothing{it} OR score>0.99") for it in range(5)]
        step = compose(*words)
        clock.at += timedelta(days=1)
        assert (step.compose_due(), len(read)) == (5, 1)
    finally:
        event.remove(engine, "before_cursor_execute", look)
