"""Retention: what is old enough goes, a batch at a time; what is left is known for what it was."""

from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from threading import Event

import pytest
from sqlalchemy import event, insert, select, text, update
from sqlalchemy.exc import IntegrityError
from test_articles import NOW, claim, count, entry, match, put

from monitor.model import Attachment, DeliveryStatus, Rendered
from monitor.pipeline.prune import BACKTESTS, FULL_TEXTS, POLLS, TEXTS, Retention, prune
from monitor.store import audit, digests, full_texts
from monitor.store import schema as t
from monitor.store.deliveries import ENDED_WELL
from monitor.store.migrate import integrity

YEAR = timedelta(days=365)
LATE = NOW + YEAR + timedelta(days=1)
KEPT = Retention(articles=YEAR)
RAIN = entry("g1", "https://a.example/1", "Rain expected", "Umbrellas are sold out")
FINE = entry("g2", "https://a.example/2", "Acme fined", "A regulator spoke of umbrellas")


def stored(engine, table=t.articles):
    with engine.begin() as connection:
        return connection.execute(select(table).order_by(table.c.id)).all()


def found(engine, word):
    """Return the articles that the search index has *word* of."""
    sqlite = "SELECT rowid FROM article_words WHERE article_words MATCH :word ORDER BY rowid"
    other = "SELECT article_id FROM article_words WHERE words @@ CAST(:word AS tsquery) ORDER BY 1"
    with engine.begin() as connection:
        query = sqlite if engine.dialect.name == "sqlite" else other
        return list(connection.scalars(text(query), {"word": word}))


@pytest.fixture
def feed(engine):
    """A feed that showed an article without a hit, and one with."""
    [feed] = claim(engine, "a")
    put(engine, feed, [RAIN])
    put(engine, feed, [FINE], lambda _: [match()])
    return feed


def test_a_text_goes_and_its_article_stays_known(engine, feed):
    """A feed that shows it again, or another that does, finds it: it is not news a second time."""
    assert prune(engine, KEPT, now=NOW + YEAR)[TEXTS] == 0
    assert prune(engine, KEPT, now=LATE)[TEXTS] == 1

    rain, fine = stored(engine)
    assert (rain.title, rain.summary, rain.url) == ("Rain expected", "", "https://a.example/1")
    assert (fine.summary, rain.first_seen) == ("A regulator spoke of umbrellas", NOW)
    again = put(engine, feed, [RAIN, FINE])
    assert (again.new, again.known, again.revised) == (0, 2, 0)
    [other] = claim(engine, "b")
    elsewhere = put(engine, other, [RAIN._replace(guid="other")])
    assert (elsewhere.new, elsewhere.known) == (0, 1)
    assert count(engine, t.articles) == 2
    assert stored(engine)[0].summary == ""


def test_the_search_index_follows(engine, feed):
    """What was deleted is not found any more; a title is, and a text that comes later."""
    assert found(engine, "umbrellas") == [1, 2]
    prune(engine, KEPT, now=LATE)
    assert (found(engine, "umbrellas"), found(engine, "rain")) == ([2], [1])

    changed = put(engine, feed, [RAIN._replace(summary="Hail instead")])
    assert (changed.new, changed.revised) == (0, 1)
    assert (found(engine, "hail"), found(engine, "rain")) == ([1], [1])
    assert integrity(engine) == []
    assert prune(engine, KEPT, now=LATE)[TEXTS] == 0
    assert stored(engine)[0].summary == "Hail instead"


def test_what_quotes_or_waits_is_kept(engine, feed):
    """A withdrawn hit quotes its text; what detection failed on is matched again some day."""
    failed = entry("g3", "https://a.example/3", "Odd", "text")
    put(engine, feed, [failed], lambda _: None)
    with engine.begin() as connection:
        connection.execute(update(t.hits).values(withdrawn_at=NOW))

    assert prune(engine, KEPT, now=LATE)[TEXTS] == 1
    assert [bool(row.summary) for row in stored(engine)] == [False, True, True]


def test_all_that_hangs_on_a_text_goes_with_it(engine, feed):
    """Earlier texts, near-misses and the reading of its page; not that of one with a hit."""
    near = replace(match(), rejected="in different sentences", possible=True)
    again = [RAIN._replace(summary="Storm"), FINE._replace(summary="Umbrellas again")]
    put(engine, feed, again, lambda index: [match()] if index else [near])
    with engine.begin() as connection:
        full_texts.want(connection, feed.id, [1, 2], now=NOW)
        connection.execute(update(t.full_texts).values(due_at=None, status="stored"))
    long = Retention(near_misses=9 * YEAR, articles=YEAR)

    assert prune(engine, long, now=LATE)[TEXTS] == 1
    for table in (t.revisions, t.full_texts):
        assert [row.article_id for row in stored(engine, table)] == [2]
    assert stored(engine, t.near_misses) == []


