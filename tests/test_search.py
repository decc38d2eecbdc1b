"""Searching: what a query finds, on both databases and by the pure function alike."""

from collections import deque
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
from monitor.pipeline.sieve import Sieve, of_hit
from monitor.query import HitFacts, Piece, Together, matches, parse, parts
from monitor.store import due, index
from monitor.store import schema as t
from monitor.store.answers import answers
from monitor.store.queries import ARTICLES, HITS, STORIES, Filter
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


def store(engine, texts=TEXTS):
    """Store the articles in their order, each feed's as one poll after another."""
    feeds = {it.key: it for it in claim(engine, *dict.fromkeys(text["feed"] for text in texts))}
    for text in texts:
        link = f"https://example.org/{text['name']}"
        new = entry(text["name"], link, text["title"], text.get("summary", ""))
        new = new._replace(language=text.get("language"))
        hits = [matched(hit) for hit in text.get("hits", ())]
        put(engine, feeds[text["feed"]], [new], lambda _, hits=hits: hits)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def stored(request, tmp_path_factory):
    """A database with the articles of the data, made once for all queries."""
    from monitor.store.engine import open_engine
    from monitor.store.migrate import upgrade

    def filled(url):
        engine = open_engine(url)
        upgrade(engine)
        store(engine)
        group_new(engine)
        return engine

    if request.param == "sqlite":
        folder = tmp_path_factory.mktemp("search")
        engine = filled(f"sqlite:///{folder}/monitor.db")
        yield engine
        engine.dispose()
        return
    with request.getfixturevalue("postgres").database() as url:
        engine = filled(url)
        yield engine
        engine.dispose()


def names(engine, found):
    """Return the names of the articles found, in their order."""
    with engine.begin() as connection:
        rows = connection.execute(select(t.articles.c.id, t.articles.c.url))
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
    with stored.begin() as connection:
        found = list(find(connection, parse(case["query"], now=LATER), "article"))

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
    with stored.begin() as connection:
        hits = list(answers(connection, HITS, query, Filter()))
        stories = list(answers(connection, STORIES, query, Filter()))

    listed = {(hit["url"].rpartition("/")[2], hit["company"], hit["topic"]) for hit in hits}
    assert (listed, len(hits)) == (wanted, len(wanted))
    assert sorted(it["story_id"] for it in stories) == sorted({it["story_id"] for it in hits})


def test_filters_let_through_what_a_search_finds(stored):
    """Many filters that are decided together, by their parts, say what each says by itself."""
    filters = [case["query"] for case in QUERIES if "since:" not in case["query"]]
    filters = [query for query in filters if "until:" not in query]
    assert len(filters) > 50
    with stored.begin() as connection:
        hits = list(due.open_hits(connection, since=NOW - timedelta(days=1)))
        wanted = {
            query: {
                it.hit
                for it in find(connection, parse(query, now=LATER), "hit")
                if it.hit in {hit.id for _, hit in hits}
            }
            for query in filters
        }
    assert len(hits) > 5

    sieve = Sieve(stored, [of_hit(*hit) for hit in hits], deque(filters[10:]))

    assert {query: {hits[at][1].id for at in sieve.through(query)} for query in filters} == wanted
    assert any(wanted.values())
    assert not all(wanted.values())


def test_a_sieve_without_hits(engine):
    """Lets nothing through, whatever it is asked."""
    sieve = Sieve(engine, [], deque())

    assert list(sieve.through("NOT fine OR fine OR company:a")) == []


