"""Exchange: what the servers of one feed say, from the first request to an answer or a failure.

* It is fed header lines and pieces of the body as they arrive, redirect after redirect, and holds
  no connection: who does so asks for `address` with `headers`, and again while `end` says so.
* The caps are kept here: bytes of headers, decoded bytes of the body, the budget of all bodies.
* Nothing of one feed is seen by another.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from http import HTTPStatus
from time import monotonic
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode
from weakref import finalize

from monitor.errors import AnswerTooLarge, FetchError
from monitor.feeds.address import follow, read_address
from monitor.feeds.budget import PATIENCE_S
from monitor.feeds.failures import CUT_SHORT, NO_ANSWER, failure
from monitor.feeds.hublinks import header_link
from monitor.feeds.manners import moved_to, read_retry_after
from monitor.feeds.unpack import ENCODINGS, CannotUnpack, unpacker
from monitor.feeds.wishes import read_freshness
from monitor.model import Answer

if TYPE_CHECKING:
    from monitor.feeds.address import Address
    from monitor.feeds.budget import Account
    from monitor.feeds.unpack import Unpacker
    from monitor.model import FeedToPoll

MAX_REDIRECTS: Final = 10
MAX_HEADER_BYTES: Final = 16_384  # of one line; real servers send policies of several kilobytes
MAX_HEADERS_BYTES: Final = 262_144  # of one hop, interim answers and trailers included
MAX_HEADERS: Final = 128
ACCEPT: Final = (
    "application/atom+xml, application/rss+xml, application/rdf+xml;q=0.9, "
    "application/xml;q=0.8, text/xml;q=0.8, */*;q=0.1"
)
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_ASKED_AGAIN_BY_GET: Final = frozenset({301, 302, 303})  # as everybody does (RFC 9110, 15.4)
_INTERIM: Final = range(100, 200)
_SWITCHED: Final = 101  # no interim answer, and never asked for
_STATUS_DIGITS: Final = 3


class Go(Enum):
    """What is to be done with a connection after what it brought."""

    ON = auto()
    WAIT = auto()  # for memory
    NO_FURTHER = auto()  # the rest is of no use, or `failed` says why


class Headers(dict[str, str]):
    """Header fields by their names in small letters; the first of a name, of Link all."""

    def get(self, name: str, default: str = "") -> str:  # type: ignore[override]
        """Return the field *name*, however it is written."""
        return super().get(name.lower(), default)


class Exchange:
    """The asking of one feed, and in the end its `outcome`."""

    def __init__(self, feed: FeedToPoll, account: Account, *, max_bytes: int) -> None:
        self.feed = feed
        self.began = monotonic()
        self.outcome: Answer | FetchError | None = None
        self.failed: FetchError | None = None  # why no more is wanted
        self.waits_since: float | None = None
        self._is_patient = True
        self._account, self._max_bytes = account, max_bytes
        self._conditions = {
            name: value
            for name, value in (
                ("If-None-Match", feed.etag),
                ("If-Modified-Since", feed.last_modified),
            )
            if value and value.isprintable()
        }
        self._hops: list[tuple[int, str]] = []
        self._form = urlencode(feed.form) if feed.form else None

    def begin(self) -> None:
        """Make the first address ready; raise AddressRefused if it cannot be asked."""
        self._ask(read_address(self.feed.address))

    def _ask(self, address: Address) -> None:
        self.address = address
        self._next: Address | None = None
        self._status = 0
        self._headers = Headers()
        self._in_headers = self._is_complete = self._is_wanted = False
        self._headers_bytes = self._count = self._packed_bytes = 0
        self._unpacker: Unpacker | None = None
        self._piece = b""  # for which there was no memory
        self._body = bytearray()

    # --- what is asked

    @property
    def form(self) -> str | None:
        """What is posted, as a form; None for GET."""
        return self._form

    @property
    def headers(self) -> list[str]:
        """The headers of the present request."""
        lines = [f"Accept: {ACCEPT}", f"Accept-Encoding: {ENCODINGS}"]
        lines += [f"{name}: {value}" for name, value in self._conditions.items()]
        if self.address.authorization:
            lines.append(f"Authorization: {self.address.authorization}")
        return lines

    @property
    def in_body(self) -> bool:
        """Whether all headers have come."""
        return self._is_complete

    # --- what comes

    def take_header(self, line: bytes) -> Go:
        """Take the next line of what the server says before and after its body."""
        self._headers_bytes += len(line)
        if len(line) > MAX_HEADER_BYTES or self._headers_bytes > MAX_HEADERS_BYTES:
            return self._fail(failure("not proper HTTP: headers too long"))
        if self._is_complete:  # a trailer, of which nothing is needed
            return Go.ON
        if not self._in_headers:
            return self._take_status(line)
        text = line.rstrip(b"\r\n").decode("utf-8", "surrogateescape")
        if not text:
            return self._take_end_of_headers()
        self._count += 1
        if self._count > MAX_HEADERS:
            return self._fail(failure(f"not proper HTTP: more than {MAX_HEADERS} headers"))
        name, _, value = text.partition(":")
        name = name.rstrip().lower()
        if name == "link" and name in self._headers:
            self._headers[name] += ", " + value.strip()
        else:
            self._headers.setdefault(name, value.strip())
        return Go.ON

    def _take_status(self, line: bytes) -> Go:
        words = line.split(None, 2)
        status = words[1] if len(words) > 1 else b""
        if not status.isdigit() or len(status) != _STATUS_DIGITS:
            return self._fail(failure("not proper HTTP: no status"))
        self._status = int(status)
        self._in_headers = True
        self._headers.clear()
        return Go.ON

    def _take_end_of_headers(self) -> Go:
        if self._status in _INTERIM and self._status != _SWITCHED:
            self._in_headers, self._count = False, 0
            return Go.ON
        self._is_complete = True
        location = self._headers.get("location")
        if self._status in _REDIRECTS and location:
            try:
                self._redirect(location)
            except FetchError as error:
                return self._fail(error)
        else:
            self._is_wanted = self._is_good and self._status != HTTPStatus.NOT_MODIFIED
        length = self._headers.get("content-length")
        if self._is_wanted:
            if length.isdecimal() and int(length[:20]) > self._max_bytes:
                return self._fail(self._too_large())
            self._unpacker = unpacker(self._headers.get("content-encoding"))
            return Go.ON
        ends_here = length == "0" or self._status in {
            HTTPStatus.NO_CONTENT,
            HTTPStatus.NOT_MODIFIED,
        }
        return Go.ON if ends_here else Go.NO_FURTHER

    @property
    def _is_good(self) -> bool:
        if self._status == HTTPStatus.NOT_MODIFIED:
            return bool(self._conditions)  # else it is nobody's answer
        posted = self.feed.form and HTTPStatus.OK <= self._status < HTTPStatus.MULTIPLE_CHOICES
        return self._status == HTTPStatus.OK or bool(posted)

    def _redirect(self, location: str) -> None:
        if len(self._hops) >= MAX_REDIRECTS:
            raise FetchError(f"more than {MAX_REDIRECTS} redirects")
        self._next = follow(self.address, location)
        self._hops.append((self._status, self._next.url))

    def take_body(self, packed: bytes) -> Go:
        """Take the next bytes of the body; with `Go.WAIT`, `go_on` before there are more."""
        if self._unpacker is None:
            return Go.ON if not self._is_wanted and self._is_complete else self._no_http()
        self._packed_bytes += len(packed)
        if self._packed_bytes > self._max_bytes:
            return self._fail(self._too_large())
        self._unpacker.give(packed)
        return self.go_on()

    def go_on(self) -> Go:
        """Unpack what there is, as far as there is memory."""
        assert self._unpacker is not None  # noqa: S101 - only after `take_body`
        try:
            while piece := self._piece or self._unpacker.read():
                self._piece = b""
                if len(self._body) + len(piece) > self._max_bytes:
                    return self._fail(self._too_large())
                if not self._account.take(len(piece), force=self._has_waited_long()):
                    self._piece = piece
                    return Go.WAIT
                self._body += piece
        except CannotUnpack:
            return self._fail(FetchError(CUT_SHORT))
        return Go.ON

    def _has_waited_long(self) -> bool:
        """Return whether it once waited so long that the rest shall not wait again."""
        if self.waits_since is not None and monotonic() - self.waits_since > PATIENCE_S:
            self._is_patient = False
        return not self._is_patient

    def _too_large(self) -> AnswerTooLarge:
        return AnswerTooLarge(f"more than {self._max_bytes:,} bytes")

    def _no_http(self) -> Go:
        return self._fail(failure("not proper HTTP: a body before its headers"))

    def _fail(self, error: FetchError) -> Go:
        self.failed = error
        return Go.NO_FURTHER

    # --- what comes of it

    def end(self) -> bool:
        """Take the end of a request that went well; return whether `address` is to be asked now."""
        if not self._is_complete:
            self.fail(FetchError(NO_ANSWER))
        elif self._next is not None:
            if self._status in _ASKED_AGAIN_BY_GET:
                self._form = None
            self._ask(self._next)
            return True
        elif not self._is_good:
            self.fail(
                FetchError(
                    f"HTTP {self._status}", status=self._status, retry_after=self._retry_after()
                )
            )
        else:
            self._answer()
        return False

    def take(self) -> Answer | FetchError:
        """Return the outcome, once, and forget it: its body is the caller's to let go of."""
        outcome, self.outcome = self.outcome, None
        assert outcome is not None  # noqa: S101 - only called for what is done
        return outcome

    def fail(self, error: FetchError) -> None:
        """End with *error*."""
        self._account.close()
        error.took = self._took()
        self.outcome = error

    def _took(self) -> timedelta:
        return timedelta(seconds=monotonic() - self.began)

    def _answer(self) -> None:
        try:
            if self._unpacker is not None:
                self._unpacker.end()
        except CannotUnpack:
            self.fail(FetchError(CUT_SHORT))
            return
        headers = self._headers
        links = headers.get("link")
        answer = Answer(
            status=self._status,
            url=self.address.url,
            body=bytes(self._body),
            content_type=headers.get("content-type") or None,
            etag=_validator(headers.get("etag")),
            last_modified=_validator(headers.get("last-modified")),
            retry_after=self._retry_after(),
            fresh_for=read_freshness(headers, now=datetime.now(UTC)),
            moved_to=moved_to(self.feed.address, self._hops) if self._hops else None,
            took=self._took(),
            hub=header_link(links, "hub", base=self.address.url) if links else None,
            topic=header_link(links, "self", base=self.address.url) if links else None,
        )
        self._body = bytearray()
        if self._account.taken:
            finalize(answer, self._account.close).atexit = False
        self.outcome = answer

    def _retry_after(self) -> timedelta | None:
        """Read Retry-After by the server's own clock, if it tells the time; ours may differ."""
        value = self._headers.get("retry-after")
        if not value:
            return None
        try:
            now = parsedate_to_datetime(self._headers.get("date")).astimezone(UTC)
        except (ValueError, OverflowError):
            now = datetime.now(UTC)
        return read_retry_after(value, now=now)


def _validator(value: str) -> str | None:
    """Return *value* if it is text that can be kept and sent back (RFC 9110, 5.5)."""
    return value if value and value.isprintable() else None