def test_pages_go_sooner(engine, feed):
    """With `full_texts` alone, articles whose page was not read keep what the feed said."""
    with engine.begin() as connection:
        full_texts.want(connection, feed.id, [1, 2], now=NOW)
        connection.execute(update(t.full_texts).values(due_at=None, status="stored"))
    put(engine, feed, [entry("g3", "https://a.example/3", "Snow", "is white")])

    deleted = prune(engine, Retention(full_texts=YEAR), now=LATE)
    assert (deleted[FULL_TEXTS], TEXTS in deleted) == (1, False)
    assert [bool(row.summary) for row in stored(engine)] == [False, True, True]


def test_batches_and_a_stop(engine, feed):
    """Each batch is a transaction of its own; a run that ended in between is taken up there."""
    entries = [entry(f"n{n}", f"https://a.example/n{n}", f"News {n}", "text") for n in range(9)]
    put(engine, feed, entries)
    stop = Event()
    begun = []

    @event.listens_for(engine, "commit")
    def note(_connection):
        begun.append(1)
        if len(begun) == 4:  # near-misses, backtests, and two batches of texts
            stop.set()

    assert prune(engine, KEPT, now=LATE, batch=3, stop=stop)[TEXTS] == 5
    event.remove(engine, "commit", note)
    nothing = {"near-misses": 0, BACKTESTS: 0, TEXTS: 0}
    assert prune(engine, KEPT, now=LATE, batch=3, stop=stop) == nothing
    assert prune(engine, KEPT, now=LATE, batch=3)[TEXTS] == 5
    assert [row.title for row in stored(engine) if row.summary] == ["Acme fined"]


def test_what_is_free_can_be_used(engine, feed):
    """On SQLite the pages of deleted texts take up what comes later: the file grows no further."""
    if engine.dialect.name != "sqlite":
        return
    long = "words and words " * 90
    put(
        engine,
        feed,
        [entry(f"n{n}", f"https://a.example/n{n}", f"N {n}", long) for n in range(600)],
    )
    prune(engine, KEPT, now=LATE)
    with engine.begin() as connection:
        free = connection.scalar(text("SELECT freelist_count FROM pragma_freelist_count()"))
        assert connection.execute(text("PRAGMA foreign_key_check")).all() == []
    assert free * 4096 > 600 * len(long) / 2


def test_polls(engine, feed):
    """Old lines of the ledger go, if that is wished, oldest first; the newer ones stay."""
    rows = [{"feed_id": feed.id, "at": NOW + n * YEAR, "outcome": "stored"} for n in range(3)]
    with engine.begin() as connection:
        connection.execute(insert(t.polls), rows)
    later = NOW + 2 * YEAR

    assert POLLS not in prune(engine, KEPT, now=later)
    assert prune(engine, Retention(polls=YEAR), now=later, batch=1)[POLLS] == 1
    assert [row.at for row in stored(engine, t.polls)] == [NOW + YEAR, later]


@pytest.mark.usefixtures("feed")
def test_an_article_that_another_holds_is_left(engine):
    """On PostgreSQL, who is about to give an article a hit is not disturbed, nor waited for."""
    if engine.dialect.name != "postgresql":
        return
    with ExitStack() as held:
        connection = held.enter_context(engine.begin())
        connection.execute(select(t.articles.c.id).with_for_update()).all()
        assert prune(engine, KEPT, now=LATE)[TEXTS] == 0
    assert stored(engine)[0].summary == RAIN.summary


# --- digests -----------------------------------------------------------------------------------

SENT = {"status": "sent", "due_at": None, "sent_at": NOW, "head": b"From: ..."}
WORDS = Rendered("Subject", "Text", "<p>Text</p>", (Attachment("h.csv", "text/csv", b"1,2"),))
OLD_DIGESTS = Retention(digests=YEAR)


