"""Prints: what was not read again is what reading it again would have given."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, delete, select, update
from sqlalchemy.pool import StaticPool
from stored import OLD, in_memory

from monitor.feeds import prints
from monitor.feeds.manners import Pace
from monitor.feeds.parse.document import parse
from monitor.identity import identity
from monitor.model import Answer, Entry, Feed
from monitor.pipeline.matches import LateDetector
from monitor.pipeline.poll import PollStep
from monitor.store import feeds, index
from monitor.store import schema as t

URL = "https://news.example/feed"
WORDS = (
    st.sampled_from(["Acme fined in antitrust probe", "Rain", "Brook plans IPO", "\u65e5\u672c"]),
    # An end tag is one only to a reader of XML.
    st.sampled_from(["", "One.", "Two.", "<![CDATA[</item><item>]]>", "<!-- </item> -->", "<!--"]),
    st.sampled_from(["", "Mon, 23 Nov 2026 08:00:00 GMT", "Mon, 23 Nov 2037 08:00:00 GMT"]),
)
GUIDS = st.sampled_from(["", *"12345", "https://news.example/a"])
LINKS = st.sampled_from(["", *(f"https://news.example/{name}" for name in "abcde")])
SHARING = st.lists(st.tuples(GUIDS, LINKS, *WORDS), max_size=6)
DISTINCT = st.lists(
    st.tuples(GUIDS, LINKS, *WORDS).filter(lambda entry: entry[0] or entry[1]),
    max_size=6,
    unique_by=(
        lambda entry: entry[0] or ("no guid", entry[1]),
        lambda entry: entry[1] or ("no link", entry[0]),
    ),
)
EDITIONS = st.lists(
    st.tuples(DISTINCT | SHARING, st.sampled_from(["", "", ' xml:lang="zh"'])),
    min_size=2,
    max_size=5,
)


# How a feed is written, and what its server says of that.
FORMS = st.sampled_from(
    [
        ("utf-8", "application/xml"),
        ("utf-8", None),
        ("utf-8", "application/xml; charset=gb18030"),
        ("utf-8-sig", "text/xml; charset=UTF-8"),
        ("gb18030", 'text/xml; charset="gb2312"'),
        ("utf-16", "application/xml"),
        ("iso2022_jp", "text/xml; charset=iso-2022-jp"),
    ]
)


def body(edition):
    entries, root = edition
    items = "".join(
        "<item>"
        + (f'<guid isPermaLink="false">{guid}</guid>' if guid else "")
        + (f"<link>{link}</link>" if link else "")
        + f"<title>{title}</title><description>{summary}</description>"
        + (f"<pubDate>{date}</pubDate>" if date else "")
        + "</item>"
        for guid, link, title, summary, date in entries
    )
    return f'<rss version="2.0"{root}><channel><title>News</title>{items}</channel></rss>'.encode()


@given(editions=EDITIONS, form=FORMS, tail=st.sampled_from(["", "<ttl>60</ttl>", "<!-- x -->"]))
def test_what_is_left_out_is_as_it_was(editions, form, tail):
    """Old entries by their place and new ones as read are together the whole of the feed."""
    charset, header = form

    def read(edition, prints=b""):
        text = body(edition).decode().replace("</channel>", f"{tail}</channel>")
        return parse(text.encode(charset), header, URL, before=prints)

    before = read(editions[0])
    for edition in editions[1:]:
        whole, part = read(edition), read(edition, before.prints)

        assert replace(part, entries=(), shown=None) == replace(whole, entries=())
        if part.shown is None:
            assert part == whole
        else:
            new = iter(part.entries)
            merged = [next(new) if at is None else before.entries[at] for at in part.shown]
            assert tuple(merged) == whole.entries
            old = {name for at in part.shown if at is not None for name in names(before, at)}
            assert old.isdisjoint(name for entry in part.entries for name in names_of(entry))
        assert part.prints == whole.prints
        before = whole


def names(document, at):
    return names_of(document.entries[at])


def names_of(entry):
    mine = identity(entry)
    return [(kind, name) for kind, name in (("guid", mine.guid), ("link", mine.link)) if name]


class Web:
    """Stands in for HTTP: one feed, one body."""

    body = b""

    def fetch_all(self, wanted, **_):
        for feed in iter(iter(wanted).__next__, None):
            yield feed, Answer(200, URL, self.body)


class Reader:
    """Reads in this process, with or without what is known of the entries."""

    def __init__(self, *, uses_prints):
        self.uses_prints = uses_prints
        self.left_out = 0

    def parse_all(self, answers, **_):
        for feed, answer in answers:
            before = feed.prints if self.uses_prints else b""
            document = parse(answer.body, "application/xml", answer.url, before=before)
            shown = document.shown or ()
            self.left_out += len(shown) - shown.count(None)
            yield feed, answer, document


class Clock:
    at = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)

    def now(self):
        return self.at


class Chance:
    def random(self):
        return 0.5


class Service:
    """A service in memory, on one feed."""

    def __init__(self, *, uses_prints):
        self.engine = in_memory(create_engine("sqlite://", poolclass=StaticPool))
        self.engine = self.engine
        self.clock, self.web, self.reader = Clock(), Web(), Reader(uses_prints=uses_prints)
        self.step = PollStep(
            engine=self.engine,
            clock=self.clock,
            fetcher=self.web,
            parser=self.reader,
            lexicon=OLD.fingerprint,
            detector=LateDetector(lambda: OLD),
            pace=Pace(usual=timedelta(minutes=15), longest=timedelta(minutes=15)),
            lease=timedelta(minutes=3),
            chance=Chance(),
        )

    def play(self, editions):
        with self.engine.begin() as connection:
            index.empty(connection)
            for table in reversed(t.metadata.sorted_tables):
                connection.execute(delete(table))
        with self.engine.begin() as connection:
            feeds.sync(connection, [Feed("a", URL, "A")], now=self.clock.now())
        for edition in editions:
            with self.engine.begin() as connection:
                connection.execute(update(t.feeds).values(due_at=self.clock.now()))
            self.web.body = body(edition)
            self.step.poll_due()
        with self.engine.begin() as connection:
            return {
                table.name: sorted(map(repr, connection.execute(select(table))))
                for table in t.metadata.sorted_tables
            }


READS_ALL, READS_NEW = Service(uses_prints=False), Service(uses_prints=True)


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(editions=EDITIONS)
def test_the_store_cannot_tell(editions):
    """Every table is the same, whether old entries are read again or not."""
    assert READS_NEW.play(editions) == READS_ALL.play(editions)


def test_most_of_a_feed_is_left_out():
    """With two new entries of six, four are not read again."""
    entries = [(str(n), "", f"Title {n}", "", "") for n in range(8)]
    editions = [(entries[:6], ""), (entries[2:], "")]
    READS_NEW.reader.left_out = 0

    READS_NEW.play(editions)

    assert READS_NEW.reader.left_out == 4


def test_what_stands_outside_an_entry_counts():
    """The same entry under another language of the feed is read again."""
    one = [("1", "", "Rain", "", "")]
    first, second = parse(body((one, "")), None, URL), body((one, ' xml:lang="zh"'))

    assert parse(second, None, URL, before=first.prints).shown == (None,)


def test_too_many_are_not_kept():
    """A feed of thousands of entries is read whole each time: its prints would fill its row."""
    entries = [Entry(str(n), None, "t", "", None) for n in range(prints.MOST + 1)]
    marks = [str(n).encode().ljust(8) for n in range(prints.MOST + 1)]

    assert prints.NOT_PRINTED.followed_by(marks, entries) is None
    kept = prints.NOT_PRINTED.followed_by(marks[:-1], entries[:-1])
    assert kept is not None
    assert all(one < two for one, two in pairwise(kept.places().values()))
