"""Odd feeds without end: documents of every kind we read, damaged in one to five ways, by a number.

    odd = odd_feed(4711)        # the same bytes at every call, on every machine
    odd.body, odd.content_type, odd.kind, odd.damage

A kind of damage is a function of a text (or of bytes) and of chance; add yours to the list.
"""

import json
import random
from dataclasses import dataclass

CHARSETS = (
    *("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-7", "gb2312", "gbk"),
    *("gb18030", "hz", "big5", "big5hkscs", "cp950", "shift_jis", "cp932", "euc_jp", "iso2022_jp"),
    *("euc_kr", "cp949", "johab", "iso2022_kr", "cp1252", "latin-1", "koi8-r", "cp1251", "cp037"),
)
LABELS = (
    *CHARSETS,
    "x-sjis",
    "unicode",
    "none",
    "",
    "utf8mb4",
    "../../etc",
    "\U0001f4a9",
    "a" * 500,
)
TYPES = (
    *("application/rss+xml", "application/atom+xml", "text/xml", "text/html", "application/json"),
    *("text/plain; charset=gbk", "text/xml; charset=utf-8", "text/xml; charset=big5", "image/png"),
    *("text/xml; charset=", "text/xml; charset=hex", "text/xml; charset=zlib", "x", "", None),
    *('text/xml; charset="utf-8', "text/xml;;;charset==utf-8", "multipart/mixed; boundary=x"),
)
TITLES = (
    "Alibaba fined in antitrust probe",
    "市场监管总局对阿里巴巴作出反垄断处罚",
    "腾讯控股有限公司拟在港交所上市",
    "アリババに独占禁止法違反で制裁金",
    "샤오미 상장 예비심사 통과",
    "River levels fall",
    "Préavis de grève à la Bourse",
)
PLAIN = ("River levels fall", "河流水位下降", "川の水位が下がる", "강물 수위 하락")  # most: no hit
HITS = 0.05  # share of titles that may be a hit: what is tried here is reading
DATES = (
    *(
        "Mon, 23 Nov 2026 08:00:00 GMT",
        "2026-11-23T08:00:00Z",
        "0000-00-00T00:00:00Z",
        "0001-01-01",
    ),
    *("9999-12-31T23:59:59-14:00", "Tue, 30 Feb 2027 25:61:61 +9999", "99999999999999999999", "-1"),
    *("2026-11-23T08:00:00+99:99", "Mon, 1 Jan 0001 00:00:00 +1400", "1e400", "NaN", "下午 3:00"),
    *("2026年11月23日", "23/11/26", "١٢/١١/٢٠٢٦", "1" * 5000, "\u202e6202", "Jan Jan Jan", " , , "),
    *(
        "2026-W48-1",
        "2026-333",
        "T24:00:00",
        "Thu, 01 Jan 1970 00:00:00",
        "31 Dec 9999 23:59 -1200",
    ),
    *("2026-11-23T08:00:00.999999999999999999Z", "Mon, 23 Nov 2026 08:00:00 " + "(" * 300),
)
LINKS = (
    *(
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "http://[",
        "http://[::1",
        "//",
    ),
    *(
        "http://\u2100.example/",
        "http://a b/",
        "http://x:99999/",
        "http://user:word@h.example/",
        "#",
    ),
    *(
        "http://" + "a" * 3000 + ".example/",
        "http://xn--.example/",
        "?" * 2000,
        "http://h.example/%zz",
    ),
    *("HTTP://H.EXAMPLE:80/a/../b;c?utm_source=x&fbclid=y#z", "tag:x,2026:1", "mailto:a@b.example"),
    *(
        "http://h.example/\r\nSet-Cookie: a=b",
        "http://h.example/\u202egpj.exe",
        "http:h",
        "\0",
        " ",
    ),
)
REFERENCES = (
    *(
        "&nosuch;",
        "&#0;",
        "&#xD800;",
        "&#x110000;",
        "&#99999999999999999999;",
        "&",
        "&#",
        "&#x;",
        "&;",
    ),
    *("&amp;" * 3 + "lt;script&gt;", "&#55357;&#56832;", "&lt;!h&lt;!h", "&nbsp" * 50, "&#xFFFE;"),
)
MARKUP = (
    "<![CDATA[<!h<!h<!h<]]>",
    "<![CDATA[ ]]]]><![CDATA[> ]]>",
    "<![CDATA[" * 40,
    "<![CDATA[never closed",
    "]]>",
    "<![if lt IE 9]>x<![endif]>",
    "<!DOCTYPE html><html><body>x",
    "<!-- never closed",
    "<!-- a -- b --->",
    "<?php echo '<item>' ?>",
    "<?xml version='1.0'?>",
    "<script>alert(1)</script>",
    "<![x[<![y[",
    "<!ELEMENT",
    "<a href='",
    "<a href=x<a href=y<a",
    "</item></item>",
    "<item><item><entry>",
    "<title/>",
    "<title type='xhtml'><div><b>x</title>",
    "<content type='application/octet-stream'>AAAA=</content>",
    "<content src='file:///etc/passwd'/>",
    "<x:y xmlns:x=''>z</x:y>",
    "<undeclared:tag undeclared:a='1'/>",
    "<item xml:base='http://[' xml:lang='" + "x" * 300 + "'/>",
    "<georss:point>x y NaN</georss:point><georss:polygon>1 2 3</georss:polygon>",
    "<gml:pos srsDimension='x'>1</gml:pos>",
    "<media:content url='javascript:x' fileSize='-1' duration='x'/>",
    "<enclosure url='' length='9999999999999999999999' type='x'/>",
    "<itunes:duration>-1:99:xx</itunes:duration><itunes:explicit>?</itunes:explicit>",
    "<ttl>-5</ttl><skipHours><hour>99</hour><hour>x</hour></skipHours>",
    "<ttl>" + "9" * 400 + "</ttl>",
    "<skipDays><day>Someday</day></skipDays><cloud/>",
    "<sy:updatePeriod>never</sy:updatePeriod><sy:updateFrequency>0</sy:updateFrequency>",
    "<source url='http://['>\u202e</source><category domain=''/>",
    "<link rel='self' href='http://['/><link/><link rel='hub' href='file:///'/>",
)


