"""Hostile endpoints without end: answers of a server that lies, by a number.

    server.put("/x", liar(12))      # for tests/feedserver.py

The first numbers are the WAYS one by one, in their order; the rest are mixed by chance from odd
headers, encodings, lengths and ends. None lasts longer than a few seconds by itself but those in
PATIENT, which last until they are cut off.
"""

import gzip
import io
import random
import sys
import tarfile
import zlib

import brotli
from feedserver import answer

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

RSS = (
    b'<?xml version="1.0"?><rss version="2.0"><channel><title>L</title>'
    b"<item><title>River levels fall</title><guid>1</guid></item></channel></rss>"
)
OK = b"HTTP/1.1 200 OK\r\n"
BOMB = bytes(60_000_000)
PACKED = {
    "gzip": gzip.compress(BOMB),
    "deflate": zlib.compress(BOMB),
    "br": brotli.compress(BOMB, quality=5),
    "zstd": zstd.compress(BOMB),
}


def _endless(first, piece, every=0.05):
    yield first
    for _ in range(12_000):
        yield piece
        yield every


def _flood(first, piece):
    yield first
    for _ in range(4000):
        yield piece


def _chunk(body):
    return b"%x\r\n%s\r\n" % (len(body), body)


def _twice_packed():
    return answer(gzip.compress(PACKED["gzip"]), content_encoding="gzip, gzip")


def _tarred():
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz"):
        pass
    return answer(packed.getvalue(), content_type="application/gzip")


