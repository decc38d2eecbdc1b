"""The only place that builds real parts: engine, HTTP client, parser, mailer, clock.

Everything is built when first asked for, so that a short command pays only for what it uses.
"""

from __future__ import annotations

import os
import secrets
import socket
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Self

from sqlalchemy import Engine

from monitor import config as configuration
from monitor import logs, traces
from monitor.config import Remembered
from monitor.errors import ConfigError, Mistake
from monitor.model import Way
from monitor.resources import version
from monitor.store import feeds, keys, lexicons, migrate, subscriptions, workers
from monitor.store.engine import open_engine, usable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from threading import Event
    from types import TracebackType

    from sqlalchemy import Engine

    from monitor.config import Config
    from monitor.deliver.folder import FolderMailer
    from monitor.deliver.smtp import SmtpMailer
    from monitor.deliver.ways import Channel, Ways
    from monitor.detect.lexicon import Lexicon
    from monitor.digest.names import Names
    from monitor.digest.render import Renderer
    from monitor.feeds.fetch import HttpFetcher
    from monitor.feeds.guard import Guard
    from monitor.feeds.mailbox import Mailboxes
    from monitor.feeds.parse.children import BoundedParser
    from monitor.links import Links
    from monitor.model import Subscription
    from monitor.pipeline.alert import AlertStep
    from monitor.pipeline.backup import BackupStep
    from monitor.pipeline.compose import ComposeStep
    from monitor.pipeline.full_text import FullTextStep
    from monitor.pipeline.heartbeat import HeartbeatStep
    from monitor.pipeline.poll import PollStep
    from monitor.pipeline.push import PushStep
    from monitor.pipeline.rematch import RematchStep
    from monitor.ports import Clock

PARSER_MEMORY_BYTES = 1 << 30  # of address space for one child; a 50 MB feed stays well below


def _alive(pid: int) -> bool:
    """Return whether another process has *pid*: our own number belonged to a predecessor."""
    if pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # somebody else's
    return True