@dataclass(frozen=True)
class Odd:
    """A damaged document, as a server sends it. *kind* and *damage* say what it was made of."""

    body: bytes
    content_type: str | None
    kind: str
    damage: tuple[str, ...]


# --- the documents ------------------------------------------------------------------------------


def _entries(chance):
    many = chance.choice((0, 1, 3, 12))
    titles = [chance.choice(TITLES if chance.random() < HITS else PLAIN) for _ in range(many)]
    return [
        (
            f"{title}, report {number} of {chance.randrange(10**6)}",
            f"https://odd.example/{chance.randrange(10**9)}",
            f"odd-{chance.randrange(10**9)}",
        )
        for number, title in enumerate(titles)
    ]


def _rss(chance, version="2.0", head="", date="pubDate"):
    items = "".join(
        f"<item><title>{title}</title><link>{link}</link><guid>{guid}</guid>"
        f"<description>About {title}</description><{date}>{DATES[0]}</{date}>"
        "<author>desk@odd.example (The desk)</author></item>"
        for title, link, guid in _entries(chance)
    )
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<rss version="{version}"{head}><channel>'
        f"<title>Odd news</title><link>https://odd.example/</link>{items}</channel></rss>"
    )


def _rdf(chance):
    items = "".join(
        f'<item rdf:about="{link}"><title>{title}</title><link>{link}</link>'
        f"<dc:date>{DATES[1]}</dc:date><dc:creator>The desk</dc:creator></item>"
        for title, link, _ in _entries(chance)
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?><rdf:RDF xmlns="http://purl.org/rss/1.0/" '
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="https://odd.example/">'
        f"<title>Odd news</title></channel>{items}</rdf:RDF>"
    )


def _atom(chance, namespace="http://www.w3.org/2005/Atom"):
    entries = "".join(
        f'<entry><title type="html">{title}</title><link href="{link}"/><id>{guid}</id>'
        f"<updated>{DATES[1]}</updated><author><name>The desk</name></author>"
        f"<summary>About {title}</summary></entry>"
        for title, link, guid in _entries(chance)
    )
    return (
        f'<?xml version="1.0" encoding="utf-8"?><feed xmlns="{namespace}" xml:lang="en">'
        f"<title>Odd news</title><id>odd</id><updated>{DATES[1]}</updated>{entries}</feed>"
    )


def _namespaced(chance):
    names = ("content", "dc", "media", "georss", "gml", "itunes", "sy", "atom")
    return _rss(chance, head="".join(f' xmlns:{name}="http://{name}.example/"' for name in names))


def _json(chance):
    items = [
        {"id": guid, "url": link, "title": title, "content_text": title, "date_published": DATES[1]}
        for title, link, guid in _entries(chance)
    ]
    version = "https://jsonfeed.org/version/1.1"
    feed = {"version": version, "title": "Odd news", "items": items}
    return json.dumps(feed, ensure_ascii=chance.random() < 0.5)


