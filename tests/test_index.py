"""The search index: in step with the texts, whoever stores them, whatever dies on the way."""

import re
from itertools import groupby
from threading import Event

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sqlalchemy import select, text
from test_articles import claim, entry, put

from monitor.pipeline.index import fill_beside
from monitor.store import index
from monitor.store import schema as t
from monitor.text.folding import fold, fold_together
from monitor.text.index import (
    CUT,
    cut,
    cut_some,
    distinct_words,
    index_words,
    ready,
    ready_together,
    uncut,
)
from monitor.text.words import SOLID

HEADLINE = "蚂蚁集团IPO被暂停"


@pytest.fixture
def feed(engine):
    return claim(engine, "a")[0]


def having(engine, word):
    """Return the titles of the articles that the index has for a word, asked as SQL does."""
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            found = "SELECT article_id FROM article_words WHERE words @@ CAST(:w AS tsquery)"
        else:
            found, word = (
                "SELECT rowid FROM article_words WHERE article_words MATCH :w",
                f'"{word}"',
            )
        numbers = connection.scalars(text(found), {"w": word})
        query = select(t.articles.c.title).where(t.articles.c.id.in_(list(numbers)))
        return sorted(connection.scalars(query))


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ((HEADLINE,), "ipo 蚂蚁 蚁集 集团 团 被 被暂 暂停 停"),
        (("螞蟻集團", "罚"), "蚂蚁 蚁集 集团 团 罚"),
        (("Ant Group's U.S. IPO_2",), "ant group s u ipo 2"),
        (("百度（Baidu）“净利”",), "百度 度 净 净利 利 baidu"),
        (("카카오",), "카카 카오 오"),
        (("", "？！"), ""),
        (("a\x00b", "ｆｕｌｌ Ｗｉｄｔｈ"), "ab full width"),
        (("𠮷野家",), "𠮷野 野家 家"),
    ],
)
def test_words(texts, words):
    """Latin words whole, Han by pairs, all folded; ends of a run stand by themselves as well."""
    assert sorted(distinct_words(index_words(*texts))) == sorted(words.split())


@given(st.lists(st.text("aA 反垄断罚, 。\nー카ß", max_size=8) | st.text(max_size=30), max_size=9))
def test_texts_that_are_cut_together_have_their_own_words(texts):
    """Of several texts each has the words that it has by itself, whatever stands beside it."""
    together = cut([ready(title, title[::2]) for title in texts])
    assert [sorted(distinct_words(words)) for words in together] == [
        sorted(distinct_words(index_words(title, title[::2]))) for title in texts
    ]
    for title in texts:
        assert set(distinct_words(index_words(title))) == by_the_letter(fold(title).text)


@given(st.lists(st.text("aA 反垄断罚\t\u0301ﬁ", max_size=6), max_size=9))
def test_texts_that_are_folded_together_have_their_own_words(texts):
    """The words are the same from texts that were folded together; some are left uncut."""
    folded = fold_together(texts)
    assume(folded is not None)
    made = [(it,) for it in ready_together(texts, folded)]
    for each, words in zip(texts, cut_some(made), strict=True):
        assert words is not None or each.isascii()
        found = uncut(each) if words is None else words
        assert sorted(distinct_words(found)) == sorted(distinct_words(index_words(each)))


def by_the_letter(folded):
    """Return the words of a folded text, told one character after the other."""
    runs = ["".join(run) for _, run in groupby(folded, kind)]
    words = set()
    solid = [run for run in runs if kind(run[0]) == "solid"]
    for at, run in enumerate(solid):
        words |= {run[-1], *(run[n : n + 2] for n in range(len(run) - 1))}
        words |= {run[0]} if at else set()  # a pair stands for it where it comes first
    return words | {run for run in runs if kind(run[0]) == "word"}


def kind(char):
    """Return whether a character is of what is cut into pairs, of a word, or of neither."""
    if re.match(f"[{SOLID}]", char):
        return "solid"
    return "word" if char.isalnum() else "neither"


@given(st.text(max_size=60))
def test_texts_that_fold_alike_have_the_same_words(title):
    """Folding is all that the index knows of a text: nothing is found by its typesetting."""
    folded = fold(title).text
    assert set(distinct_words(index_words(title))) == set(distinct_words(index_words(folded)))


def test_a_new_article_is_in_the_index(engine, feed):
    """What a poll stores can be searched at once, in the same transaction."""
    put(engine, feed, [entry("g1", "https://a.example/1", HEADLINE)])

    assert having(engine, "ipo") == having(engine, "暂停") == [HEADLINE]
    assert having(engine, "集i") == []
    with engine.begin() as connection:
        assert connection.scalars(select(t.articles.c.indexed)).all() == [CUT]
        assert index.missing(connection) == 0


