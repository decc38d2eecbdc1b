"""Searching: what a query finds, on both databases and by the pure function alike."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update
from stored import in_memory
from test_articles import NOW, claim, entry, match, put

from monitor.model import Amount
from monitor.pipeline.group import group_new
from monitor.query import HitFacts, Piece, matches, parse
from monitor.store import index
from monitor.store.answers import answers
from monitor.store.engine import make_sessions
from monitor.store.queries import ARTICLES, HITS, STORIES, Filter
from monitor.store.schema import ArticleRow, HitRow
from monitor.store.search import best, find

DATA = yaml.safe_load(Path(__file__).with_name("data").joinpath("queries.yaml").read_text("utf-8"))
TEXTS, QUERIES = DATA["articles"], DATA["queries"]
LATER = NOW + timedelta(hours=1)


def matched(hit):
    """Return a match with what the data say of a hit."""
    sums = ()
    if "amount" in hit:
        sums = (Amount(Decimal(hit["amount"]), hit["currency"], "so much"),)
    known = {name: hit.get(name) for name in ("stage", "regulator")}
    return replace(
        match(hit["topic"]), company=hit["company"], score=hit["score"], amounts=sums, **known
    )


def store(sessions, texts=TEXTS):
    """Store the articles in their order, each feed's as one poll after another."""
    feeds = {it.key: it for it in claim(sessions, *dict.fromkeys(text["feed"] for text in texts))}
    for text in texts:
        link = f"https://example.org/{text['name']}"
        new = replace(
            entry(text["name"], link, text["title"], text.get("summary", "")),
            language=text.get("language"),
        )
        hits = [matched(hit) for hit in text.get("hits", ())]
        put(sessions, feeds[text["feed"]], [new], lambda _, hits=hits: hits)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def stored(request, tmp_path_factory):
    """A database with the articles of the data, made once for all queries."""
    from monitor.store.engine import open_engine
    from monitor.store.migrate import upgrade

    def filled(url):
        engine = open_engine(url)
        upgrade(engine)
        sessions = make_sessions(engine)
        store(sessions)
        group_new(sessions)
        return engine, sessions

    if request.param == "sqlite":
        folder = tmp_path_factory.mktemp("search")
        engine, sessions = filled(f"sqlite:///{folder}/monitor.db")
        yield sessions
        engine.dispose()
        return
    with request.getfixturevalue("postgres").database() as url:
        engine, sessions = filled(url)
        yield sessions
        engine.dispose()


def names(sessions, found):
    """Return the names of the articles found, in their order."""
    with sessions.begin() as session:
        rows = session.execute(select(ArticleRow.id, ArticleRow.url))
        urls = {row.id: row.url.rpartition("/")[2] for row in rows}
    return [urls[it.article] for it in found]


def pieces(text):
    """Return what a query is asked of: an article with each of its hits, or with none."""
    known = ("company", "topic", "stage", "regulator", "amount", "currency", "score")
    facts = [HitFacts(**{name: hit.get(name) for name in known}) for hit in text.get("hits", ())]
    of_article = (text["title"], text.get("summary", ""), text["feed"], text.get("language"), NOW)
    return [Piece(*of_article, hit) for hit in facts or [None]]


@pytest.mark.parametrize("case", QUERIES, ids=lambda case: case["query"])
def test_a_query_finds(stored, case):
    """A query finds exactly the articles the table says, the newest first, on each database."""
    with stored.begin() as session:
        found = list(find(session, parse(case["query"], now=LATER), "article"))

    order = [text["name"] for text in TEXTS][::-1]
    assert names(stored, found) == sorted(case["finds"], key=order.index)


@pytest.mark.parametrize("case", QUERIES, ids=lambda case: case["query"])
def test_a_text_answers(case):
    """The pure function, which filters and rules use, says the same of each text."""
    query = parse(case["query"], now=LATER)
    found = [text["name"] for text in TEXTS if any(matches(query, it) for it in pieces(text))]

    assert sorted(found) == sorted(case["finds"])


@pytest.mark.parametrize("case", QUERIES, ids=lambda case: case["query"])
def test_hits_and_stories_of_a_query(stored, case):
    """Those hits are listed that answer with their article, and the stories they are in."""
    query = parse(case["query"], now=LATER)
    wanted = {
        (text["name"], piece.hit.company, piece.hit.topic)
        for text in TEXTS
        for piece in pieces(text)
        if piece.hit and matches(query, piece)
    }
    with stored.begin() as session:
        hits = list(answers(session, HITS, query, Filter()))
        stories = list(answers(session, STORIES, query, Filter()))

    listed = {(hit["url"].rpartition("/")[2], hit["company"], hit["topic"]) for hit in hits}
    assert (listed, len(hits)) == (wanted, len(wanted))
    assert sorted(it["story_id"] for it in stories) == sorted({it["story_id"] for it in hits})


