"""What the line needs from the world, as Protocols: the only things tests stand in for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from datetime import datetime, timedelta

    from monitor.errors import FetchError, ParseError
    from monitor.model import Answer, Document, FeedToPoll, Mail


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Return the present instant, aware and in UTC."""


class Fetcher(Protocol):
    """Asks servers for feeds."""

    def fetch_all(
        self, feeds: Iterable[FeedToPoll | None], *, pulse: timedelta | None = None
    ) -> Generator[tuple[FeedToPoll, Answer | FetchError] | None, None, None]:
        """Yield each feed once with its answer or error, in order of completion.

        None from *feeds* means that there is no feed to ask at the moment; with *pulse*, None is
        yielded when nothing was answered for that long. Closing the iterator cancels what is still
        under way.
        """


class Parser(Protocol):
    """Reads feeds, within bounds of time and memory."""

    def parse(self, feed: FeedToPoll, answer: Answer) -> Document:
        """Return the document in *answer*; raise ParseError when there is none."""

    def parse_all(
        self, answers: Iterable[tuple[FeedToPoll, Answer] | None], *, pulse: timedelta | None = None
    ) -> Iterator[tuple[FeedToPoll, Answer, Document | ParseError] | None]:
        """Yield each answer once with its document or error, reading several at a time.

        None from *answers* means that there is none at the moment; with *pulse*, None is yielded
        when nothing was read for that long.
        """


class Mailer(Protocol):
    """Hands mails over, to an SMTP server or to a folder. Several threads may use one."""

    def send(self, mail: Mail, before_last: Callable[[bytes, bytes | None], None]) -> None:
        """Return once *mail* is taken.

        *before_last* is called with head and body (see `Mail`) when all is sent but what makes the
        server act; what it raises ends the hand-over, and nothing was handed over then. Raises
        MailRefused, MailDeferred or MailUnsure, which say what may be done next.
        """

    def rest(self) -> None:
        """Let go of what is kept for the next mail, such as connections."""


class DigestLinks(Protocol):
    """Where a digest can be read on the web; `monitor.links.Links`."""

    def digest(self, subscription: str, slot: datetime) -> str | None:
        """Return the address of a digest's page, if readers can reach one."""

    def digest_token(self, subscription: str, slot: datetime) -> str:
        """Return what that address ends in."""