def test_a_revised_article_is_found_by_its_present_words(engine, feed):
    """The words that an article lost find it no more; those it got do."""
    first = entry("g1", "https://a.example/1", "Acme fined")
    put(engine, feed, [first])
    put(engine, feed, [first._replace(title="Acme 罚款取消")])

    assert having(engine, "fined") == []
    assert having(engine, "罚款") == having(engine, "acme") == ["Acme 罚款取消"]


def test_a_poll_that_is_rolled_back_leaves_nothing(engine, feed):
    """An article that was not stored is not in the index either."""

    def dies(_):
        raise SystemExit

    with pytest.raises(SystemExit):
        put(engine, feed, [entry("g1", "https://a.example/1", "Acme")], dies)
    put(engine, feed, [entry("g1", "https://a.example/1", "Brook")])
    assert having(engine, "acme") == []


def forgotten(engine, feed, number):
    """Store articles as a program did that had no index."""
    titles = [f"Story {chr(97 + at)}" for at in range(number)]
    put(engine, feed, [entry(it, f"https://a.example/{it}", it) for it in titles])
    with engine.begin() as connection:
        index.empty(connection)
    return titles


def test_an_older_database_is_filled_page_by_page(engine, feed):
    """Articles stored before there was an index get into it, each once, wherever a run ended."""
    titles = forgotten(engine, feed, 5)
    assert having(engine, "story") == []

    with engine.begin() as connection:
        assert (index.fill(connection, limit=2), index.missing(connection)) == (2, 3)
    with engine.connect() as connection:  # as a process that dies in the middle of a page
        index.fill(connection, limit=2)
    assert having(engine, "story") == titles[:2]
    for left in (2, 1, 0):
        with engine.begin() as connection:
            assert index.fill(connection, limit=2) == left

    assert having(engine, "story") == titles


def test_an_article_revised_before_it_was_filled_in(engine, feed):
    """A text that was never in the index is not taken out of it, and not put in twice."""
    [title] = forgotten(engine, feed, 1)
    put(engine, feed, [entry(title, f"https://a.example/{title}", "Acme 上市")])
    with engine.begin() as connection:
        assert index.fill(connection, limit=9) == 0

    assert having(engine, "上市") == ["Acme 上市"]
    assert having(engine, "story") == []


def test_dropped_articles_are_gone(engine, feed):
    """Whoever deletes an article takes it out of the index, and no other."""
    put(
        engine,
        feed,
        [entry(it, f"https://a.example/{it}", it) for it in ("Acme 罚款", "Brook 罚款")],
    )
    with engine.begin() as connection:
        rows = connection.execute(
            select(t.articles.c.id, t.articles.c.title, t.articles.c.summary)
        ).all()
        acme = [row for row in rows if row.title.startswith("Acme")]
        index.drop(connection, [(row.id, index_words(row.title, row.summary)) for row in acme])

    assert having(engine, "罚款") == ["Brook 罚款"]


def test_a_text_no_index_can_hold(engine, feed):
    """A text of a million different words is stored, and marked to be looked through itself."""
    long = " ".join(f"w{number:06}" for number in range(100_000))
    put(engine, feed, [entry("g1", "https://a.example/1", "Acme")._replace(summary=long)])

    fits = engine.dialect.name == "sqlite"
    with engine.begin() as connection:
        assert connection.scalars(select(t.articles.c.indexed)).all() == [
            CUT if fits else index.UNFIT
        ]
        assert index.missing(connection) == 0
    assert having(engine, "w099999") == (["Acme"] if fits else [])


def test_the_index_is_sound(engine, feed):
    """SQLite's own check finds the index whole after additions, revisions and deletions."""
    if engine.dialect.name != "sqlite":
        return
    first = entry("g1", "https://a.example/1", HEADLINE)
    put(engine, feed, [first, entry("g2", "https://a.example/2", "Acme")])
    put(engine, feed, [first._replace(title="Brook 退市")])
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO article_words (article_words) VALUES ('integrity-check')")
        )


def test_the_service_fills_it_beside_other_work(engine, feed):
    """An older database is filled to its end, and a stop ends that after a page at the latest."""
    titles = forgotten(engine, feed, 5)
    stop = Event()
    stop.set()

    assert fill_beside(engine, stop, page=2) == 2
    stop.clear()
    assert fill_beside(engine, stop, page=2) == 3
    assert fill_beside(engine, stop, page=2) == 0
    assert having(engine, "story") == titles