@pytest.mark.parametrize("case", QUERIES[:40], ids=lambda case: case["query"])
def test_what_is_not_indexed_is_found(sessions, case):
    """While an older database is filled, a search finds all the same what is not in the index."""
    store(sessions)
    with sessions.begin() as session:
        index.empty(session)
        index.fill(session, limit=6)
        session.execute(update(ArticleRow).where(ArticleRow.id == 1).values(indexed=index.UNFIT))
    with sessions.begin() as session:
        found = list(find(session, parse(case["query"], now=LATER), "article"))

    order = [text["name"] for text in TEXTS][::-1]
    assert names(sessions, found) == sorted(case["finds"], key=order.index)


WORDS = [
    "fine",
    "Fine",
    "acme",
    "ipo",
    "罚款",
    "罰",
    "反垄断",
    "垄断",
    "a",
    "，",
    ". ",
    "\n",
    " ",
    "-",
]
TEXT = st.lists(st.sampled_from(WORDS), max_size=8).map("".join)
TERM = st.sampled_from(["fine", "acme", "ipo", "罚款", "罚", "反垄断", '"a ipo"', "fi*", "断ipo"])


def wider(inner):
    pairs = st.tuples(inner, inner)
    return st.one_of(
        pairs.map("{0[0]} {0[1]}".format),
        pairs.map("({0[0]} OR {0[1]})".format),
        inner.map("NOT {}".format),
        inner.map("-({})".format),
        st.tuples(TERM, TERM).map("{0[0]} NEAR/2 {0[1]}".format),
        pairs.map("SENTENCE({0[0]} {0[1]})".format),
    )


QUERY = st.recursive(TERM, wider, max_leaves=5)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=5), st.lists(QUERY, max_size=5))
def test_index_and_text_agree(texts, queries):
    """Whatever the texts and the query, a search finds those that answer, no more and no fewer."""
    engine = in_memory()
    sessions = make_sessions(engine)
    [feed] = claim(sessions, "a")
    for number, (title, summary) in enumerate(texts):
        put(sessions, feed, [entry(f"g{number}", None, title or "-", summary)])
    with sessions.begin() as session:
        for words in queries:
            query = parse(words, now=LATER)
            wanted = {
                (row.title, row.summary)
                for row in session.scalars(select(ArticleRow))
                if matches(query, Piece(row.title, row.summary, "a", None, NOW))
            }
            found = find(session, query, "article")
            assert {(it.piece.title, it.piece.summary) for it in found} == wanted, words
    engine.dispose()


def many(sessions, number, title="Acme fined {}"):
    [feed] = claim(sessions, "a")
    put(
        sessions,
        feed,
        [entry(f"g{at}", f"https://a.example/{at}", title.format(at)) for at in range(number)],
        lambda _: [match(), match("ipo")],
    )


@pytest.mark.parametrize("query", ["acme", "NOT brook", "company:acme", "acme OR company:acme"])
def test_many_answers_come_page_by_page_each_once(sessions, query):
    """All answers are given however many pages they fill, in one order, none twice."""
    many(sessions, 700)
    with sessions.begin() as session:
        articles = [it.article for it in find(session, parse(query, now=LATER), "article")]
        hits = [it.hit for it in find(session, parse(query, now=LATER), "hit")]

    assert articles == sorted(set(articles), reverse=True)
    assert (len(articles), len(hits), len(set(hits))) == (700, 1400, 1400)


def test_a_withdrawn_hit_answers_nothing(sessions):
    """What the rules no longer find is in no answer, nor is a field of it."""
    many(sessions, 1)
    with sessions.begin() as session:
        session.execute(update(HitRow).values(withdrawn_at=NOW))
    with sessions.begin() as session:
        asked = [
            list(find(session, parse(query, now=LATER), kind))
            for query, kind in (("acme", "hit"), ("company:acme", "article"))
        ]
        found = list(find(session, parse("acme NOT company:acme", now=LATER), "article"))

    assert (asked, len(found)) == ([[], []], 1)


def test_options_limit_a_search(sessions):
    """What the other options say holds for the answers too, and the limit counts those left."""
    many(sessions, 300)
    later = datetime(2026, 12, 1, tzinfo=UTC)
    query = parse("acme", now=LATER)
    with sessions.begin() as session:

        def listed(listing, **wanted):
            return [
                it[listing.order[1]] for it in answers(session, listing, query, Filter(**wanted))
            ]

        assert len(listed(HITS, topic="ipo", limit=250)) == 250
        assert len(listed(HITS, min_score=0.95)) == 0
        assert len(listed(ARTICLES, topic="ipo")) == 300
        assert listed(ARTICLES, since=later) == listed(HITS, since=later) == []
        assert len(listed(HITS, until=later, company="acme", stage="fine")) == 0
        assert len(listed(ARTICLES, limit=1)) == 1


def test_the_best_come_first(stored):
    """Ranked, an article with more of what is looked for, or in its title, precedes newer ones."""
    query = parse("fine OR probe OR 罚款", now=LATER)
    with stored.begin() as session:
        ranked = best(session, query, "article", limit=3)

    assert names(stored, ranked) == ["probe-en", "repeated", "no-hit-en"]