def _read_lexicon(content: str, fingerprint: str) -> Lexicon | None:
    from monitor.detect.canonical import recall

    return recall(content, fingerprint)


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the present instant, aware and in UTC."""
        return datetime.now(UTC)


class App:
    """The real parts of one process, on one configuration. A context manager: leaving it closes."""

    def __init__(
        self, config: Config, clock: Clock | None = None, engine: Engine | None = None
    ) -> None:
        self.config = config
        self._engine = engine
        self.clock: Clock = clock or SystemClock()
        self.worker = f"{socket.gethostname()}:{os.getpid()}"
        if config.cluster:  # replicas in containers may share host names and process numbers
            self.worker += f"#{secrets.token_hex(4)}"
        self._closing = ExitStack()

    @classmethod
    def load(cls, path: str | Path, environ: Mapping[str, str] | None = None) -> Self:
        """Read the configuration at *path*, set up the logs, and return the application.

        *environ* stands for the process's environment. Raises ConfigError.
        """
        opened: list[Engine] = []

        def memory(url: str, inputs: str) -> Remembered | None:
            opened.append(open_engine(url))
            found = lexicons.remembered(opened[0], inputs)
            return found and Remembered(*found, partial(_read_lexicon, *found))

        try:
            config = configuration.load(path, os.environ if environ is None else environ, memory)
        except BaseException:
            for engine in opened:
                engine.dispose()
            raise
        logs.set_up(config.logging.level, config.logging.format)
        return cls(config, engine=next(iter(opened), None))

    def __enter__(self) -> Self:
        """Return the application itself; a database that fails from now on is a StoreError."""
        self._closing.enter_context(usable(self.database_url))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close whatever was opened, last first."""
        self._closing.__exit__(kind, error, trace)

    @property
    def database_url(self) -> str:
        """The database's address, with its password."""
        return self.config.database_url

    @cached_property
    def engine(self) -> Engine:
        """The engine; connects to nothing yet."""
        engine = self._engine or open_engine(self.database_url)
        self._closing.callback(engine.dispose)
        return engine

    @cached_property
    def store(self) -> Engine:
        """The engine, on a database at the schema we need."""
        with usable(self.database_url):
            migrate.require(self.engine)
        return self.engine

    def prepare(self) -> None:
        """Upgrade the database, and make it agree with the configuration; begin to trace."""
        self._trace()
        with usable(self.database_url):
            migrate.upgrade(self.engine)
        now, interval = self.clock.now(), self.config.polling.interval
        configured, host_of = self.config.model_feeds(), self.guard.host_of
        with self.store.begin() as connection:
            feeds.sync(connection, configured, now=now, interval=interval, host_of=host_of)
            names = [subscription.name for subscription in self.config.subscriptions]
            subscriptions.sync(connection, names, now=now)
            if not self.config.remembered:
                lexicons.keep(
                    connection,
                    fingerprint=self.lexicon.fingerprint,
                    content=self.lexicon.canonical,
                    inputs=self.config.inputs,
                    now=now,
                )

    def _trace(self) -> None:
        endpoint = self.config.tracing.endpoint
        if endpoint is None:
            return
        try:
            ended = traces.set_up(endpoint, version=version(), process=self.worker)
        except ModuleNotFoundError as error:
            needs = "needs OpenTelemetry: pip install 'regulatory-monitor[tracing]'"
            raise ConfigError(Mistake("", "tracing.endpoint", needs)) from error
        self._closing.callback(ended)

    def build(self) -> None:
        """Build all parts of the line: what cannot be built stops the start, not a tick."""
        _ = self.poll_step.detector.built, self.compose_step, self.ways, self.full_text_step
        _ = self.alert_step

    def take_over(self) -> int:
        """Give back what a process that died on this machine had claimed; return how much."""
        host = socket.gethostname()
        with self.store.begin() as connection:
            return workers.take_over(connection, host, alive=_alive, now=self.clock.now())

    @cached_property
    def lexicon(self) -> Lexicon:
        """The companies, topics, stages and regulators that are watched."""
        return self.config.lexicon

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the lexicon, which need not be read for it."""
        return self.config.fingerprint

    @cached_property
    def subscriptions(self) -> Sequence[Subscription]:
        """The subscriptions of the configuration."""
        return self.config.model_subscriptions()

    @cached_property
    def guard(self) -> Guard:
        """What judges the addresses feeds may lead to."""
        from monitor.feeds.guard import Guard

        return Guard(self.config.network.allow_private)

    @cached_property
    def fetcher(self) -> HttpFetcher:
        """The HTTP client of the polls."""
        return self.build_fetcher(self.config.polling.concurrency)

    def build_fetcher(self, connections: int) -> HttpFetcher:
        """Return an HTTP client that asks so many addresses at once."""
        from monitor.feeds.fetch import HttpFetcher

        polling = self.config.polling
        return HttpFetcher(
            guard=self.guard,
            user_agent=polling.user_agent(version()),
            timeout=polling.timeout,
            max_bytes=polling.max_bytes,
            connections=connections,
            mailboxes=self.mailboxes,
        )

    @cached_property
    def mailboxes(self) -> Mailboxes | None:
        """The mailboxes among the feeds; None if there is none."""
        configured = {feed.id: feed.imap for feed in self.config.feeds if feed.imap and feed.id}
        if not configured:
            return None
        from monitor.feeds.mailbox import Mailboxes

        polling = self.config.polling
        mailboxes = {key: settings.to_mailbox() for key, settings in configured.items()}
        return Mailboxes(
            mailboxes, guard=self.guard, timeout=polling.timeout, max_bytes=polling.max_bytes
        )

    @cached_property
    def parser(self) -> BoundedParser:
        """The parser of the polls, in children that can be killed; it examines what is new."""
        workers = self.config.polling.workers
        parser = self._build_parser(workers, lambda: self.config.lexicon_text)
        return self._closing.enter_context(parser)

    @cached_property
    def plain_parser(self) -> BoundedParser:
        """The same, for those who only want to know what can be read."""
        return self._closing.enter_context(self._build_parser(self.config.polling.workers))

    def _build_parser(
        self, workers: int, lexicon: Callable[[], tuple[str, str]] | None = None
    ) -> BoundedParser:
        from monitor.feeds.parse.children import BoundedParser

        return BoundedParser(
            workers=workers,
            timeout=self.config.polling.parse_timeout,
            memory_bytes=PARSER_MEMORY_BYTES,
            lexicon=lexicon,
        )

    @cached_property
    def mailer(self) -> SmtpMailer | FolderMailer:
        """SMTP if it is configured, else the outbox folder."""
        from monitor.mailing import build_mailer

        if self.config.web.url is None:
            return build_mailer(self.config.delivery, lambda _list, _recipient: None)
        return build_mailer(self.config.delivery, self.links.leaving)

    @cached_property
    def links(self) -> Links:
        """The links in mails; their secret is made at the first use unless it is configured."""
        from monitor.links import KEY, Links

        web = self.config.web
        if web.secret is not None:
            return Links(web.url, web.secret.get_secret_value())
        with self.store.begin() as connection:
            return Links(web.url, keys.kept(connection, KEY, now=self.clock.now()))

    @cached_property
    def ways(self) -> Ways:
        """The mailer and the channels."""
        from monitor.deliver.ways import Ways

        return Ways(self.mailer, self.channels)

    @cached_property
    def channels(self) -> Mapping[str, Channel]:
        """The chats and webhooks, by name."""
        from monitor.mailing import build_channels

        agent = self.config.polling.user_agent(version())
        return build_channels(self.config, self.guard.check_address, agent)

    @cached_property
    def identity(self) -> str:
        """What names this database among others, made at the first use."""
        with self.store.begin() as connection:
            return keys.kept(connection, "identity", now=self.clock.now())

    @property
    def delivery_lease(self) -> timedelta:
        """How long a claimed delivery is this process's own: longer than any hand-over."""
        smtp = self.config.delivery.smtp
        channels = (channel.timeout for channel in self.config.channels.values())
        longest = max((smtp.timeout if smtp else timedelta(minutes=1)), *channels, timedelta())
        return longest + timedelta(minutes=2)

    def deliver_due(
        self, stop: Event | None = None, to: Way = Way.ANY, signed: str | None = None
    ) -> int:
        """Hand over every delivery that is due by way of *to*; return how many were taken.

        What is claimed is *signed*, or this process's.
        """
        from monitor.pipeline.deliver import deliver_due

        delivery = self.config.delivery
        of_channels = max(1, len(self.config.channels))  # each gets one at a time
        return deliver_due(
            self.store,
            self.ways,
            self.clock,
            stop,
            worker=signed or self.worker,
            lease=self.delivery_lease,
            patience=delivery.give_up_after,
            at_once=of_channels if to is Way.CHANNEL else delivery.at_once,
            to=to,
        )

    @cached_property
    def poll_step(self) -> PollStep:
        """The first step of the line."""
        from monitor.feeds.manners import Pace
        from monitor.pipeline.matches import LateDetector
        from monitor.pipeline.poll import CLAIM, PollStep

        polling = self.config.polling
        return PollStep(
            engine=self.store,
            clock=self.clock,
            fetcher=self.fetcher,
            parser=self.parser,
            lexicon=self.fingerprint,
            detector=LateDetector(lambda: self.lexicon),
            pace=Pace(
                usual=polling.interval,
                longest=polling.max_interval,
                shortest=polling.min_interval,
            ),
            # Were it too short, a feed would be polled twice at once, which changes nothing.
            lease=polling.timeout + 2 * polling.parse_timeout + timedelta(minutes=1),
            worker=self.worker,
            batch=min(CLAIM, polling.concurrency),
            per_host=polling.per_host,
        )

    def wants_full_texts(self) -> bool:
        """Return whether a feed asks for full texts; raise ConfigError if what reads them lacks."""
        asking = next((feed for feed in self.config.model_feeds() if feed.full_text), None)
        # Only looked for: it is imported in the child that needs it.
        lacking = any(find_spec(name) is None for name in ("trafilatura", "lxml_html_clean"))
        if asking is not None and lacking:
            needs = "needs trafilatura: pip install 'regulatory-monitor[fulltext]'"
            raise ConfigError(Mistake("", f"feeds, {asking.key}: full_text", needs))
        return asking is not None

    @cached_property
    def full_text_step(self) -> FullTextStep | None:
        """The step that reads the pages of articles; None if no feed asks for that."""
        if not self.wants_full_texts():
            return None
        from monitor.pipeline.full_text import AT_ONCE, FullTextStep

        polling = self.config.polling
        self.page_fetcher = self.build_fetcher(AT_ONCE)
        self.page_parser = self._closing.enter_context(self._build_parser(1))
        return FullTextStep(
            engine=self.store,
            clock=self.clock,
            fetcher=self.page_fetcher,
            parser=self.page_parser,
            lexicon=self.fingerprint,
            detector=self.poll_step.detector,
            lease=polling.timeout + (AT_ONCE + 1) * polling.parse_timeout + timedelta(minutes=1),
            worker=self.worker,
        )

    @cached_property
    def push_step(self) -> PushStep | None:
        """The step that asks hubs to call; None unless they can reach us."""
        if self.config.websub is None:
            return None
        from monitor.pipeline.push import AT_ONCE, PushStep

        self.hub_fetcher = self.build_fetcher(AT_ONCE)
        return PushStep(
            engine=self.store,
            clock=self.clock,
            fetcher=self.hub_fetcher,
            callback=self.config.websub.callback.rstrip("/"),
            lease=self.config.polling.timeout + timedelta(minutes=1),
            worker=self.worker,
        )

    @cached_property
    def heartbeat_step(self) -> HeartbeatStep | None:
        """The step that tells a watcher outside; None if there is none."""
        url = self.config.delivery.heartbeat
        if url is None:
            return None
        from monitor.pipeline.heartbeat import HeartbeatStep

        self.heartbeat_fetcher = self.build_fetcher(1)
        return HeartbeatStep(
            engine=self.store,
            clock=self.clock,
            fetcher=self.heartbeat_fetcher,
            url=url.get_secret_value(),
            subscriptions=self.subscriptions,
            lease=self.config.polling.timeout + timedelta(minutes=1),
        )

    @cached_property
    def backup_step(self) -> BackupStep | None:
        """The step that copies the database; None if that is not wished."""
        settings = self.config.backup
        if settings is None:
            return None
        from pathlib import Path

        from monitor.pipeline.backup import BackupStep

        return BackupStep(
            engine=self.store,
            clock=self.clock,
            folder=Path(settings.folder),
            schedule=settings.to_schedule(),
            keep=settings.keep,
        )

    def prune(self, stop: Event | None = None) -> dict[str, int]:
        """Delete what is kept for a time only; return what, and how many."""
        from monitor.pipeline.prune import Retention, prune

        kept = self.config.retention
        return prune(
            self.store,
            Retention(kept.near_misses, kept.polls, kept.articles, kept.full_texts, kept.digests),
            now=self.clock.now(),
            stop=stop,
        )

    def rematch_step(self, *, news_since: datetime, jobs: int = 1) -> RematchStep:
        """Return the step that applies the rules to stored articles."""
        from monitor.pipeline.rematch import RematchStep

        return RematchStep(self.store, self.clock, self.lexicon, news_since, jobs)

    @cached_property
    def renderers(self) -> Mapping[str | None, Renderer]:
        """A renderer for each folder of templates in use, and one with the shipped ones alone."""
        from monitor.digest.render import Renderer
        from monitor.digest.samples import proven

        return {
            folder: proven(folder) if folder else Renderer()
            for folder in (None, *(subscription.templates for subscription in self.subscriptions))
        }

    @cached_property
    def names(self) -> Names:
        """What mails and pages call companies, topics, stages and regulators."""
        from monitor.digest.names import names_of

        return names_of(self.lexicon)

    @cached_property
    def compose_step(self) -> ComposeStep:
        """The step that makes digests."""
        from monitor.deliver.message import address_of, body_octets
        from monitor.pipeline.compose import ComposeStep
        from monitor.pipeline.edition import Editor

        delivery = self.config.delivery
        links = self.links if self.config.web.url is not None else None
        return ComposeStep(
            engine=self.store,
            clock=self.clock,
            subscriptions=self.subscriptions,
            editor=Editor(
                names=self.names,
                fingerprint=self.fingerprint,
                measure=body_octets,
                permalink=links.digest if links else lambda _subscription, _slot: None,
                contact=delivery.contact,
            ),
            renderer=lambda subscription: self.renderers[subscription.templates],
            domain=address_of(delivery.sender).rpartition("@")[2],
            links=links,
        )

    @cached_property
    def alert_step(self) -> AlertStep:
        """The step that tells at once."""
        from monitor.deliver.message import address_of, body_octets
        from monitor.digest.alert_words import AlertRenderer
        from monitor.pipeline.alert import AlertStep

        lexicon = self.lexicon
        return AlertStep(
            engine=self.store,
            clock=self.clock,
            subscriptions=self.subscriptions,
            renderer=AlertRenderer(),
            names={
                "companies": {item.key: item.name for item in lexicon.companies},
                "topics": {item.key: item.name for item in lexicon.topics},
                "stages": {item.key: item.name for item in lexicon.stages},
                "regulators": {item.key: item.name for item in lexicon.regulators},
            },
            ranks={item.key: item.rank for item in lexicon.stages},
            fingerprint=lexicon.fingerprint,
            domain=address_of(self.config.delivery.sender).rpartition("@")[2],
            measure=body_octets,
        )

    def cut_polling(self) -> None:
        """End the fetching and reading that is under way; what is unfinished comes due again."""
        for part in (
            "fetcher",
            "parser",
            "plain_parser",
            "page_fetcher",
            "page_parser",
            "hub_fetcher",
            "heartbeat_fetcher",
        ):
            if part in self.__dict__:
                getattr(self, part).close()

    def cut_delivery(self) -> None:
        """End a hand-over that is under way; whatever its state is, it is recorded as that."""
        if "ways" in self.__dict__:
            self.ways.close()
