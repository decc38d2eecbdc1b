"""The settings, as frozen pydantic models: their keys, types, defaults and JSON Schema.

* A key is here only if something in the program heeds it; any other key is a mistake.
* Companies and topics stand here as they were written; `Config.lexicon` is what they mean.
* Passwords are `SecretStr`: they do not show in a log, a message or `monitor config show`.
"""

import hashlib
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Final, Literal, NamedTuple, Self
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, PrivateAttr, SecretStr, model_validator

from monitor import model
from monitor.config import types, values
from monitor.config.channels import ChannelSettings
from monitor.config.delivery import DeliverySettings
from monitor.config.frozen import Settings, default_duration
from monitor.config.mailbox import ImapSettings
from monitor.config.places import Places
from monitor.config.running import (
    BackupSettings,
    MetricsSettings,
    RetentionSettings,
    TracingSettings,
)
from monitor.config.subscriptions import SubscriptionSettings
from monitor.config.web import WebSettings

if TYPE_CHECKING:  # it is slow to import, and most starts need none
    from monitor.detect.lexicon import Lexicon

COMPANIES: Final = ("alibaba", "ant", "tencent", "xiaomi", "huawei", "baidu")
TOPICS: Final = ("antitrust", "ipo", "listing")
_LONGEST_ID: Final = 60


class PageSettings(Settings):
    """How to read a web page that lists articles, for a site without a feed: CSS selectors."""

    items: types.Selector
    """Finds each article's part of the page."""
    title: types.Selector | None = None
    """Finds the title within that part; the words of its link if not given."""
    link: types.Selector | None = None
    """Finds the link, or what it stands in; the first of the part if not given."""
    date: types.Selector | None = None
    """Finds the date of publication."""
    summary: types.Selector | None = None
    """Finds the text, in one piece or several."""
    timezone: types.Zone = Field(default=ZoneInfo("UTC"), json_schema_extra={"default": "UTC"})
    """IANA time zone of dates that name none."""

    def to_model(self) -> model.Page:
        """Return the same as the program knows it."""
        zone = self.timezone.key
        return model.Page(self.items, self.title, self.link, self.date, self.summary, zone)


class FeedSettings(Settings):
    """A feed: an address that is polled, or a mailbox."""

    url: types.WebAddress | None = None
    """The feed's address, http or https. Either this or `imap`."""
    id: types.Key | None = None
    """What commands and tables call the feed; made from the address if not given."""
    name: types.Line | None = None
    """What mails and pages call the feed; its id if not given."""
    language: types.Language | None = None
    """The language of its articles, unless the feed itself says."""
    interval: types.Duration | None = None
    """How often it is polled, instead of `polling.interval`."""
    company: str | None = None
    """The company every article of this feed is about, such as a filings feed."""
    terms: types.Line | None = None
    """What the publisher allows, for your own records."""
    enabled: bool = True
    """Whether it is polled."""
    page: PageSettings | None = None
    """How to read it, if it is a web page."""
    imap: ImapSettings | None = None
    """A mailbox that newsletters come to; such a feed needs an `id`."""
    full_text: bool = False
    """Whether the pages of its articles are read too: only where `terms` say that it is allowed."""

    @model_validator(mode="after")
    def _may_read_pages(self) -> Self:
        if self.full_text and not self.terms:
            raise ValueError("has `full_text` without `terms`: say there what allows it")
        return self

    @model_validator(mode="after")
    def _has_one_address(self) -> Self:
        if self.url is None and self.imap is None:
            raise ValueError("needs a `url`, or `imap` for a mailbox")
        if self.imap and (self.url or self.page):
            raise ValueError("has `imap` beside `url` or `page`: a mailbox has neither")
        if self.imap and self.id is None:
            raise ValueError("needs an `id`: a mailbox has no address to make one from")
        return self

    @property
    def address(self) -> str:
        """What is polled."""
        return self.imap.address if self.imap else self.url or ""

    def to_model(self) -> model.Feed:
        """Return the feed under its id, which is also its name unless it has one."""
        key = self.id or feed_id(self.address)
        return model.Feed(
            key=key,
            url=self.address,
            name=self.name or key,
            language=self.language,
            interval=self.interval,
            terms=self.terms,
            company=self.company,
            enabled=self.enabled,
            page=self.page.to_model() if self.page else None,
            full_text=self.full_text,
        )


