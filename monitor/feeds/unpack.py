"""Unpack: a body out of its content encoding, piece by piece, however much a piece grows. Pure.

* No piece is larger than twice PIECE_BYTES, so that whoever counts them can stop in time.
* gzip and zstd may come as several streams in a row. What follows the last gzip stream, and is
  none, is passed over, as everybody does.
* A stream that does not end is cut short: an error, not a shorter body.
* An encoding that was not asked for is left as it is: the reader of the feed says what is wrong.
"""

from __future__ import annotations

import sys
import zlib
from abc import ABC, abstractmethod
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

PIECE_BYTES: Final = 65_536
ENCODINGS: Final = "gzip, deflate, br, zstd"  # that are asked for
_ZSTD_WINDOW_LOG: Final = 23  # 8 MB, the most that HTTP allows (RFC 9659)


class CannotUnpack(ValueError):
    """The bytes are not packed as was said, or end too early."""


class Unpacker(Protocol):
    """Give it bytes, then read pieces until there are none."""

    def give(self, packed: bytes) -> None:
        """Take what came next; all pieces before must have been read."""

    def read(self) -> bytes:
        """Return the next piece, empty if more bytes are needed; raise CannotUnpack."""

    def end(self) -> None:
        """Raise CannotUnpack if more should have come."""


def unpacker(encoding: str) -> Unpacker:
    """Return what unpacks a body with the Content-Encoding *encoding*."""
    named = encoding.strip().lower()
    kinds: dict[str, Callable[[], Unpacker]]
    kinds = {"gzip": _Gzip, "deflate": _Deflate, "br": _Brotli, "zstd": _Zstd}
    return kinds.get(named, _Plain)()


class _Plain:
    def __init__(self) -> None:
        self._given = b""

    def give(self, packed: bytes) -> None:
        self._given = packed

    def read(self) -> bytes:
        piece, self._given = self._given, b""
        return piece

    def end(self) -> None:
        """Its length is the connection's business."""


class _Streams(ABC):
    """One stream after another, each read by an object of its own, as zlib and zstd have them."""

    failures: type[Exception] = zlib.error
    magic: bytes | None = b""  # what a further stream begins with; None if there is none

    def __init__(self) -> None:
        self._stream: Any = None
        self._left = b""
        self._begun = self._over = False

    @abstractmethod
    def begin(self, first: int) -> Any:  # noqa: ANN401 - zlib names no type, and zstd has another
        """Return what reads a stream with this *first* byte."""

    def give(self, packed: bytes) -> None:
        self._left = b"" if self._over else self._left + packed

    def read(self) -> bytes:
        while self._stream is not None or self._begin():
            try:
                piece: bytes = self._stream.decompress(self._left, PIECE_BYTES)
            except self.failures as error:
                raise CannotUnpack(str(error)) from None
            if self._stream.eof:
                self._left, self._stream = self._stream.unused_data, None
            else:  # zstd keeps by itself what it has not read yet
                self._left = getattr(self._stream, "unconsumed_tail", b"")
                if not piece and not self._left:
                    return b""
            if piece:
                return piece
        return b""

    def _begin(self) -> bool:
        """Begin the first stream, or the next; return whether there is one."""
        if not self._left:
            return False
        if self._begun and (self.magic is None or not self._left.startswith(self.magic)):
            # Or else its beginning is not all here yet.
            self._over = self.magic is None or not self.magic.startswith(self._left)
            return False
        self._stream, self._begun = self.begin(self._left[0]), True
        return True

    def end(self) -> None:
        if self._stream is not None:
            raise CannotUnpack("cut short")


class _Gzip(_Streams):
    magic = b"\x1f\x8b"

    def begin(self, first: int) -> Any:  # noqa: ANN401, ARG002 - as above
        return zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)


class _Deflate(_Streams):
    """With zlib's frame, as it should be, or without."""

    magic = None

    def begin(self, first: int) -> Any:  # noqa: ANN401 - as above
        framed = first & 0xF == zlib.DEFLATED
        return zlib.decompressobj(wbits=zlib.MAX_WBITS if framed else -zlib.MAX_WBITS)


class _Zstd(_Streams):
    def __init__(self) -> None:
        super().__init__()
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd
        self.failures = zstd.ZstdError
        window = {int(zstd.DecompressionParameter.window_log_max): _ZSTD_WINDOW_LOG}
        self._new = partial(zstd.ZstdDecompressor, options=window)

    def begin(self, first: int) -> Any:  # noqa: ANN401, ARG002 - as above
        return self._new()


class _Brotli:
    def __init__(self) -> None:
        import brotli

        self._failure = brotli.error
        self._stream = brotli.Decompressor()
        self._given = b""
        self._begun = False

    def give(self, packed: bytes) -> None:
        self._given += packed
        self._begun = True

    def read(self) -> bytes:
        while not self._stream.is_finished():
            # What it has inside is asked for with nothing new, until it gives nothing more.
            given = b""
            if self._stream.can_accept_more_data():
                given, self._given = self._given, b""
            try:
                piece: bytes = self._stream.process(given, output_buffer_limit=PIECE_BYTES)
            except self._failure as error:
                raise CannotUnpack(str(error)) from None
            if piece or not self._given:
                return piece
        return b""

    def end(self) -> None:
        if self._begun and not self._stream.is_finished():
            raise CannotUnpack("cut short")
