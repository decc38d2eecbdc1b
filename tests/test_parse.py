"""Parsing: every entry that can be read, in plain text, whatever stands beside it.

Cases live in data/feeds/entries.yaml; what children must survive is made here.
"""

import os
import pickle
import resource
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import pytest
import yaml

from monitor.errors import ParseError
from monitor.feeds.parse import pipes
from monitor.feeds.parse.children import BoundedParser
from monitor.feeds.parse.document import parse
from monitor.feeds.parse.entries import MAX_FIELD_LENGTH
from monitor.model import Answer, Document, FeedToPoll

CASES = yaml.safe_load(
    Path(__file__).with_name("data").joinpath("feeds", "entries.yaml").read_text("utf-8")
)
URL = "https://feeds.example/news/rss.xml"
GOOD = "<item><title>Good</title><link>https://news.example/good</link></item>"


def rss(*items):
    body = "".join(items)
    return (
        '<?xml version="1.0"?><rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/'
        f'content/"><channel><title>Feed</title><language>en-GB</language>{body}</channel></rss>'
    ).encode()


def atom(*entries):
    return (
        f'<feed xmlns="http://www.w3.org/2005/Atom"><title>Feed</title>{"".join(entries)}</feed>'
    ).encode()


def read(body):
    return parse(body, "application/xml", URL)


def titles(document):
    return [entry.title for entry in document.entries]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_entry(case):
    """An entry gives exactly the fields the table says, and never costs its neighbour."""
    if "rss" in case:
        document = read(rss(f"<item>{case['rss']}</item>", GOOD))
    else:
        document = read(atom(f"<entry>{case['atom']}</entry>", GOOD.replace("item", "entry")))

    *entries, _good = document.entries
    if case["out"] is None:
        assert entries == []
        assert document.rejected == ("entry 1: no title, text, link or id",)
    else:
        [entry] = entries
        expected = dict(case["out"])
        if isinstance(expected.get("published_at"), datetime):
            expected["published_at"] = expected["published_at"].astimezone(UTC)
        assert {name: getattr(entry, name) for name in expected} == expected
        assert document.rejected == ()


def test_document():
    """The feed's own title and language come along; a clean feed has no flaws."""
    document = read(rss(GOOD, GOOD))

    assert (document.title, document.language) == ("Feed", "en-GB")
    assert (document.flaws, document.charset, len(document.entries)) == ((), "utf-8", 2)


@pytest.mark.parametrize("body", [rss(), atom(), b"<rss version='2.0'><channel/></rss>"])
def test_empty_feed(body):
    """A feed without entries is a feed, not a failure."""
    assert read(body).entries == ()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty body"),
        (b" \n\xef\xbb\xbf ", "empty body"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "a web page"),
        (b"<html><head><title>Not found</title></head></html>", "a web page"),
        (b'{"version": "https://jsonfeed.org/version/1.1"}', "JSON"),
        (b"[]", "JSON"),
        (b"Service unavailable", "no markup"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "neither RSS nor Atom"),
        (b"<rss version='2.0'><channel><title>Cut", "not well-formed"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "no feed"),
    ],
)
def test_no_feed(body, reason):
    """What is no feed fails, and the reason says what it was."""
    with pytest.raises(ParseError, match=reason):
        read(body)


@pytest.mark.parametrize(
    "broken",
    [
        "<item><title>Mergers & fines</title></item>",
        "<item><title>Odd &nosuch; entity</title></item>",
        "<item><title>Open <b>tag</title></item>",
        "<item><title>Low \x01 control</title></item>",
        "<item><title><![CDATA[<!h<!h<!h<]]></title><description>d</description></item>",
        "<item><description><![CDATA[<!h<!h<!h<]]></description></item>",
        "<item><title>Huge &#99999999999999; reference</title></item>",
        "<item><title>Lone &#xD800; surrogate</title></item>",
        "<item><title>No such &#x110000; character</title></item>",
        "<item><title>Odd place</title><gml:pos xmlns:gml='http://www.opengis.net/gml'>1</gml:pos></item>",
        "<item><title>Long author & fast</title><author>" + "a." * 60_000 + "</author></item>",
        "<item><title>Bad date</title><pubDate>Mon, 99 Foo 99999 99:99:99 +9999</pubDate></item>",
    ],
)
def test_broken_entry(broken):
    """An entry that breaks the document or its reader never costs the others."""
    document = read(rss(GOOD, broken, GOOD.replace("Good", "Also good")))

    assert {"Good", "Also good"} <= set(titles(document))
    for entry in document.entries:
        f"{entry.title}{entry.summary}".encode()


