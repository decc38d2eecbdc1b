"""Feeds: what is polled, how it fares, what came back; pushes and pages of articles."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING

from monitor.model.documents import Wishes

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from monitor.model.documents import Page, WebPage


class FeedState(StrEnum):
    """Health of a feed; the rules are in `monitor.feeds.health`."""

    PROBATION = "probation"  # never answered with a feed yet
    OK = "ok"
    STALE = "stale"  # answers, but has brought nothing new for long, by its own rhythm
    PLACEHOLDER = "placeholder"  # answers with a notice that stands in for the feed
    FAILING = "failing"  # the last poll failed
    DEAD = "dead"  # failed for long, or the server said 410 Gone
    OFF = "off"  # switched off, or no longer in the configuration


class PollOutcome(StrEnum):
    """How one poll ended."""

    STORED = "stored"  # an answer that was read and stored
    UNCHANGED = "unchanged"  # 304, or the same bytes as last time
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed as configured. *key* is its id; *company* binds every article to one company."""

    key: str
    url: str
    name: str
    language: str | None = None
    interval: timedelta | None = None
    terms: str | None = None
    company: str | None = None
    enabled: bool = True
    page: Page | None = None
    full_text: bool = False


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How a feed publishes, as far as it was watched; the rules are in `monitor.feeds.rhythm`.

    *news_at* is when it last brought something new; *gaps* are the last waits between polls that
    did; *dated_gap* is the usual time between the dates of its entries.
    """

    news_at: datetime | None = None
    gaps: tuple[timedelta, ...] = ()
    dated_gap: timedelta | None = None


@dataclass(frozen=True, slots=True)
class FeedToPoll:
    """A claimed feed: what is needed to ask for it again, and how it fared so far.

    *address* is what is asked: *url*, or *moved_to* once a permanent redirect has held for long.
    *host* is what few feeds at once may be asked of, None where any number may. *haste* counts
    how often its interval was halved after gaps. *prints* and *shown* are of the entries it showed
    last, in order: what tells whether one is the same, and its article. With *full_text* the pages
    of its articles are read too. Until *push_until* a hub calls when it changes. *form* is posted
    to the address, which is then no feed's.
    """

    id: int
    key: str
    url: str
    name: str
    language: str | None
    company: str | None
    interval: timedelta | None
    etag: str | None
    last_modified: str | None
    body_hash: str | None
    failures: int
    last_ok_at: datetime | None = None
    host: str | None = None
    state: FeedState = FeedState.PROBATION
    rhythm: Rhythm = Rhythm()
    wishes: Wishes = Wishes()  # noqa: RUF009 - frozen
    haste: int = 0
    moved_to: str | None = None
    moved_since: datetime | None = None
    moved: bool = False
    page: Page | WebPage | None = None
    prints: bytes = b""
    shown: tuple[int, ...] = ()
    full_text: bool = False
    push_until: datetime | None = None
    form: tuple[tuple[str, str], ...] = ()

    @classmethod
    def once(
        cls,
        number: int,
        key: str,
        url: str,
        *,
        page: Page | WebPage | None = None,
        form: tuple[tuple[str, str], ...] = (),
    ) -> FeedToPoll:
        """Return what is asked for once, of which nothing is known and nothing remembered."""
        return cls(
            id=number,
            key=key,
            url=url,
            name=key,
            language=None,
            company=None,
            interval=None,
            etag=None,
            last_modified=None,
            body_hash=None,
            failures=0,
            page=page,
            form=form,
        )

    @property
    def address(self) -> str:
        """Return the address to ask."""
        return self.moved_to if self.moved and self.moved_to else self.url


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Answer:
    """What a server answered: 200 with a body, or 304 without one; else a FetchError is raised.

    *body* is decoded from its content encoding (gzip, deflate, br, zstd) but not from its charset.
    *url* is the address after redirects; *moved_to* the one that permanent redirects lead to.
    *fresh_for* is how long HTTP says that nothing will change; *took* is the whole exchange.
    """

    status: int
    url: str
    body: bytes
    content_type: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    retry_after: timedelta | None = None
    fresh_for: timedelta | None = None
    moved_to: str | None = None
    took: timedelta | None = None
    hub: str | None = None
    topic: str | None = None
    _hash: str | None = field(default=None, init=False, repr=False, compare=False)
    _size: int | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def size(self) -> int:
        """How many bytes the body has, or had."""
        return len(self.body) if self._size is None else self._size

    def without_body(self) -> Answer:
        """Return what is known of the answer once its body was read, which needs no memory more."""
        bare = replace(self, body=b"")
        object.__setattr__(bare, "_hash", self.body_hash)
        object.__setattr__(bare, "_size", self.size)
        return bare

    @property
    def body_hash(self) -> str:
        """What tells whether two answers have the same body, worked out once."""
        if self._hash is None:
            object.__setattr__(self, "_hash", sha256(self.body).hexdigest())
        return self._hash or ""


class PushState(StrEnum):
    """Where it stands with the hub of a feed."""

    WANTED = "wanted"  # to be asked for
    ASKED = "asked"  # the hub has yet to ask back
    HELD = "held"  # the hub has promised to call
    REFUSED = "refused"  # the hub said no; it is asked again later
    LEAVING = "leaving"  # the hub is to stop


@dataclass(frozen=True, slots=True)
class Push:
    """What is known of a push when its hub speaks: whose it is, and what makes it ours."""

    feed: int
    feed_key: str
    topic: str
    secret: str = field(repr=False)
    state: PushState = PushState.WANTED


@dataclass(frozen=True, slots=True)
class PushToAsk:
    """A claimed push; *attempt* is the fence against whatever happens while its hub is asked."""

    id: int
    attempt: int
    hub: str
    topic: str
    token: str
    secret: str = field(repr=False)
    leaving: bool = False


class FullTextStatus(StrEnum):
    """Where the reading of an article's page stands; the rules are in `monitor.feeds.fulltext`."""

    WAITING = "waiting"
    STORED = "stored"  # the article has the text of its page
    NOTHING = "nothing"  # the page has no more than the feed gave
    GIVEN_UP = "given_up"  # it could not be read, and is not tried again


@dataclass(frozen=True, slots=True)
class PageToRead:
    """A claimed page; *attempt* is the fence against a worker whose lease ran out.

    *title* and *lead* are the article's text as the feed gave it, its *revision*. *bound* is the
    company it is about, whatever it says.
    """

    id: int
    attempt: int
    article: int
    revision: int
    feed: str
    url: str
    title: str
    lead: str
    bound: str | None
    published_at: datetime | None
