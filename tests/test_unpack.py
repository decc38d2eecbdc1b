"""Unpacking: every encoding comes out as it went in, in small pieces, or not at all."""

import gzip
import random
import sys
import zlib

import brotli
import pytest

from monitor.feeds.unpack import PIECE_BYTES, CannotUnpack, unpacker

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PACKED = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": lambda body: brotli.compress(body, quality=4),
    "zstd": zstd.compress,
}
BODIES = {
    "empty": b"",
    "short": b"<rss/>",
    "dense": random.Random(1).randbytes(70_000),  # noqa: S311 - for a case, not for a secret
    "sparse": bytes(1_000_000),
}


def unpack(encoding, packed, step=10**9):
    one, pieces = unpacker(encoding), []
    for at in range(0, len(packed), step):
        one.give(packed[at : at + step])
        while piece := one.read():
            assert len(piece) <= 2 * PIECE_BYTES
            pieces.append(piece)
    one.end()
    return b"".join(pieces)


@pytest.mark.parametrize("step", [1, 1000, 10**9])
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
@pytest.mark.parametrize("encoding", PACKED)
def test_there_and_back(encoding, body, step):
    """However the bytes are cut on their way, the body comes out whole."""
    assert unpack(encoding, PACKED[encoding](body), step) == body


@pytest.mark.parametrize("encoding", PACKED)
def test_cut_short(encoding):
    """A stream that does not end is no shorter body."""
    for end in (1, 5):
        with pytest.raises(CannotUnpack):
            unpack(encoding, PACKED[encoding](BODIES["dense"])[:-end])


@pytest.mark.parametrize("step", [1, 10**9])
@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_streams_in_a_row(encoding, step):
    """Several streams are one body."""
    parts = [b"one", b"", b"three"]

    assert unpack(encoding, b"".join(map(PACKED[encoding], parts)), step) == b"onethree"


@pytest.mark.parametrize("step", [1, 10**9])
@pytest.mark.parametrize("rest", [b"\0\0\0", b"more", b"\x1f", b"\x1f\x1f\x8b"])
def test_what_follows_gzip(rest, step):
    """What follows the end of gzip and is none is passed over."""
    assert unpack("gzip", gzip.compress(b"body") + rest, step) == b"body"


def test_deflate_without_frame():
    """Servers that take deflate for the bare stream are understood."""
    assert unpack("deflate", zlib.compress(b"body", wbits=-15), 1) == b"body"


def test_zstd_window():
    """A window beyond what HTTP allows is refused before memory is taken for it."""
    options = {zstd.CompressionParameter.window_log: 27}
    one = zstd.ZstdCompressor(options=options)
    packed = one.compress(b"a" * 1000) + one.flush()

    with pytest.raises(CannotUnpack):
        unpack("zstd", packed)


def test_other_encodings():
    """What was not asked for is left as it is."""
    assert unpack("nonsense", b"body") == unpack("", b"body") == b"body"