def test_forbidden_references():
    """References to characters that XML forbids cost nothing else, in no field, and are told."""
    bad = "&#0;&#x1b;&#xFFFF;&#55357;&#x110000;&#99999999999999999999;"
    item = (
        f"<item><title>Fine{bad}</title><link>https://n.example/{bad}</link>"
        f"<guid>g{bad}</guid><description><![CDATA[<p>For {bad}all]]></description>"
        f"<source url='https://w.example'>W{bad}</source></item>"
    )

    document = read(rss(GOOD, item).replace(b"<title>Feed", f"<title>Feed{bad}".encode()))

    first, entry = document.entries
    assert (first.title, entry.title) == ("Good", "Fine")
    assert document.flaws == ("references dropped to characters that XML forbids",)
    for text in (document.title, entry.guid, entry.link, entry.summary, entry.publisher):
        assert "\0" not in text
        assert "\x1b" not in text
        text.encode()


def test_halves_of_a_character():
    """Two references to the halves of one character, as some programs write it, are that one."""
    [entry] = read(rss("<item><title>Up &#xD83D;&#xDCC8; and &#128200;</title></item>")).entries
    assert entry.title == "Up 📈 and 📈"


def test_cut_document():
    """What arrived of a document that was cut short is read, and the cut is on record."""
    body = rss(GOOD, GOOD.replace("Good", "Second"))[:-60]

    document = read(body)

    assert "Good" in titles(document)
    assert "not well-formed" in document.flaws[0]


def test_long_field():
    """A field beyond the cap is cut, and that is on record."""
    long = "x" * (MAX_FIELD_LENGTH + 1)

    document = read(rss(f"<item><title>t</title><description>{long}</description></item>"))

    assert len(document.entries[0].summary) == MAX_FIELD_LENGTH
    assert document.flaws == ("a summary of more than 100,000 characters was cut",)


def test_charset_is_told():
    """A feed in another charset comes out in the right characters."""
    body = rss("<item><title>监管部门作出处罚</title></item>").decode().encode("gb18030")

    document = parse(body, "text/xml; charset=gb2312", URL)

    assert (titles(document), document.charset) == (["监管部门作出处罚"], "gb18030")


BILLION = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))


def test_entity_bomb():
    """Entities defined by the feed are not expanded without end."""
    bomb = f'<!DOCTYPE rss [<!ENTITY a0 "ha">{BILLION}]>'.encode()

    document = read(bomb + rss("<item><title>&a9;</title></item>", GOOD)[21:])

    assert "Good" in titles(document)
    assert all(len(entry.title) < 1000 for entry in document.entries)


def test_external_entity(tmp_path):
    """No file is read and no address asked because a feed says so."""
    secret = tmp_path / "secret"
    secret.write_text("TOP-SECRET", "utf-8")
    head = f'<!DOCTYPE rss [<!ENTITY x SYSTEM "file://{secret}">]>'.encode()

    document = read(head + rss("<item><title>t &x;</title></item>", GOOD)[21:])

    assert "TOP-SECRET" not in repr(document)
    assert "Good" in titles(document)


# --- in children -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def parser():
    with BoundedParser(workers=2, timeout=timedelta(seconds=4), memory_bytes=1 << 30) as running:
        yield running


