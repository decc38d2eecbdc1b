"""SMTP: hands one mail to a server, and says truly what became of it (RFC 5321).

* What decides is the final dot. Until it is sent nothing is handed over, whatever goes wrong:
  deferred. Once it is sent, only an answer tells: without one the mail is unsure (RFC 1047).
* A "no" to the recipient or the message is final. A "no" to us (login, TLS, sender) can be put
  right by the operator, so the mail is deferred and nothing is lost.
* TLS is verified and never given up: a server that does not offer it gets no mail and no password.
* One deadline ends the whole dialogue, from the look-up of the name on: timeouts of a socket
  begin anew with every byte, and a slow server could hold a worker for ever.
* The dialogue is driven command by command: `smtplib.SMTP.sendmail` does not say whether the dot
  was sent, and returns normally when only some recipients were refused.
"""

from __future__ import annotations

import re
import smtplib
import ssl
from base64 import b64encode
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Lock
from typing import TYPE_CHECKING, Literal

from monitor.deliver.fuse import Fuse, connect
from monitor.deliver.message import address_of, build
from monitor.errors import ConfigError, MailDeferred, MailRefused, MailUnsure, Mistake
from monitor.text import one_line

if TYPE_CHECKING:
    from collections.abc import Container
    from pathlib import Path

    from monitor.errors import MailError
    from monitor.model import Mail

Security = Literal["starttls", "tls", "none"]

REPLY_CHARS = 300  # of a server's words in an error
FAREWELL = timedelta(seconds=2)  # to wait for the answer to QUIT, on which nothing depends

_FINAL = range(500, 600)
_TOO_LARGE = 552
_SET_UP = frozenset({530, 534, 535, 538})  # log in first, or otherwise (RFC 4954)
_GO_ON = 354


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """A mail server and how to reach it; *timeout* is for a whole hand-over.

    With *ca_file*, a PEM file, only its authorities are trusted, not the system's.
    """

    host: str
    port: int = 587
    security: Security = "starttls"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: Path | str | None = None
    timeout: timedelta = timedelta(minutes=1)

    def __post_init__(self) -> None:
        if self.password is not None and self.security == "none":
            raise ValueError("a password is never sent in clear: security must be starttls or tls")


class SmtpMailer:
    """Hands mails over by SMTP, each in a dialogue of its own. A `monitor.ports.Mailer`.

    May be used from several threads. Raises ConfigError if *settings*' ca_file cannot be read.
    """

    def __init__(self, settings: SmtpSettings, sender: str) -> None:
        self._settings = settings
        self._sender = sender
        self._context = None if settings.security == "none" else _trust(settings.ca_file)
        self._lock = Lock()
        self._fuses: set[Fuse] = set()
        self._closed = False

    def send(self, mail: Mail) -> None:
        """Return once the server has taken *mail*.

        Raises MailRefused, MailDeferred or MailUnsure with the server's words, on one line and
        without the password.
        """
        raw = build(mail, self._sender)
        fuse = Fuse(self._settings.timeout)
        with self._lock:
            if self._closed:
                raise MailDeferred("not handed over: the service is stopping")
            self._fuses.add(fuse)
        try:
            with fuse:
                _Dialogue(self._settings, self._context, fuse).run(
                    address_of(self._sender), address_of(mail.recipient), raw
                )
        finally:
            with self._lock:
                self._fuses.discard(fuse)

    def close(self) -> None:
        """End all dialogues now, from any thread, and begin no more.

        Each ends with MailDeferred, or MailUnsure if its last byte may have left.
        """
        with self._lock:
            self._closed = True
            fuses = list(self._fuses)
        for fuse in fuses:
            fuse.blow("the service is stopping")