def freeze(engine, day, hits=(), people=("a@example.com", "b@example.com")):
    """Store a digest of that day, frozen and waiting; return its id."""
    number = day.toordinal()
    frozen = digests.FrozenDigest(
        subscription="desk",
        slot=day,
        composed_at=day,
        lexicon="f",
        content={"stories": 1},
        rendered=WORDS,
        hits=hits,
        message_ids={it: f"<{number}.{at}@example.com>" for at, it in enumerate(people)},
        token=f"token{number}",
    )
    with engine.begin() as connection:
        assert digests.freeze(connection, frozen)
        return connection.scalar(select(t.digests.c.id).order_by(t.digests.c.id.desc()).limit(1))


def change(engine, table, *where, **values):
    with engine.begin() as connection:
        connection.execute(update(table).where(*where).values(**values))


def verified(engine):
    with engine.begin() as connection:
        return audit.verify(connection)


@pytest.mark.usefixtures("feed")
def test_the_words_of_a_digest_go(engine):
    """What is left says that it was made, what it reported and who got it; the chain holds."""
    digest = freeze(engine, NOW, hits=(1,))
    change(engine, t.deliveries, **SENT)
    change(engine, t.digests, body=b"packed", brief={"a": 1})
    later = freeze(engine, LATE)
    change(engine, t.deliveries, t.deliveries.c.digest_id == later, **SENT)

    assert prune(engine, OLD_DIGESTS, now=NOW + YEAR)["digests"] == 0
    assert prune(engine, OLD_DIGESTS, now=LATE)["digests"] == 1
    assert prune(engine, OLD_DIGESTS, now=LATE)["digests"] == 0

    gone, kept = stored(engine, t.digests)
    assert (gone.subject, gone.text, gone.html, gone.content) == ("Subject", "", "", {})
    assert (gone.body, gone.brief, gone.pruned_at) == (None, None, LATE)
    assert (kept.text, kept.pruned_at) == ("Text", None)
    assert [row.digest_id for row in stored(engine, t.attachments)] == [later]
    assert [row.hit_id for row in stored(engine, t.digest_items)] == [1]
    rows = [row for row in stored(engine, t.deliveries) if row.digest_id == digest]
    assert [(row.recipient, row.status, row.sent_at, row.head) for row in rows] == [
        ("a@example.com", "sent", NOW, None),
        ("b@example.com", "sent", NOW, None),
    ]
    assert verified(engine).flaws == ()
    assert integrity(engine) == []


@pytest.mark.usefixtures("feed")
def test_what_it_reported_stays_reported(engine):
    """A hit of a digest whose words are gone is in no later one."""
    freeze(engine, NOW, hits=(1,))
    change(engine, t.deliveries, **SENT)
    prune(engine, OLD_DIGESTS, now=LATE)
    with pytest.raises(IntegrityError):
        freeze(engine, LATE, hits=(1,))


@pytest.mark.parametrize("status", [it for it in DeliveryStatus if it not in ENDED_WELL])
def test_what_somebody_has_not_got_is_never_deleted(engine, status):
    """Waiting, under way, refused, given up or unsure: it may still be sent, so it stays whole."""
    freeze(engine, NOW)
    change(engine, t.deliveries, **SENT)
    change(engine, t.deliveries, t.deliveries.c.id == 2, status=status)

    assert prune(engine, OLD_DIGESTS, now=LATE)["digests"] == 0
    assert (stored(engine, t.digests)[0].text, len(stored(engine, t.attachments))) == ("Text", 1)


@pytest.mark.usefixtures("feed")
@pytest.mark.parametrize(
    ("meddling", "said"),
    [
        ("UPDATE digests SET text = 'other' WHERE pruned_at IS NULL", "not what was recorded"),
        ("UPDATE digests SET pruned_at = composed_at, text = ''", "not what was recorded"),
        ("DELETE FROM digests WHERE id = 1", "is recorded and gone"),
        ("DELETE FROM audit WHERE kind = 'retention'", "not what was recorded"),
    ],
)
def test_who_deletes_words_without_saying_so_is_found(engine, meddling, said):
    """Words that were changed before retention came, or deleted beside it, are a flaw."""
    freeze(engine, NOW)
    change(engine, t.deliveries, **SENT)
    recorded = "retention" not in meddling
    if not recorded:
        prune(engine, OLD_DIGESTS, now=LATE)
    with engine.begin() as connection:
        if "DELETE FROM digests" in meddling:
            for table in ("attachments", "deliveries"):
                connection.execute(text(f"DELETE FROM {table}"))
        connection.execute(text(meddling))
    if "other" in meddling:
        prune(engine, OLD_DIGESTS, now=LATE)

    assert any(said in flaw for flaw in verified(engine).flaws), verified(engine).flaws