class PollingSettings(Settings):
    """How feeds are asked for and read."""

    interval: types.Duration = default_duration("15m")
    """How often a feed is polled that has no `interval` of its own."""
    min_interval: types.Duration | None = None
    """How often at most after a gap; a quarter of the interval if not given."""
    max_interval: types.Duration = Field(
        default_factory=lambda data: max(
            data.get("interval", values.read_duration("15m")), values.read_duration("1h")
        ),
        description="How often at least, however quiet a feed is or asks to be: 1h, or `interval`.",
    )
    concurrency: types.Count = 32
    """How many feeds are asked for at once."""
    per_host: types.Count = 2
    """How many feeds of one host are asked for at once; those in `allow_private` any number."""
    timeout: types.Duration = default_duration("60s")
    """How long asking for one feed may take in all, redirects included."""
    max_bytes: Annotated[types.Size, Field(json_schema_extra={"default": "10MB"})] = 10_000_000
    """How large a feed may be, decoded."""
    contact: types.Contact | None = None
    """Your web or mail address, told to publishers in the User-Agent."""
    parse_timeout: types.Duration = default_duration("20s")
    """How long reading one feed may take."""
    workers: types.Count = Field(
        default_factory=lambda: min(4, os.cpu_count() or 1),
        description="How many processes read feeds: the number of cores, but at most 4.",
    )

    @model_validator(mode="after")
    def _has_ordered_intervals(self) -> Self:
        if self.min_interval and self.min_interval > self.interval:
            raise ValueError("has a `min_interval` longer than `interval`")
        if self.max_interval < self.interval:
            raise ValueError("has a `max_interval` shorter than `interval`")
        return self

    def user_agent(self, version: str) -> str:
        """Return what servers are told who asks (RFC 9110, section 10.1.5)."""
        return f"regulatory-monitor/{version}" + (f" (+{self.contact})" if self.contact else "")


class NetworkSettings(Settings):
    """Where requests may go."""

    allow_private: types.Networks = ()
    """Private networks that feeds may be in, such as 10.0.0.0/8."""


class WebSubSettings(Settings):
    """Whether publishers' hubs are asked to call when a feed changes."""

    callback: types.Origin
    """Where hubs reach the pages of this service, such as https://monitor.example.com."""


class LoggingSettings(Settings):
    """What is logged to stderr, and how."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important messages still shown."""
    format: Literal["auto", "logfmt", "json"] = "auto"
    """Auto is logfmt on a terminal and JSON otherwise."""


class Remembered(NamedTuple):
    """A lexicon that an earlier start made: its text, fingerprint, and what reads it if need be.

    *read* gives None if what was kept is not that lexicon any more; then it is made again.
    """

    content: str
    fingerprint: str
    read: "Callable[[], Lexicon | None]"