def _sitemap(chance):
    urls = "".join(
        f"<url><loc>{link}</loc><news:news><news:title>{title}</news:title>"
        f"<news:publication_date>{DATES[1]}</news:publication_date></news:news></url>"
        for title, link, _ in _entries(chance)
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" '
        f'xmlns:news="http://www.google.com/schemas/sitemap-news/0.9">{urls}</urlset>'
    )


def _page(chance):
    items = "".join(
        f"<li><a href='{link}'>{title}</a> <time>{DATES[1]}</time></li>"
        for title, link, _ in _entries(chance)
    )
    head = "<head><meta charset=utf-8></head>"
    return f"<!DOCTYPE html><html>{head}<body><ul>{items}</ul></body></html>"


KINDS = {
    "RSS 2.0": _rss,
    "RSS 0.91": lambda chance: _rss(chance, version="0.91", date="date"),
    "RSS with namespaces": _namespaced,
    "RDF": _rdf,
    "Atom 1.0": _atom,
    "Atom 0.3": lambda chance: _atom(chance, namespace="http://purl.org/atom/ns#"),
    "JSON Feed": _json,
    "sitemap": _sitemap,
    "page": _page,
}


# --- damage to the text -------------------------------------------------------------------------


def _place(text, chance):
    return chance.randrange(len(text) + 1)


def _put(text, chance, what):
    at = _place(text, chance)
    return text[:at] + what + text[at:]


def _put_in_element(text, chance, what):
    """Put *what* right after the end of some tag, else anywhere."""
    ends = [at + 1 for at, char in enumerate(text) if char == ">"]
    at = chance.choice(ends) if ends else _place(text, chance)
    return text[:at] + what + text[at:]


def truncated(text, chance):
    return text[: _place(text, chance)]


def torn(text, chance):
    start = _place(text, chance)
    return text[:start] + text[start + chance.randrange(1, 200) :]


def doubled(text, chance):
    start = _place(text, chance)
    piece = text[start : start + chance.randrange(1, 2000)]
    return _put(text, chance, piece * chance.choice((1, 2, 50)))


def nested(text, chance):
    depth = chance.choice((50, 500, 5000, 30_000))
    tag = chance.choice(("div", "item", "b", "entry", "description", "ul", "content"))
    closing = f"</{tag}>" * depth if chance.random() < 0.5 else ""
    return _put_in_element(text, chance, f"<{tag}>" * depth + "x" + closing)


def entity_bomb(text, chance):
    grown = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    flat = f'<!ENTITY big "{"x" * 50_000}">'
    outside = (
        '<!ENTITY passwd SYSTEM "file:///etc/passwd"><!ENTITY % p SYSTEM "http://127.0.0.1:9/"> %p;'
    )
    start = f'<!DOCTYPE x [<!ENTITY e0 "aha">{grown}{flat}{outside}]>'
    used = chance.choice(("&e9;", "&big;" * 2000, "&passwd;", "&e9;&passwd;"))
    place = text.find("?>") + 2 if "?>" in text else 0
    return text[:place] + start + _put_in_element(text[place:], chance, used)


def dated(text, chance):
    for date in DATES[:2]:
        text = text.replace(date, chance.choice(DATES))
    return text


def long_attributes(text, chance):
    size = chance.choice((1000, 100_000, 1_000_000))
    many = "".join(f" a{n}='{n}'" for n in range(chance.choice((10, 3000))))
    what = chance.choice((f"<x a='{'y' * size}'/>", f"<x{many}/>", f"<x {'a ' * 5000}"))
    return _put_in_element(text, chance, what)


def control_characters(text, chance):
    codes = (
        *range(0x20),
        *range(0x7F, 0xA0),
        0xFEFF,
        0xFFFE,
        0xFFFF,
        0x202E,
        0x2028,
        0xD800,
        0xDFFF,
    )
    for _ in range(chance.choice((1, 5, 100))):
        text = _put(text, chance, chr(chance.choice(codes)))
    return text


def odd_markup(text, chance):
    for _ in range(chance.choice((1, 3))):
        text = _put_in_element(text, chance, chance.choice(MARKUP))
    return text


def odd_author(text, chance):
    length = chance.choice((30, 3000, 60_000))
    pattern = chance.choice(("a@", "a.", "(a", "a (", " ", "<a@b", "a@b.c ", "()", "\t\n", "a-"))
    tag = chance.choice(("author", "dc:creator", "managingEditor", "itunes:author", "webMaster"))
    return _put_in_element(text, chance, f"<{tag}>{pattern * length}</{tag}>")


