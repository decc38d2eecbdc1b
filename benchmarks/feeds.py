"""Feeds to measure with: made from a seed, served from memory on loopback.

* `FEEDS` feeds of `ENTRIES` entries, RSS and Atom, two in five Chinese, with ETag and
  Last-Modified. Version 1 has two new entries at the top of each feed.
* Some entries tell of a watched company and a regulator ("planted"), as many only seem to
  ("decoys"); their addresses say which they are.
* One process, one loop, no threads: it answers faster than anything measured against it asks.

Run by `intake.py`; by itself: `python benchmarks/feeds.py 8099` and Ctrl-C.
"""

from __future__ import annotations

import asyncio
import random
import sys
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache
from html import escape

FEEDS = 500
ENTRIES = 50
NEW = 2  # entries of version 1 that version 0 has not
PLANTED = 0.02  # share of entries that are planted, and of those that are decoys
CHINESE = 0.4  # share of feeds
START = datetime(2026, 11, 1, tzinfo=UTC)

SUBJECTS = ("The orchestra", "A school", "The museum", "City planners", "Local farmers", "A choir")
DEEDS = ("repaired", "measured", "discussed", "opened", "painted", "compared", "described")
OBJECTS = ("an old bridge", "the evening trains", "the harvest", "a long walk", "the river level")
WHO = ("市图书馆", "当地农民", "合唱团", "博物馆", "中学生", "园艺师")
WHAT = ("修复了老桥", "记录了河水水位", "讨论了夜班列车", "展出了早期照片", "种下了新的树苗")
PLANTS = (
    "Regulator fines Alibaba 18 billion yuan in antitrust case",
    "Tencent faces antitrust probe by market regulator",
    "Ant Group files for IPO in Hong Kong",
    "市场监管总局对阿里巴巴作出反垄断处罚",
    "蚂蚁集团提交IPO申请",
)
DECOYS = (
    "Giant Group opens a new tripod factory",
    "小米新款手机今日上市",
    "Alibaba-backed bakery chain sells more bread",
    "这只蚂蚁搬家的照片获奖",
    "Huawei phone sales rise in the third quarter",
)


def entry(feed: int, number: int) -> tuple[str, str, str]:
    """Return title, text as HTML and address of one entry; the same for the same numbers."""
    chance = random.Random(f"{feed}/{number}")
    chinese = feed % 10 < 10 * CHINESE
    lot = chance.random()
    kind = "planted" if lot < PLANTED else "decoy" if lot < 2 * PLANTED else "plain"
    if kind == "plain":
        title = _sentence(chance, chinese=chinese)
    else:
        title = chance.choice(PLANTS if kind == "planted" else DECOYS)
    paragraphs = (" ".join(_sentence(chance, chinese=chinese) for _ in range(4)) for _ in range(3))
    text = "".join(f"<p>{paragraph}</p>\n" for paragraph in paragraphs)
    link = f"http://site{feed}.example/{kind}/{number}"
    return title, f'{text}<a href="{link}?utm_source=rss">More</a>', link


def _sentence(chance: random.Random, *, chinese: bool) -> str:
    if chinese:
        return f"{chance.choice(WHO)}{chance.choice(WHAT)},费用比去年增加{chance.randint(1, 99)}%。"
    deed = f"{chance.choice(SUBJECTS)} {chance.choice(DEEDS)} {chance.choice(OBJECTS)}"
    return f"{deed} while costs rose by {chance.randint(1, 99)} percent from a year before."


@cache
def body(feed: int, version: int) -> bytes:
    """Return the bytes of a feed: the newest ENTRIES of all it ever had."""
    last = ENTRIES + NEW * version
    items = "".join(_item(feed, number) for number in range(last, last - ENTRIES, -1))
    if feed % 2:
        head = f"<title>Site {feed}</title><id>urn:site:{feed}</id>"
        return (
            '<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">'
            f"{head}{items}</feed>"
        ).encode()
    head = f"<title>Site {feed}</title><link>http://site{feed}.example/</link>"
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<rss version="2.0"><channel>'
        f"{head}{items}</channel></rss>"
    ).encode()


def _item(feed: int, number: int) -> str:
    title, text, link = entry(feed, number)
    at = START + timedelta(minutes=30 * number)
    if feed % 2:
        return (
            f"<entry><title>{escape(title)}</title><id>{link}</id><link href='{link}'/>"
            f"<updated>{at.isoformat()}</updated>"
            f"<summary type='html'>{escape(text)}</summary></entry>\n"
        )
    return (
        f"<item><title>{escape(title)}</title><link>{link}</link><guid>{link}</guid>"
        f"<pubDate>{format_datetime(at)}</pubDate>"
        f"<description>{escape(text)}</description></item>\n"
    )


def planted(version: int) -> int:
    """Return how many planted entries a reader has seen who polled every version up to this."""
    last = ENTRIES + NEW * version
    return sum(
        "/planted/" in entry(feed, number)[2]
        for feed in range(FEEDS)
        for number in range(1, last + 1)
    )


class Server(asyncio.Protocol):
    """Answers `GET /feed/N.xml` with validators, and `GET /version/N`, which sets the version."""

    version = 0

    def __init__(self) -> None:
        self.asked = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to answer."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        self.asked += data
        while b"\r\n\r\n" in self.asked:
            request, _, self.asked = self.asked.partition(b"\r\n\r\n")
            self.transport.write(self._answer(request.decode("latin-1")))  # type: ignore[attr-defined]

    def _answer(self, request: str) -> bytes:
        line, *headers = request.split("\r\n")
        name = line.split()[1].strip("/").removesuffix(".xml").split("/")
        if name[0] == "version":
            Server.version = int(name[1])
            return _response("200 OK", b"")
        feed = int(name[1])
        etag = f'"{feed}-{Server.version}"'
        given = dict(header.lower().split(": ", 1) for header in headers)
        if given.get("if-none-match") == etag:
            return _response("304 Not Modified", b"", f"ETag: {etag}\r\n")
        return _response("200 OK", body(feed, Server.version), f"ETag: {etag}\r\n")


def _response(status: str, content: bytes, headers: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/xml\r\n{headers}"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


async def serve(port: int) -> None:
    """Serve on loopback until cancelled; say so on stdout when all feeds are made."""
    for feed in range(FEEDS):
        body(feed, 0)
        body(feed, 1)
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", port)
    print(f"serving {server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