@dataclass(eq=False)
class Held:
    """What the entries of a configuration mean: the lexicon that *make* gives.

    It is *known* if an earlier start made it. *inputs* is what it is made from, as
    `monitor.config.inputs` has it. Two are equal if their lexicons are.
    """

    make: "Callable[[], Lexicon]"
    inputs: str | None
    places: Places
    known: Remembered | None = None

    def __eq__(self, other: object) -> bool:
        """Return whether *other* means the same."""
        return isinstance(other, Held) and self.fingerprint == other.fingerprint

    def __hash__(self) -> int:
        """Return the hash of what it means."""
        return hash(self.fingerprint)

    @cached_property
    def lexicon(self) -> "Lexicon":
        """The lexicon itself."""
        return (self.known and self.known.read()) or self.make()

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the lexicon."""
        return self.known.fingerprint if self.known else self.lexicon.fingerprint

    @property
    def text(self) -> tuple[str, str]:
        """The canonical text of the lexicon and its fingerprint: as they were kept, unread."""
        if self.known:
            return self.known.content, self.known.fingerprint
        return self.lexicon.canonical, self.lexicon.fingerprint


class Config(Settings):
    """The whole configuration; made by `monitor.config.load`, which also checks it."""

    companies: Annotated[tuple[types.WatchedCompany, ...], Field(min_length=1)] = COMPANIES
    """Who is watched: names from the bundled lexicon, definitions in place, or files of them."""
    topics: Annotated[tuple[types.WatchedTopic, ...], Field(min_length=1)] = TOPICS
    """What about: names from the bundled lexicon, definitions in place, or files of them."""
    feeds: tuple[
        Annotated[
            FeedSettings,
            BeforeValidator(
                lambda given: {"url": given} if isinstance(given, str) else given,
                json_schema_input_type=str | FeedSettings,
            ),
        ],
        ...,
    ] = ()
    """Which feeds are polled: addresses, or mappings."""
    subscriptions: tuple[SubscriptionSettings, ...] = ()
    """Who gets what, when."""
    channels: dict[types.Key, ChannelSettings] = Field(default_factory=dict)
    """Chats and webhooks, by the names that subscriptions call them."""
    delivery: DeliverySettings = Field(default_factory=DeliverySettings)
    """How digests leave."""
    database: types.Database = Field(
        default=SecretStr("sqlite:///monitor.db"),
        json_schema_extra={"default": "sqlite:///monitor.db"},
    )
    """Where everything is kept: a SQLite file, or PostgreSQL."""
    database_file: types.Line | None = None
    """A file that holds the database's address instead."""
    cluster: bool = False
    """Whether any number of `monitor run` share the work; needs PostgreSQL."""
    polling: PollingSettings = Field(default_factory=PollingSettings)
    """How feeds are asked for and read."""
    websub: WebSubSettings | None = None
    """Whether hubs are asked to call when a feed changes."""
    network: NetworkSettings = Field(default_factory=NetworkSettings)
    """Where requests may go."""
    web: WebSettings = Field(default_factory=WebSettings)
    """Web pages, and what mails link to."""
    retention: RetentionSettings = Field(default_factory=RetentionSettings)
    """How long what is kept."""
    backup: BackupSettings | None = None
    """When the database is copied, and where to."""
    metrics: MetricsSettings = Field(default_factory=MetricsSettings)
    """Figures for Prometheus."""
    tracing: TracingSettings = Field(default_factory=TracingSettings)
    """Spans for OpenTelemetry."""
    logging: LoggingSettings = Field(default_factory=LoggingSettings)
    """What is logged to stderr."""

    _held: Held = PrivateAttr()
    _warnings: tuple[str, ...] = PrivateAttr(default=())

    def hold(self, held: Held) -> None:
        """Hold what the entries mean."""
        self._held = held

    def warn(self, warnings: Iterable[str]) -> None:
        """Hold what works but is likely to find too much."""
        self._warnings = tuple(warnings)

    @property
    def lexicon(self) -> "Lexicon":
        """The companies and topics watched, with the bundled stages and regulators."""
        return self._held.lexicon

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the lexicon, which need not be read for it."""
        return self._held.fingerprint

    @property
    def lexicon_text(self) -> tuple[str, str]:
        """Its canonical text and fingerprint, for `monitor.detect.canonical.recall`."""
        return self._held.text

    @property
    def remembered(self) -> bool:
        """Whether the lexicon is from an earlier start."""
        return self._held.known is not None

    @property
    def inputs(self) -> str | None:
        """What the lexicon was made from; None if that cannot be told."""
        return self._held.inputs

    @property
    def warnings(self) -> tuple[str, ...]:
        """What works but is likely to find too much: a sentence each, with file and line."""
        return self._warnings

    def place_of(self, *path: str | int) -> str:
        """Return where the value at *path* stands, for a mistake that shows when it is used."""
        return self._held.places.place(path)

    @property
    def database_url(self) -> str:
        """The database's address with its password: for the engine, never for a log."""
        return self.database.get_secret_value()

    def model_feeds(self) -> tuple[model.Feed, ...]:
        """Return all feeds in file order, those switched off included."""
        return tuple(feed.to_model() for feed in self.feeds)

    def model_subscriptions(self) -> tuple[model.Subscription, ...]:
        """Return all subscriptions in file order."""
        ranks = {stage.key: stage.rank for stage in self.lexicon.stages}
        return tuple(subscription.to_model(ranks) for subscription in self.subscriptions)


def feed_id(url: str) -> str:
    """Return the id of a feed that was given none: its address in lower-case words.

    It depends on nothing but the address, so that a feed keeps its id when others come and go.
    A long address is cut and ends in six digits of its SHA-256.
    """
    words = re.sub(r"[^a-z0-9]+", "-", re.sub(r"^https?://(www\.)?", "", url.lower())).strip("-")
    if words and len(words) <= _LONGEST_ID:
        return words
    return f"{words[:_LONGEST_ID]}-{hashlib.sha256(url.encode()).hexdigest()[:6]}".strip("-")
