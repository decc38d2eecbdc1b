"""SMTP: hands mails to a server, several at once, and says truly what became of each (RFC 5321).

* One deadline ends the whole hand-over, from the look-up of the name on: timeouts of a socket
  begin anew with every byte, and a slow server could hold a worker for ever.
* A connection is kept for the next mail until `rest`. Whether it still works is asked before it is
  used, so a server that hung up meanwhile costs a new connection, not a mail.
* A login that was refused is not tried again until `rest`: a thousand of them lock an account.

What is said when, and what decides, is in `monitor.deliver.dialogue`.
"""

from __future__ import annotations

import ssl
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

from monitor.deliver.dialogue import FAREWELL, Dialogue, LoginRefused, SmtpSettings
from monitor.deliver.fuse import Fuse
from monitor.deliver.message import address_of, parts
from monitor.errors import ConfigError, MailDeferred, MailError, Mistake

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import timedelta
    from pathlib import Path

    from monitor.deliver.message import Letterhead
    from monitor.model import Mail

__all__ = ["SmtpMailer", "SmtpSettings"]


class SmtpMailer:
    """Hands mails over by SMTP. A `monitor.ports.Mailer`.

    May be used from several threads. Raises ConfigError if *settings*' ca_file cannot be read.
    """

    def __init__(self, settings: SmtpSettings, letterhead: Letterhead) -> None:
        self._settings = settings
        self._letterhead = letterhead
        self._context = None if settings.security == "none" else _trust(settings.ca_file)
        self._lock = Lock()
        self._fuses: set[Fuse] = set()
        self._kept: list[Dialogue] = []
        self._login_refused: str | None = None
        self._closed = False

    def send(self, mail: Mail, before_last: Callable[[bytes, bytes | None], None]) -> None:
        """Return once the server has taken *mail*; *before_last* is called before the final dot.

        Raises MailRefused, MailDeferred or MailUnsure with the server's words, on one line and
        without the password; and what *before_last* raises.
        """
        head, body = parts(mail, self._letterhead)
        addresses = self._letterhead.address, address_of(mail.recipient)
        with self._guarded(self._settings.timeout) as fuse:
            dialogue = self._resumed(fuse) or self._fresh(fuse)
            try:
                dialogue.hand_over(*addresses, head + body, lambda: before_last(head, body))
            except MailDeferred:
                if not dialogue.again:
                    raise
                dialogue.leave(fuse)
                dialogue = self._fresh(fuse)
                dialogue.hand_over(*addresses, head + body, lambda: before_last(head, body))
            finally:
                self._keep(dialogue, fuse)

    def try_out(self) -> None:
        """Connect, encrypt and log in as for a mail, and leave; raise MailDeferred if it fails."""
        with self._guarded(self._settings.timeout) as fuse:
            self._fresh(fuse).leave(fuse)

    def rest(self) -> None:
        """End the connections kept for the next mail; try a login again that was refused."""
        with self._lock:
            kept, self._kept = self._kept, []
            self._login_refused = None
            if self._closed:
                for dialogue in kept:
                    dialogue.close()
                return
        for dialogue in kept:
            with Fuse(FAREWELL) as fuse:
                dialogue.leave(fuse)

    def close(self) -> None:
        """End all dialogues now, from any thread, and begin no more.

        Each ends with MailDeferred, or MailUnsure if its last byte may have left.
        """
        with self._lock:
            self._closed = True
            fuses = list(self._fuses)
        for fuse in fuses:
            fuse.blow("the service is stopping")
        self.rest()

    @contextmanager
    def _guarded(self, timeout: timedelta) -> Iterator[Fuse]:
        fuse = Fuse(timeout)
        with self._lock:
            if self._closed:
                raise MailDeferred("not handed over: the service is stopping")
            if self._login_refused is not None:
                raise MailDeferred(self._login_refused)
            self._fuses.add(fuse)
        try:
            with fuse:
                yield fuse
        finally:
            with self._lock:
                self._fuses.discard(fuse)

    def _resumed(self, fuse: Fuse) -> Dialogue | None:
        while True:
            with self._lock:
                if not self._kept:
                    return None
                dialogue = self._kept.pop()
            if dialogue.resume(fuse):
                return dialogue
            dialogue.close()

    def _fresh(self, fuse: Fuse) -> Dialogue:
        dialogue = Dialogue(self._settings, self._context, fuse)
        try:
            dialogue.open()
        except MailError as error:
            dialogue.leave(fuse)
            if isinstance(error, LoginRefused):
                with self._lock:
                    self._login_refused = str(error)
            raise
        return dialogue

    def _keep(self, dialogue: Dialogue, fuse: Fuse) -> None:
        with self._lock:
            keep = dialogue.usable and not self._closed
            if keep:
                self._kept.append(dialogue)
        if not keep:
            dialogue.leave(fuse)


def _trust(ca_file: Path | str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # an unreadable file, or one without a certificate
        mistake = Mistake(str(ca_file), "delivery.smtp.ca_file", f"no certificates: {error}")
        raise ConfigError(mistake) from error