def odd_references(text, chance):
    for _ in range(chance.choice((1, 10))):
        text = _put(text, chance, chance.choice(REFERENCES))
    return text


def odd_links(text, chance):
    return text.replace("https://odd.example/", chance.choice(LINKS), chance.choice((1, -1)))


def shared_ids(text, chance):
    return text.replace("odd-", chance.choice(("</guid>", "", " " * 300, "i" * 9000 + "-")))


def wrong_case(text, chance):
    return chance.choice((str.upper, str.swapcase, str.title))(text)


def undeclared(text, _):
    return text.replace("xmlns", "xmlnot")


def json_values(text, chance):
    value = chance.choice(
        (
            "null",
            "[]",
            "{}",
            "1e999",
            "NaN",
            "1" * 6000,
            '"\\ud800"',
            '"\\u0000"',
            "[" * 9000,
            "true",
        )
    )
    at = chance.choice([at for at, char in enumerate(text) if char == ":"] or [0])
    end = text.find(",", at)
    return text[: at + 1] + value + text[end:]


def several_feeds(text, chance):
    return text + chance.choice(("", "\n", "\0")) + chance.choice(list(KINDS.values()))(chance)


def relabelled(text, chance):
    return text.replace('"utf-8"', f'"{chance.choice(LABELS)}"')


def long_title(text, chance):
    return text.replace(
        "report", chance.choice(("report " * 20_000, "报道" * 30_000, "R" * 900_000)), 1
    )


def line_ends(text, chance):
    return text.replace(
        "><", f">{chance.choice((chr(13), chr(10), chr(0x85), chr(9), ' ' * 500))}<"
    )


TEXT_DAMAGE = (
    *(truncated, torn, doubled, nested, entity_bomb, dated, long_attributes, control_characters),
    *(odd_markup, odd_markup, odd_author, odd_references, odd_links, shared_ids, wrong_case),
    *(undeclared, json_values, several_feeds, relabelled, long_title, line_ends),
)


# --- damage to the bytes ------------------------------------------------------------------------


def flipped(body, chance):
    damaged = bytearray(body)
    for _ in range(chance.choice((1, 5, 100)) if damaged else 0):
        damaged[chance.randrange(len(damaged))] = chance.randrange(256)
    return bytes(damaged)


def cut(body, chance):
    return body[: chance.randrange(len(body) + 1)]


def preceded(body, chance):
    return (
        chance.choice((b"\n\n ", b"\xef\xbb\xbf" * 3, b"\xff\xfe", b"\0" * 9, b"garbage ", b"<"))
        + body
    )


def followed(body, chance):
    return body + chance.choice(
        (b"\0" * 1000, b"<", b"\xff" * 50, b"</rss>" * 99, chance.randbytes(999))
    )


def replaced(_, chance):
    choices = (
        b"",
        b"\0",
        b"<",
        b"{",
        b"[",
        b"{}",
        b"[]",
        b"\xef\xbb\xbf",
        b"<?xml",
        b"<rss",
        b"%PDF-1.7",
    )
    return chance.choice((*choices, chance.randbytes(chance.randrange(1, 5000))))


BYTE_DAMAGE = (flipped, flipped, cut, preceded, followed, replaced)


def odd_feed(number, kind=None):
    """Return the odd document with this *number*, of *kind* if one is named."""
    chance = random.Random(f"odd feed {number}")  # noqa: S311 - for cases, not for secrets
    kind = kind or chance.choice(list(KINDS))
    text = KINDS[kind](chance)
    damage = []
    for _ in range(chance.choice((1, 1, 1, 2, 3, 5))):
        if chance.random() < 0.75:
            hurt = chance.choice(TEXT_DAMAGE)
            text = hurt(text, chance)
            damage.append(hurt.__name__)
    charset = chance.choice(CHARSETS) if chance.random() < 0.3 or not damage else "utf-8"
    if chance.random() < 0.5:
        text = text.replace('"utf-8"', f'"{charset}"')
    fallback = "surrogatepass" if charset.startswith("utf") and charset != "utf-7" else "replace"
    body = text.encode(charset, fallback)
    damage += [charset] if charset != "utf-8" else []
    if not damage or chance.random() < 0.3:
        hurt = chance.choice(BYTE_DAMAGE)
        body = hurt(body, chance)
        damage.append(hurt.__name__)
    return Odd(body, chance.choice(TYPES), kind, tuple(damage))