def job(body, number=1):
    feed = FeedToPoll(number, f"feed-{number}", URL, "Feed", None, None, None, None, None, None, 0)
    return feed, Answer(200, URL, body, "application/xml")


def nested(count):
    return rss(f"<item><title>t</title><x>{'<a>' * count}{'</a>' * count}</x></item>")


GOOD_FEED = rss(GOOD)
# Each of these tags takes feedparser 9 us on a usual machine: 15 s in all, and 500 MB. A document
# of more than 4 MB would be read by itself.
HANGING = rss("<item><title>t</title>" + "<a" * 1_800_000).replace(b"<rss", b"<!DOCTYPE rss><rss")
HOSTILE = {
    "hanging": HANGING,
    "deep nesting": rss(f"<item><title>t</title>{'<a>' * 200_000}{'</a>' * 200_000}</item>"),
    "deep nesting without an end": rss("<item><title>t</title>" + "<a>" * 200_000),
    "deep nesting in a summary": rss(f"<item><description>{'<i>' * 200_000}</description></item>"),
    "open declarations": rss(f"<item><title>t</title><x>{'<!h' * 100_000}</x></item>"),
    "too many entries": rss("<item/>" * 300_000),
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile(parser, body):
    """Input made to keep a reader busy ends within its limit, and costs no other feed."""
    jobs = [job(body, 0), *(job(GOOD_FEED, number) for number in range(1, 9))]

    outcomes = {feed.id: outcome for feed, _, outcome in parser.parse_all(jobs)}

    assert isinstance(outcomes.pop(0), ParseError | Document)
    assert sorted(outcomes) == list(range(1, 9))
    assert all(titles(document) == ["Good"] for document in outcomes.values())


def test_hanging(parser):
    """While one feed hangs the others come out; then it is told why it failed."""
    jobs = [job(HANGING, 0), *(job(GOOD_FEED, number) for number in range(1, 20))]

    *others, last = parser.parse_all(jobs)

    assert sorted(feed.id for feed, _, _ in others) == list(range(1, 20))
    assert last[0].id == 0
    assert str(last[2]) == "reading took longer than 4 s"


def test_memory():
    """A feed that takes too much memory fails alone; the same child reads the next."""
    with BoundedParser(workers=1, timeout=timedelta(seconds=20), memory_bytes=8_000_000) as small:
        with pytest.raises(ParseError, match="8,000,000 bytes of memory"):
            small.parse(*job(rss(f"<item><title>{'x' * 20_000_000}</title></item>")))

        assert titles(small.parse(*job(rss(GOOD)))) == ["Good"]


def test_error_crosses(parser):
    """The reason a child gives comes back unchanged."""
    with pytest.raises(ParseError, match=r"^a web page, not a feed$"):
        parser.parse(*job(b"<html>"))


def test_each_gets_its_own():
    """Where a round ends whose feed was handed over ahead, those behind get their own answers."""
    slow = rss("<item><title>t</title>" + "<a" * 50_000).replace(b"<rss", b"<!DOCTYPE rss><rss")
    mine = rss("<item><title>mine</title></item>")
    with BoundedParser(workers=1, timeout=timedelta(seconds=60), memory_bytes=1 << 30) as reader:
        rounds = [
            reader.parse_all(jobs, pulse=timedelta(milliseconds=20))
            for jobs in ([job(slow, 1), job(slow, 2)], [job(GOOD_FEED, 3)], [job(mine, 4)])
        ]
        slowly, dropped, kept = rounds
        assert [next(each) for each in rounds] == [None] * 3  # all wait to be read, in this order
        assert next(filter(None, slowly))[0].id == 1  # now the others are handed over
        dropped.close()
        assert next(filter(None, slowly))[0].id == 2
        feed, _, document = next(filter(None, kept))

    assert feed.id == 4
    assert titles(document) == ["mine"]


@pytest.mark.parametrize("after", [1, 5, 12])
def test_killed_with_feeds_ahead(after):
    """A child that is killed with feeds before it costs none of them, and mixes none up."""
    others = set(children())
    own = {number: rss(f"<item><title>of {number}</title></item>") for number in range(1, 25)}
    with BoundedParser(workers=1, timeout=timedelta(seconds=60), memory_bytes=1 << 30) as reader:
        found = {}
        for feed, _, document in reader.parse_all([job(own[it], it) for it in own]):
            found[feed.id] = titles(document)
            if feed.id == after:  # the same feed twice would be too often
                for child in set(children()) - others:
                    os.kill(child, signal.SIGKILL)

    assert found == {number: [f"of {number}"] for number in own}


def test_lazy(parser):
    """Answers are taken as others are read: a round of thousands is never held at once."""
    taken = []

    def answers():
        for number in range(100):
            taken.append(number)
            yield job(rss(GOOD), number)

    outcomes = parser.parse_all(answers())
    next(outcomes)
    outcomes.close()

    assert len(taken) <= 33


def test_large_feeds_are_read_one_by_one(parser):
    """While a large feed is being read no other is begun, so that their memory does not add up."""
    taken = []

    def answers():
        for number in range(4):
            taken.append(number)
            yield job(rss(GOOD) + b" " * 5_000_000, number)
        yield None  # nothing more at the moment
        yield job(rss(GOOD), 9)

    seen = [(feed.id, len(taken)) for feed, _, _ in parser.parse_all(answers())]

    assert seen == [(0, 1), (1, 2), (2, 3), (3, 4), (9, 4)]


def children():
    """Return the ids of the processes that read feeds for this one."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == os.getpid() and b"parse.child" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return found


def test_killed_children():
    """A child killed from outside, at rest or at work, is replaced."""
    with BoundedParser(workers=2, timeout=timedelta(seconds=20), memory_bytes=1 << 30) as reader:
        assert isinstance(reader.parse(*job(rss(GOOD))), Document)
        for pid in children():
            os.kill(pid, signal.SIGKILL)
        again = [outcome for _, _, outcome in reader.parse_all(job(rss(GOOD), n) for n in range(9))]

    assert [titles(document) for document in again] == [["Good"]] * 9


@contextmanager
def stopped_child(reader):
    """Stop the one child of *reader*, which has read something; give its id."""
    others = children()
    reader.parse(*job(rss(GOOD)))
    (pid,) = set(children()) - set(others)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield pid
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def numbered(numbers):
    return [job(rss(f"<item><title>{n}</title></item>"), n) for n in numbers]


def told(outcomes):
    return [(feed.id, titles(document)) for feed, _, document in outcomes]


def test_who_is_slow_keeps_no_feed_but_one():
    """What a slow child was given ahead is read by another, and its own late answer is dropped."""
    with (
        BoundedParser(workers=2, timeout=timedelta(seconds=30), memory_bytes=1 << 30) as reader,
        ThreadPoolExecutor() as threads,
        stopped_child(reader) as pid,
    ):
        outcomes = reader.parse_all(numbered(range(1, 10)))
        others = told(islice(outcomes, 8))
        slow = threads.submit(list, outcomes)
        os.kill(pid, signal.SIGCONT)
        again = told(reader.parse_all(numbered(range(20, 60))))
        (last,) = told(slow.result(timeout=30))

    assert sorted(others) == [(n, [str(n)]) for n in range(2, 10)]
    assert last == (1, ["1"])
    assert sorted(again) == [(n, [str(n)]) for n in range(20, 60)]


def test_killed_with_one_ahead():
    """A child killed with one feed at work and one handed ahead costs neither."""
    with (
        BoundedParser(workers=1, timeout=timedelta(seconds=30), memory_bytes=1 << 30) as reader,
        ThreadPoolExecutor() as threads,
        stopped_child(reader) as pid,
    ):
        outcomes = threads.submit(list, reader.parse_all(numbered(range(9))))
        time.sleep(0.3)  # until both are in its pipe
        os.kill(pid, signal.SIGKILL)
        read = told(outcomes.result(timeout=30))

    assert sorted(read) == [(n, [str(n)]) for n in range(9)]


def test_feeds_larger_than_the_pipe():
    """Feeds that no pipe holds go through, one after the other, beside small ones."""
    jobs = [job(rss(GOOD) + b" " * (900_000 * (n % 2)), n) for n in range(12)]
    with BoundedParser(workers=1, timeout=timedelta(seconds=30), memory_bytes=1 << 30) as reader:
        read = told(reader.parse_all(jobs))

    assert sorted(read) == [(n, ["Good"]) for n in range(12)]


def test_what_was_handed_ahead_costs_no_other_feed():
    """A child that was slow is done with what was given back before it takes another feed.

    Else neither would take what the other has for it: a long answer here, a large feed there.
    """
    base = f"https://news.example/{'a' * 1900}/"
    entries = "".join(f'<entry><title>{n}</title><link href="{n}"/></entry>' for n in range(1500))
    xml = f'<feed xmlns="http://www.w3.org/2005/Atom" xml:base="{base}">{entries}</feed>'
    one, long = job(rss(GOOD), 1), job(xml.encode(), 2)
    large = job(rss(GOOD) + b" " * 3_000_000, 3)
    read = []

    def answers():
        yield from (one, long)
        while 1 not in read:
            time.sleep(0.01)  # else this thread keeps the others from what they do
            yield None
        yield large

    def read_all(reader):
        for feed, _, document in reader.parse_all(answers()):
            assert isinstance(document, Document)
            read.append(feed.id)

    with (
        ThreadPoolExecutor() as threads,
        BoundedParser(workers=2, timeout=timedelta(seconds=30), memory_bytes=1 << 30) as reader,
        stopped_child(reader) as pid,
    ):
        reading = threads.submit(read_all, reader)
        while not (reader._children[1:] and reader._children[1]._handed):
            time.sleep(0.001)
        (helping,) = set(children()) - {pid}  # it was just given the second feed
        os.kill(helping, signal.SIGSTOP)
        os.kill(pid, signal.SIGCONT)
        deadline = time.monotonic() + 20
        while 3 not in read and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(helping, signal.SIGCONT)
        reading.result(timeout=20)

    assert read == [1, 3, 2]


def test_a_stopped_child_takes_no_large_feed():
    """A child that takes nothing is replaced in time, however much is to be handed over."""
    with (
        ThreadPoolExecutor() as threads,
        BoundedParser(workers=1, timeout=timedelta(seconds=3), memory_bytes=1 << 30) as reader,
        stopped_child(reader),
    ):
        jobs = [job(rss(GOOD) + b" " * 3_000_000, 1), job(rss(GOOD), 2)]
        read = told(threads.submit(list, reader.parse_all(jobs)).result(timeout=30))

    assert sorted(read) == [(1, ["Good"]), (2, ["Good"])]


def test_waiting_at_a_pipe_ends():
    """A child that stops in the middle of an answer, or takes no more of a feed, is not waited for.

    Nor is one that has ended.
    """
    ends = os.pipe()
    with open(ends[0], "rb", 0) as raw, open(ends[1], "wb", 0) as pipe:  # noqa: PTH123 - numbers
        source = pipes.Source(raw)
        pipe.write((100).to_bytes(8, "big") + b"begun")
        with pytest.raises(TimeoutError):
            source.receive(0.1)

        os.set_blocking(pipe.fileno(), False)
        with pytest.raises(TimeoutError):
            pipes.Sink(pipe, 0.1).write(b"." * 5_000_000)

        while raw.read(1 << 16):
            pass
        pipe.close()
        with pytest.raises(EOFError):
            source.receive(10)


def test_answers_that_came_together():
    """A second answer that came with the first is there at once, and so is the end behind it."""
    ends = os.pipe()
    with open(ends[0], "rb", 0) as raw, open(ends[1], "wb", 0) as pipe:  # noqa: PTH123 - numbers
        source = pipes.Source(raw)
        answers = [b"one", b"x" * 50_000, b""]
        pipe.writelines(
            len(answer).to_bytes(8, "big") + answer for answer in map(pickle.dumps, answers)
        )
        pipe.close()

        assert [source.receive(0) for _ in range(2)] == answers[:2]
        assert source.has_more(0)
        assert source.receive(0) == answers[2]
        with pytest.raises(EOFError):
            source.receive(0)


def test_nobody_reads_what_nobody_wants():
    """A feed at which a closed round was is not begun again, and keeps nobody waiting."""
    with (
        ThreadPoolExecutor() as threads,
        BoundedParser(workers=1, timeout=timedelta(seconds=60), memory_bytes=1 << 30) as reader,
    ):
        outcomes = reader.parse_all([job(GOOD_FEED), job(HANGING, 2)])
        next(outcomes)
        time.sleep(0.5)  # until the second is being read
        outcomes.close()
        assert threads.submit(reader.parse, *job(rss(GOOD))).result(timeout=15)


def test_no_process_to_be_had():
    """Where no process can be started a feed fails, and is read once one can be again."""
    usual = resource.getrlimit(resource.RLIMIT_NOFILE)
    with (
        ThreadPoolExecutor() as threads,
        BoundedParser(workers=1, timeout=timedelta(seconds=30), memory_bytes=1 << 30) as reader,
    ):
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, usual[1]))  # no file more
        try:
            asked = threads.submit(reader.parse, *job(rss(GOOD)))
            with pytest.raises(ParseError, match="no process can be started to read it: "):
                asked.result(timeout=20)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, usual)
        assert titles(reader.parse(*job(rss(GOOD)))) == ["Good"]


def test_close_is_quick():
    """Closing from another thread ends children and round at once; closing again does nothing."""
    others = children()
    reader = BoundedParser(workers=1, timeout=timedelta(seconds=60), memory_bytes=1 << 30)
    outcomes = reader.parse_all([job(GOOD_FEED), job(HANGING, 2)])
    next(outcomes)
    with ThreadPoolExecutor() as threads:
        rest = threads.submit(list, outcomes)

        reader.close()
        reader.close()

        assert rest.result(timeout=10) == []
    assert set(children()) <= set(others)
    assert list(reader.parse_all([job(GOOD_FEED)])) == []


PARENT = """
import os, signal, sys, time
from datetime import timedelta
from monitor.feeds.parse.children import BoundedParser
from monitor.model import Answer, FeedToPoll

feed = FeedToPoll(1, "f", "https://f.example/", "F", None, None, None, None, None, None, 0)
hang = b"<!DOCTYPE rss><rss version='2.0'><channel><item><title>t</title>" + b"<a" * 1_800_000
good = b"<rss version='2.0'><channel><item><title>t</title></item></channel></rss>"
jobs = [(feed, Answer(200, feed.url, body)) for body in (good, hang)]
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever the shell gave us
    parser = BoundedParser(workers=2, timeout=timedelta(seconds=2), memory_bytes=1 << 30)
    outcomes = parser.parse_all(jobs)
    next(outcomes)
    time.sleep(0.5)  # until a child is at the other
    try:
        os.kill(*((os.getpid(), signal.SIGKILL) if "kill" in sys.argv else (0, signal.SIGINT)))
        next(outcomes)
    except KeyboardInterrupt:
        parser.close()
        print("stopped")
"""


@pytest.mark.parametrize(("how", "printed"), [("kill", ""), ("interrupt", "stopped\n")])
def test_end_of_the_parent(tmp_path, how, printed):
    """Children outlive neither a killed nor an interrupted parent, and print nothing of it."""
    script = tmp_path / "parent.py"
    script.write_text(PARENT, "utf-8")

    # The output ends only when every process that holds it has ended.
    ended = subprocess.run(
        [sys.executable, script, how],
        capture_output=True,
        text=True,
        timeout=60,
        start_new_session=True,
        check=False,
    )

    assert ended.stdout == printed
    assert "Traceback" not in ended.stderr