class _Dialogue(smtplib.SMTP):
    """One connection, one mail."""

    def __init__(self, settings: SmtpSettings, context: ssl.SSLContext | None, fuse: Fuse) -> None:
        # A name is given since smtplib would ask the network for ours; `_open` replaces it.
        super().__init__(local_hostname="localhost")
        self._settings = settings
        self._context = context
        self._fuse = fuse
        self._dot_sent = False

    def run(self, sender: str, recipient: str, raw: bytes) -> None:
        """Hand *raw* over; raise a MailError, and nothing else, if it was not taken."""
        try:
            self._open()
            self._log_in()
            self._address(sender, recipient, len(raw))
            self._data(raw)
        except (smtplib.SMTPException, OSError, ValueError) as error:
            # ValueError: a TLS socket says so of itself when it is shut from another thread.
            raise self._failure(error) from None
        finally:
            self._leave()

    def _open(self) -> None:
        """Connect, be greeted, and encrypt as the settings want."""
        host, security = self._settings.host, self._settings.security
        self.sock = connect(host, self._settings.port, self._fuse)
        # Our address in brackets is a valid name for EHLO, and known without asking anybody.
        address = str(self.sock.getsockname()[0])
        self.local_hostname = f"[IPv6:{address}]" if ":" in address else f"[{address}]"
        if security == "tls":
            self._encrypt()
        self._need(self.getreply(), "greeting")
        self.ehlo_or_helo_if_needed()
        if security == "starttls":
            if not self.has_extn("starttls"):
                raise MailDeferred(self._say("does not offer STARTTLS; no mail is sent in clear"))
            self._need(self.docmd("STARTTLS"), "STARTTLS")
            self._encrypt()
            self._need(self.ehlo(), "EHLO")

    def _encrypt(self) -> None:
        if self._context is None or self.sock is None:
            raise smtplib.SMTPServerDisconnected("not connected")
        self.sock = self._context.wrap_socket(self.sock, server_hostname=self._settings.host)
        self.file = None  # with it goes whatever came in clear after the answer (RFC 3207, 4.2)

    def _log_in(self) -> None:
        username, password = self._settings.username, self._settings.password
        if username is None or password is None:
            return
        try:
            self.login(username, password)
        except smtplib.SMTPAuthenticationError as error:
            said = _words(error.smtp_error)
            raise MailDeferred(self._say(f"login refused: {error.smtp_code} {said}")) from None
        except UnicodeEncodeError:
            # The error itself holds the password.
            raise MailDeferred(self._say("login takes only ASCII names and passwords")) from None

    def _address(self, sender: str, recipient: str, size: int) -> None:
        """Name sender and recipient; a refusal of the recipient is final."""
        options = [f"SIZE={size}"] if self.has_extn("size") else []
        if not (sender + recipient).isascii():
            if not self.has_extn("smtputf8"):
                raise MailRefused(
                    self._say(f"takes no addresses beyond ASCII: {sender}, {recipient}")
                )
            options += ["BODY=8BITMIME", "SMTPUTF8"]
        self._need(self.mail(sender, options), "sender", final={_TOO_LARGE})
        self._need(self.rcpt(recipient), "recipient", final=_FINAL)

    def _data(self, raw: bytes) -> None:
        """Send *raw*, then the dot, then wait for the answer that decides."""
        answer = self.docmd("DATA")
        self._need(answer, "message", final=_FINAL)
        if answer[0] != _GO_ON:
            raise MailDeferred(self._say(f"DATA was answered by {answer[0]}"))
        self.send(re.sub(rb"(?m)^\.", b"..", raw))
        # If this raises, the system has not taken all three octets: the message has no end, and
        # a server must not act on it (RFC 5321, 4.1.1.4). Once it returns, they may arrive.
        self.send(b".\r\n")
        self._dot_sent = True
        code, reply = self.getreply()
        if not 200 <= code < 600 or 300 <= code < 400:  # noqa: PLR2004 - RFC 5321, 4.2.1
            raise smtplib.SMTPServerDisconnected(f"no answer but {_words(reply)!r}")
        self._need((code, reply), "message", final=_FINAL)

    def _leave(self) -> None:
        with suppress(smtplib.SMTPException, OSError, ValueError):  # nothing hangs on a farewell
            if self.sock is not None and self._fuse.reason is None:
                self.sock.settimeout(min(self._fuse.left(), FAREWELL.total_seconds()))
                self.docmd("QUIT")
        with suppress(OSError, ValueError):
            self.close()

    def _need(self, answer: tuple[int, bytes], what: str, *, final: Container[int] = ()) -> None:
        """Raise unless the *answer* is positive; codes in *final* refuse the mail for good."""
        code, reply = answer
        if 200 <= code < 400:  # noqa: PLR2004 - RFC 5321, 4.2.1
            return
        said = self._say(f"{what} not accepted: {code} {_words(reply)}")
        if code in final and code not in _SET_UP:
            raise MailRefused(said)
        raise MailDeferred(said)

    def _failure(self, error: Exception) -> MailError:
        said = self._say(self._fuse.reason or _reason(error))
        if self._dot_sent:
            return MailUnsure(f"{said}, after the last byte: it may have been taken")
        return MailDeferred(f"{said}; nothing was handed over")

    def _say(self, what: str) -> str:
        """Return an error's message: one line, and never the password, even if they echo it."""
        said = f"{self._settings.host}:{self._settings.port}: {one_line(what)}"
        username, password = self._settings.username or "", self._settings.password
        if password:
            both = f"\0{username}\0{password}"
            for secret in (both, password):
                said = said.replace(b64encode(secret.encode()).decode(), "***")
            said = said.replace(password, "***")
        return said


def _trust(ca_file: Path | str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # an unreadable file, or one without a certificate
        mistake = Mistake(str(ca_file), "delivery.smtp.ca_file", f"no certificates: {error}")
        raise ConfigError(mistake) from error


def _words(reply: bytes | str) -> str:
    said = one_line(reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply)
    return said if len(said) <= REPLY_CHARS else said[: REPLY_CHARS - 1] + "…"


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or error}"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code} {_words(error.smtp_error)}"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return _words(str(error)) or type(error).__name__