@pytest.mark.parametrize("case", QUERIES[:40], ids=lambda case: case["query"])
def test_what_is_not_indexed_is_found(engine, case):
    """While an older database is filled, a search finds all the same what is not in the index."""
    store(engine)
    with engine.begin() as connection:
        index.empty(connection)
        index.fill(connection, limit=6)
        connection.execute(
            update(t.articles).where(t.articles.c.id == 1).values(indexed=index.UNFIT)
        )
    with engine.begin() as connection:
        found = list(find(connection, parse(case["query"], now=LATER), "article"))

    order = [text["name"] for text in TEXTS][::-1]
    assert names(engine, found) == sorted(case["finds"], key=order.index)


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


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=5), st.lists(QUERY, max_size=5))
def test_index_and_text_agree(texts, queries):
    """Whatever the texts and the query, a search finds those that answer, no more and no fewer."""
    engine = in_memory()
    [feed] = claim(engine, "a")
    for number, (title, summary) in enumerate(texts):
        put(engine, feed, [entry(f"g{number}", None, title or "-", summary)])
    with engine.begin() as connection:
        for words in queries:
            query = parse(words, now=LATER)
            wanted = {
                (row.title, row.summary)
                for row in connection.execute(select(t.articles))
                if matches(query, Piece(row.title, row.summary, "a", None, NOW))
            }
            found = find(connection, query, "article")
            assert {(it.piece.title, it.piece.summary) for it in found} == wanted, words
    engine.dispose()


def many(engine, number, title="Acme fined {}"):
    [feed] = claim(engine, "a")
    put(
        engine,
        feed,
        [entry(f"g{at}", f"https://a.example/{at}", title.format(at)) for at in range(number)],
        lambda _: [match(), match("ipo")],
    )


@pytest.mark.parametrize("query", ["acme", "NOT brook", "company:acme", "acme OR company:acme"])
def test_many_answers_come_page_by_page_each_once(engine, query):
    """All answers are given however many pages they fill, in one order, none twice."""
    many(engine, 700)
    with engine.begin() as connection:
        articles = [it.article for it in find(connection, parse(query, now=LATER), "article")]
        hits = [it.hit for it in find(connection, parse(query, now=LATER), "hit")]

    assert articles == sorted(set(articles), reverse=True)
    assert (len(articles), len(hits), len(set(hits))) == (700, 1400, 1400)


def test_a_withdrawn_hit_answers_nothing(engine):
    """What the rules no longer find is in no answer, nor is a field of it."""
    many(engine, 1)
    with engine.begin() as connection:
        connection.execute(update(t.hits).values(withdrawn_at=NOW))
    with engine.begin() as connection:
        asked = [
            list(find(connection, parse(query, now=LATER), kind))
            for query, kind in (("acme", "hit"), ("company:acme", "article"))
        ]
        found = list(find(connection, parse("acme NOT company:acme", now=LATER), "article"))

    assert (asked, len(found)) == ([[], []], 1)


def test_options_limit_a_search(engine):
    """What the other options say holds for the answers too, and the limit counts those left."""
    many(engine, 300)
    later = datetime(2026, 12, 1, tzinfo=UTC)
    query = parse("acme", now=LATER)
    with engine.begin() as connection:

        def listed(listing, **wanted):
            return [
                it[listing.order[1]] for it in answers(connection, listing, query, Filter(**wanted))
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
    with stored.begin() as connection:
        ranked = best(connection, query, "article", limit=3).found

    assert names(stored, ranked) == ["probe-en", "repeated", "no-hit-en"]


HAN_IN_A_ROW = st.sampled_from(['"罚款 反垄断"', '"垄断，罚"', '"罚 fine 款"', '"fi fine*"'])
TEXTS_OF_WORDS = st.lists(st.sampled_from([*WORDS, "_", "、", "x"]), max_size=10).map("".join)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(TEXTS_OF_WORDS, TEXTS_OF_WORDS), max_size=4),
    st.lists(st.one_of(QUERY, HAN_IN_A_ROW), min_size=1, max_size=6),
)
def test_many_are_decided_as_one_is(texts, queries):
    """Parts that are asked together have the answers that each would have alone."""
    nodes = [part for query in queries for part in parts(parse(query, now=LATER))]
    together = Together(nodes)
    for title, summary in texts:
        piece = Piece(title, summary, "a", None, NOW)
        alone = [at for at, node in enumerate(nodes) if matches(node, piece)]
        assert sorted(together.answered(piece)) == alone