# Those that keep a client for as long as it lets them.
PATIENT = {
    "says nothing": lambda _: [600.0],
    "drips its status line": lambda _: _endless(b"HTTP/1.1 2", b"0"),
    "drips its headers": lambda _: (
        step for n in range(12_000) for step in (OK if not n else b"x-%d: y\r\n" % n, 0.05)
    ),
    "drips one header": lambda _: _endless(OK + b"x: ", b"y"),
    "drips its body": lambda _: _endless(OK + b"\r\n", b"<"),
    "drips chunks": lambda _: _endless(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n<\r\n"),
    "drips a chunk's size": lambda _: _endless(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "drips a chunk's extension": lambda _: _endless(
        OK + b"Transfer-Encoding: chunked\r\n\r\n1;", b"x"
    ),
    "drips trailers": lambda _: _endless(
        OK + b"Transfer-Encoding: chunked\r\n\r\n" + _chunk(RSS) + b"0\r\n", b"x: y\r\n"
    ),
    "says 103 for ever": lambda _: _endless(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "says 100 for ever": lambda _: _endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "stops in its body": lambda _: [OK + b"Content-Length: 999\r\n\r\n" + RSS, 600.0],
    "never ends a redirect's body": lambda _: _endless(
        b"HTTP/1.1 302 Found\r\nLocation: /loop\r\n\r\n", b"<"
    ),
    "never ends an error's body": lambda _: _endless(b"HTTP/1.1 500 No\r\n\r\n", b"<"),
    "drips gzip": lambda _: _endless(
        OK + b"Content-Encoding: gzip\r\n\r\n" + PACKED["gzip"][:10], b"\0"
    ),
}

# Redirects: %s is the path asked for.
_TARGETS = (
    *(
        "{}",
        "//",
        "http:",
        "http:///x",
        "http://[",
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "#",
        "?",
    ),
    *("javascript:alert(1)", "data:text/xml,<rss/>", "http://10.0.0.1/", "http://169.254.169.254/"),
    *(
        "http://user:word@127.0.0.1:9/",
        "http://127.0.0.1:0/",
        "http://127.0.0.1:99999/",
        "\\\\x",
        " ",
    ),
    *(
        "http://0x7f000001:9/",
        "http://%31%32%37.0.0.1/",
        "gopher://127.0.0.1/",
        "http://" + "a" * 9000,
    ),
    *(
        "/" + "x" * 20_000,
        "/\xff\xfe",
        "http://xn--.example/",
        "http://\u2100.example/",
        "/%00%0d%0a",
    ),
)
_REDIRECTS = {
    f"redirects with {status} to {target[:30]!r}": lambda request, status=status, target=target: [
        f"HTTP/1.1 {status} X\r\nLocation: {target.format(request.path)}\r\nContent-Length: 0\r\n"
        "Connection: close\r\n\r\n".encode("utf-8", "replace")
    ]
    for target in _TARGETS
    for status in (301, 307)
}
_STATUS = {
    f"answers {line[:40]!r}": lambda _, line=line: [line + b"\r\nContent-Length: 0\r\n\r\n"]
    for line in (
        *(
            b"HTTP/1.1 999 X",
            b"HTTP/1.1 000 X",
            b"HTTP/1.1 99 X",
            b"HTTP/1.1 2000 X",
            b"HTTP/1.1 -1 X",
        ),
        *(b"HTTP/1.1 200", b"HTTP/1.1", b"HTTP/9.9 200 OK", b"HTTP/0.9 200 OK", b"ICY 200 OK"),
        *(
            b"HTTP/1.1 200 " + b"x" * 70_000,
            b"HTTP/1.1 200 \xff\xfe",
            b"HTTP/1.1\t200\tOK",
            b"\r\n\r\n",
        ),
        *(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c",
            b"HTTP/1.1 226 IM Used",
            b"http/1.1 200 OK",
        ),
        *(
            b"\x16\x03\x01\x02\x00",
            b"SSH-2.0-x",
            b"\0" * 5000,
            b"PRI * HTTP/2.0",
            b"<rss version='2.0'/>",
        ),
        *(
            b"HTTP/1.1 \xb2\xb0\xb0 OK",
            b"HTTP/1.1 +200 OK",
            b"HTTP/1.1 2_0 OK",
            b"HTTP/1.1  200 OK",
        ),
        *(
            b"HTTP/1.1 %d X" % status
            for status in (204, 205, 206, 300, 304, 305, 306, 401, 407, 426)
        ),
        *(
            b"HTTP/1.1 %d X" % status
            for status in (402, 403, 404, 410, 418, 421, 429, 451, 500, 503, 511)
        ),
    )
}
_HEADERS = {
    f"has the header {line[:40]!r}": lambda _, line=line: [
        OK + line + b"\r\nConnection: close\r\n\r\n" + RSS
    ]
    for line in (
        *(b"Content-Length: -1", b"Content-Length: 99999999999999999999", b"Content-Length: 1e3"),
        *(b"Content-Length: 10\r\nContent-Length: 20", b"Content-Length: 5", b"Content-Length: +5"),
        *(
            b"Content-Length: 0x10",
            b"Content-Length: ",
            b"Content-Length: 1, 1",
            b"Transfer-Encoding: x",
        ),
        *(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked\r\nContent-Length: 5"),
        *(
            b"Transfer-Encoding: gzip, chunked",
            b"Transfer-Encoding: chunked, chunked",
            b"no colon here",
        ),
        *(
            b": no name",
            b"X : space",
            b"X\0Y: nul",
            b"X: a\0b",
            b"X: \xff\xfe",
            b" folded",
            b"X: a\r\n b",
        ),
        *(
            b"X: a\rY: b",
            b"X: a\nY: b",
            b"\xc3\xa9: x",
            b"X: " + b"y" * 15_000,
            b"X: " + b"y" * 90_000,
        ),
        *(b"X: y\r\n" * 120 + b"Z: y", b"X: y\r\n" * 5000 + b"Z: y", b"X" * 9000 + b": y"),
        *(
            b"Content-Encoding: x-gzip",
            b"Content-Encoding: nonsense",
            b"Content-Encoding: identity",
        ),
        *(b"Content-Encoding: gzip", b"Content-Encoding: deflate", b"Content-Encoding: br"),
        *(b"Content-Encoding: zstd", b"Content-Encoding: gzip, br, zstd", b"Content-Encoding: ,,,"),
        *(
            b"Content-Type: " + b"x/" * 4000,
            b"Content-Type: text/xml; charset=\xff",
            b"Content-Type:",
        ),
        *(
            b"Content-Type: text/xml; charset=idna",
            b"Content-Type: text/xml; charset=unicode_escape",
        ),
        *(b'ETag: "\xff"', b"ETag: " + b"e" * 9000, b"ETag: a\tb", b'ETag: W/"', b"ETag: "),
        *(
            b"Last-Modified: never",
            b"Last-Modified: \xff",
            b"Last-Modified: Tue, 31 Feb 2026 99:99:99 GMT",
        ),
        *(
            b"Date: 0",
            b"Date: Mon, 99 Foo 99999 00:00:00 GMT",
            b"Age: -9",
            b"Expires: 0",
            b"Expires: -1",
        ),
        *(
            b"Expires: Fri, 31 Dec 99999 23:59:59 GMT",
            b"Cache-Control: max-age=-1",
            b"Cache-Control: ,=,",
        ),
        *(
            b"Cache-Control: max-age=" + b"9" * 5000,
            b'Cache-Control: max-age="1',
            b"Retry-After: -5",
        ),
        *(b"Retry-After: " + b"9" * 6000, b"Retry-After: Tue, 31 Feb 2026 00:00:00 GMT"),
        *(
            b"Set-Cookie: a=b; Domain=127.0.0.1",
            b"Set-Cookie: " + b"\xff" * 4000,
            b"Set-Cookie: =;=;",
        ),
        *(
            b"Link: <file:///etc/passwd>; rel=hub",
            b"Link: <" + b"x" * 8000,
            b"Refresh: 0; url=file:///",
        ),
        *(
            b"WWW-Authenticate: Digest",
            b'Alt-Svc: h3=":443"',
            b"Connection: upgrade\r\nUpgrade: websocket",
        ),
        *(b"Content-Range: bytes 0-1/9", b"Content-Location: http://[", b"Location: http://["),
    )
}
_BODIES = {
    "closes at once": lambda _: [],
    "sends its status line and closes": lambda _: [OK],
    "sends half a header": lambda _: [OK + b"Content-Le"],
    "cuts its body": lambda _: [OK + b"Content-Length: 9999\r\n\r\n" + RSS],
    "cuts a chunk": lambda _: [OK + b"Transfer-Encoding: chunked\r\n\r\nfff\r\n" + RSS],
    "cuts before the last chunk": lambda _: [
        OK + b"Transfer-Encoding: chunked\r\n\r\n" + _chunk(RSS)
    ],
    "gives a chunk a wrong size": lambda _: [
        OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\n" + RSS + b"\r\n0\r\n\r\n"
    ],
    "gives a chunk a negative size": lambda _: [
        OK + b"Transfer-Encoding: chunked\r\n\r\n-5\r\n" + RSS + b"\r\n0\r\n\r\n"
    ],
    "gives a chunk a huge size": lambda _: [
        OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 40 + b"\r\n" + RSS
    ],
    "gives a chunk no size": lambda _: [OK + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n" + RSS],
    "floods a chunk's extension": lambda _: _flood(
        OK + b"Transfer-Encoding: chunked\r\n\r\n1;", b"x" * 9000
    ),
    "floods trailers": lambda _: _flood(
        OK + b"Transfer-Encoding: chunked\r\n\r\n" + _chunk(RSS) + b"0\r\n", b"x: y\r\n" * 1000
    ),
    "floods headers": lambda _: _flood(OK, b"x: y\r\n" * 1000),
    "floods one header": lambda _: _flood(OK + b"x: ", b"y" * 9000),
    "floods its status line": lambda _: _flood(b"HTTP/1.1 200 ", b"y" * 9000),
    "floods 1xx": lambda _: _flood(b"", b"HTTP/1.1 103 X\r\n\r\n" * 500),
    "floods its body": lambda _: _flood(OK + b"\r\n", b"<" * 9000),
    "floods the body of an error": lambda _: _flood(b"HTTP/1.1 503 X\r\n\r\n", b"<" * 9000),
    "floods the body of a redirect": lambda _: _flood(
        b"HTTP/1.1 302 X\r\nLocation: /\r\n\r\n", b"<" * 9000
    ),
    "says more after its body": lambda _: [
        OK + b"Content-Length: %d\r\n\r\n" % len(RSS) + RSS + b"HTTP/1.1 200 OK\r\n\r\n" * 50
    ],
    "answers twice": lambda _: [*answer(RSS), *answer(RSS)],
    "sends a body with 304": lambda _: [b"HTTP/1.1 304 X\r\nContent-Length: 9\r\n\r\nunchanged"],
    "sends only zeros": lambda _: [b"\0" * 100_000],
    "sends a tar": lambda _: _tarred(),
    "packs twice": lambda _: _twice_packed(),
    "says it packs, and does not": lambda _: answer(RSS, content_encoding="gzip"),
    "packs and cuts": lambda _: answer(gzip.compress(RSS)[:-9], content_encoding="gzip"),
    "packs and spoils the sum": lambda _: answer(
        gzip.compress(RSS)[:-4] + b"nope", content_encoding="gzip"
    ),
    "packs and says more": lambda _: answer(gzip.compress(RSS) + b"more", content_encoding="gzip"),
    "packs and does not say": lambda _: answer(gzip.compress(RSS), content_type="text/xml"),
    "packs raw": lambda _: answer(zlib.compress(RSS, wbits=-15), content_encoding="deflate"),
    **{
        f"bombs with {encoding}": lambda _, encoding=encoding, body=body: answer(
            body, content_encoding=encoding
        )
        for encoding, body in PACKED.items()
    },
}
WAYS = {**_BODIES, **_STATUS, **_HEADERS, **_REDIRECTS}


def _mixed(number):
    """Return a script of some status line, some headers and some end, by chance."""
    chance = random.Random(f"liar {number}")  # noqa: S311 - for cases, not for secrets
    lines = [chance.choice(list(_HEADERS)) for _ in range(chance.choice((1, 2, 4)))]
    heads = [b"".join(_HEADERS[line](None)).split(b"\r\nConnection")[0] for line in lines]
    head = OK + b"".join(one.removeprefix(OK) + b"\r\n" for one in heads)
    body = chance.choice((RSS, RSS[:50], b"", chance.randbytes(300), *PACKED.values()))
    pause = chance.choice((0.0, 0.0, 0.2))
    return lambda _: [head + b"\r\n", pause, body]


def liar(number):
    """Return the name and the script of the endpoint with this *number*."""
    if number < len(WAYS):
        return list(WAYS.items())[number]
    return f"mix {number}", _mixed(number)
