"""Ways out: a mail address leads to the mailer, any other recipient to the channel of that name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from monitor.errors import MailRefused
from monitor.model import is_address

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from monitor.model import Mail
    from monitor.ports import Mailer


class Channel(Protocol):
    """A way out that is no mail. One hand-over at a time is asked of it."""

    def send(self, mail: Mail, before_last: Callable[[bytes, bytes | None], None]) -> None:
        """As `monitor.ports.Mailer.send`; what leaves is made from `Mail.brief`."""

    def close(self) -> None:
        """End a hand-over that is under way, from any thread."""


class Ways:
    """The mailer and all channels, as one `monitor.ports.Mailer`."""

    def __init__(self, mailer: Mailer, channels: Mapping[str, Channel]) -> None:
        self._mailer = mailer
        self._channels = channels

    def send(self, mail: Mail, before_last: Callable[[bytes, bytes | None], None]) -> None:
        """Hand *mail* over by the way of its recipient; raises as that does."""
        if is_address(mail.recipient):
            self._mailer.send(mail, before_last)
        elif mail.recipient in self._channels:
            self._channels[mail.recipient].send(mail, before_last)
        else:
            raise MailRefused(f"no channel is called {mail.recipient!r} in the configuration")

    def rest(self) -> None:
        """Let go of what is kept for the next mail."""
        self._mailer.rest()

    def close(self) -> None:
        """End all hand-overs that are under way, from any thread."""
        for way in (self._mailer, *self._channels.values()):
            close = getattr(way, "close", None)
            if close is not None:  # a folder has no dialogue to cut
                close()
