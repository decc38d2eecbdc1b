"""The search index: in step with the texts, whoever stores them, whatever dies on the way."""

from dataclasses import replace
from threading import Event

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text
from test_articles import claim, entry, put

from monitor.pipeline.index import fill_beside
from monitor.store import index
from monitor.store.schema import ArticleRow
from monitor.text.folding import fold
from monitor.text.index import CUT, distinct_words, index_words

HEADLINE = "蚂蚁集团IPO被暂停"


@pytest.fixture
def feed(sessions):
    return claim(sessions, "a")[0]


def having(sessions, word):
    """Return the titles of the articles that the index has for a word, asked as SQL does."""
    with sessions.begin() as session:
        if session.get_bind().dialect.name == "postgresql":
            found = "SELECT article_id FROM article_words WHERE words @@ CAST(:w AS tsquery)"
        else:
            found, word = (
                "SELECT rowid FROM article_words WHERE article_words MATCH :w",
                f'"{word}"',
            )
        numbers = session.scalars(text(found), {"w": word})
        query = select(ArticleRow.title).where(ArticleRow.id.in_(list(numbers)))
        return sorted(session.scalars(query))


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


@given(st.text(max_size=60))
def test_texts_that_fold_alike_have_the_same_words(title):
    """Folding is all that the index knows of a text: nothing is found by its typesetting."""
    folded = fold(title).text
    assert set(distinct_words(index_words(title))) == set(distinct_words(index_words(folded)))


def test_a_new_article_is_in_the_index(sessions, feed):
    """What a poll stores can be searched at once, in the same transaction."""
    put(sessions, feed, [entry("g1", "https://a.example/1", HEADLINE)])

    assert having(sessions, "ipo") == having(sessions, "暂停") == [HEADLINE]
    assert having(sessions, "集i") == []
    with sessions.begin() as session:
        assert session.scalars(select(ArticleRow.indexed)).all() == [CUT]
        assert index.missing(session) == 0


def test_a_revised_article_is_found_by_its_present_words(sessions, feed):
    """The words that an article lost find it no more; those it got do."""
    first = entry("g1", "https://a.example/1", "Acme fined")
    put(sessions, feed, [first])
    put(sessions, feed, [replace(first, title="Acme 罚款取消")])

    assert having(sessions, "fined") == []
    assert having(sessions, "罚款") == having(sessions, "acme") == ["Acme 罚款取消"]


def test_a_poll_that_is_rolled_back_leaves_nothing(sessions, feed):
    """An article that was not stored is not in the index either."""

    def dies(_):
        raise SystemExit

    with pytest.raises(SystemExit):
        put(sessions, feed, [entry("g1", "https://a.example/1", "Acme")], dies)
    put(sessions, feed, [entry("g1", "https://a.example/1", "Brook")])
    assert having(sessions, "acme") == []


def forgotten(sessions, feed, number):
    """Store articles as a program did that had no index."""
    titles = [f"Story {chr(97 + at)}" for at in range(number)]
    put(sessions, feed, [entry(it, f"https://a.example/{it}", it) for it in titles])
    with sessions.begin() as session:
        index.empty(session)
    return titles


def test_an_older_database_is_filled_page_by_page(sessions, feed):
    """Articles stored before there was an index get into it, each once, wherever a run ended."""
    titles = forgotten(sessions, feed, 5)
    assert having(sessions, "story") == []

    with sessions.begin() as session:
        assert (index.fill(session, limit=2), index.missing(session)) == (2, 3)
    with sessions() as session:  # as a process that dies in the middle of a page
        index.fill(session, limit=2)
    assert having(sessions, "story") == titles[:2]
    for left in (2, 1, 0):
        with sessions.begin() as session:
            assert index.fill(session, limit=2) == left

    assert having(sessions, "story") == titles


def test_an_article_revised_before_it_was_filled_in(sessions, feed):
    """A text that was never in the index is not taken out of it, and not put in twice."""
    [title] = forgotten(sessions, feed, 1)
    put(sessions, feed, [replace(entry(title, f"https://a.example/{title}", "Acme 上市"))])
    with sessions.begin() as session:
        assert index.fill(session, limit=9) == 0

    assert having(sessions, "上市") == ["Acme 上市"]
    assert having(sessions, "story") == []


def test_dropped_articles_are_gone(sessions, feed):
    """Whoever deletes an article takes it out of the index, and no other."""
    put(
        sessions,
        feed,
        [entry(it, f"https://a.example/{it}", it) for it in ("Acme 罚款", "Brook 罚款")],
    )
    with sessions.begin() as session:
        rows = session.execute(select(ArticleRow.id, ArticleRow.title, ArticleRow.summary)).all()
        acme = [row for row in rows if row.title.startswith("Acme")]
        index.drop(session, [(row.id, index_words(row.title, row.summary)) for row in acme])

    assert having(sessions, "罚款") == ["Brook 罚款"]


def test_a_text_no_index_can_hold(sessions, feed):
    """A text of a million different words is stored, and marked to be looked through itself."""
    long = " ".join(f"w{number:06}" for number in range(100_000))
    put(sessions, feed, [replace(entry("g1", "https://a.example/1", "Acme"), summary=long)])

    fits = sessions.kw["bind"].dialect.name == "sqlite"
    with sessions.begin() as session:
        assert session.scalars(select(ArticleRow.indexed)).all() == [CUT if fits else index.UNFIT]
        assert index.missing(session) == 0
    assert having(sessions, "w099999") == (["Acme"] if fits else [])


def test_the_index_is_sound(sessions, feed):
    """SQLite's own check finds the index whole after additions, revisions and deletions."""
    if sessions.kw["bind"].dialect.name != "sqlite":
        return
    first = entry("g1", "https://a.example/1", HEADLINE)
    put(sessions, feed, [first, entry("g2", "https://a.example/2", "Acme")])
    put(sessions, feed, [replace(first, title="Brook 退市")])
    with sessions.begin() as session:
        session.execute(
            text("INSERT INTO article_words (article_words) VALUES ('integrity-check')")
        )


def test_the_service_fills_it_beside_other_work(sessions, feed):
    """An older database is filled to its end, and a stop ends that after a page at the latest."""
    titles = forgotten(sessions, feed, 5)
    stop = Event()
    stop.set()

    assert fill_beside(sessions, stop, page=2) == 2
    stop.clear()
    assert fill_beside(sessions, stop, page=2) == 3
    assert fill_beside(sessions, stop, page=2) == 0
    assert having(sessions, "story") == titles
