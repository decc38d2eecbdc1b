"""OPML: lists of other programs come in with every line accounted for, and go out whole."""

import xml.etree.ElementTree as ET
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import InputError
from monitor.feeds.opml import MAX_BYTES, read, write
from monitor.model import Feed, Page

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
LIST = """<?xml version="1.0" encoding="UTF-8"?>

<opml version="1.0"><head><title>Mine</title></head><body>
<outline text="Regulators"><outline title="China">
  <outline type="rss" text="市场 &amp; 监管" xmlUrl=" https://a.example/rss&#10;?x=1&amp;y=2 "/>
</outline>
  <outline type="atom" text="o" title="New name" XMLURL="feed:https://b.example/" isComment="true"/>
</outline>
<outline text="top" type="rss" url="feed://c.example/rss"/>
<outline text="no address" type="rss"/>
<outline text="a page" type="link" url="https://d.example/"/>
<outline text="empty"></outline>
</body></opml>
"""


def test_what_a_list_holds():
    """Feeds come with name, folders and whether they are on; the rest is named with its line."""
    found = read(LIST.encode())

    assert [(it.line, it.url, it.name, it.folders, it.enabled) for it in found.feeds] == [
        (5, "https://a.example/rss?x=1&y=2", "市场 & 监管", ("Regulators", "China"), True),
        (7, "https://b.example/", "New name", ("Regulators",), False),
        (9, "http://c.example/rss", "top", (), True),
    ]
    assert found.mistakes == [(10, '"no address" has no address (xmlUrl)')]
    assert found.left_out == [
        (11, '"a page" is of type link, no feed'),
        (12, '"empty" is neither a feed nor a folder with feeds'),
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "line 1: not well-formed XML: no element found"),
        (b"<rss version='2.0'/>", "line 1: no OPML: the document is <rss>"),
        (b"\n\n<opml>\n<body>\n<outline xmlUrl='https://a/?x&y'/>", "line 5: not well-formed XML"),
        (
            b'<?xml version="1.0"?>\n<!DOCTYPE opml [<!ENTITY a SYSTEM "file:///etc/passwd">]><opml/>',
            "line 2: a document type, which is not read",
        ),
        (b" " * (MAX_BYTES + 1), "more than 10,000,000 bytes"),
    ],
)
def test_no_list(content, reason):
    """What cannot be read is refused, with the line and the reason, and nothing is fetched."""
    with pytest.raises(InputError) as refused:
        read(content)

    assert str(refused.value).startswith(reason)


def test_charset():
    """A list in another charset is read in it."""
    text = LIST.replace("UTF-8", "GB2312").encode("gb18030")

    assert read(text).feeds[0].name == "市场 & 监管"


def test_deep_folders():
    """Folders nested without end cost nothing but their lines."""
    deep = b"<opml>" + b"<outline text='f'>" * 50_000 + b"</outline>" * 50_000 + b"</opml>"

    assert [len(part) for part in (read(deep).feeds, read(deep).left_out)] == [0, 1]


def test_written_list():
    """A list says what programs look for, of feeds on and off; a page is no feed to others."""
    feeds = [
        Feed("a", "https://a.example/?x=1&y=2", "A & B", language="zh-Hans"),
        Feed("b", "https://b.example/", "B", enabled=False),
        Feed("c", "https://c.example/", "C", page=Page("li")),
    ]

    text = write(feeds, now=NOW)

    root = ET.fromstring(text)  # noqa: S314 - our own
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<opml version="2.0">')
    assert root.findtext("head/dateCreated") == "Mon, 23 Nov 2026 08:00:00 +0000"
    assert [dict(outline.attrib) for outline in root.iter("outline")] == [
        {
            "text": "A & B",
            "title": "A & B",
            "type": "rss",
            "xmlUrl": "https://a.example/?x=1&y=2",
            "language": "zh-Hans",
        },
        {
            "text": "B",
            "title": "B",
            "type": "rss",
            "xmlUrl": "https://b.example/",
            "isComment": "true",
        },
        {"text": "C", "title": "C", "type": "link", "url": "https://c.example/"},
    ]


@given(
    st.lists(
        st.tuples(
            st.text(min_size=1, max_size=30).filter(lambda name: name.strip()), st.booleans()
        ),
        max_size=5,
    )
)
def test_there_and_back(feeds):
    """Whatever its name, a feed that goes out comes back with its address, its state and a name."""
    sent = [
        Feed(f"f{number}", f"https://{number}.example/", name, enabled=enabled)
        for number, (name, enabled) in enumerate(feeds)
    ]

    back = read(write(sent, now=NOW).encode())

    assert [(it.url, it.enabled) for it in back.feeds] == [(it.url, it.enabled) for it in sent]
    assert (back.mistakes, back.left_out) == ([], [])
