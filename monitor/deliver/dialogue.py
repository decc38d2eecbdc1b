"""One connection to a mail server: opened once, good for several mails (RFC 5321).

* What decides is the final dot. Until it is sent nothing is handed over, whatever goes wrong:
  deferred. Once it is sent, only an answer tells: without one the mail is unsure (RFC 1047).
* A "no" to the recipient or the message is final. A "no" to us (login, TLS, sender) can be put
  right by the operator, so the mail is deferred and nothing is lost.
* TLS is verified and never given up: a server that does not offer it gets no mail and no password.
* The dialogue is driven command by command: `smtplib.SMTP.sendmail` does not say whether the dot
  was sent, and returns normally when only some recipients were refused.
* A fuse ends it from outside (`monitor.deliver.fuse`), and a reply is read up to a size only.
"""

from __future__ import annotations

import re
import smtplib
import ssl
from base64 import b64encode
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from monitor.deliver.fuse import AFTER_S, connect
from monitor.errors import MailDeferred, MailRefused, MailUnsure
from monitor.text.html import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Container
    from pathlib import Path
    from typing import BinaryIO

    from monitor.deliver.fuse import Fuse
    from monitor.errors import MailError

Security = Literal["starttls", "tls", "none"]

REPLY_CHARS = 300  # of a server's words in an error
REPLY_BYTES = 64 * 1024  # of one reply, all its lines together
FAREWELL = timedelta(seconds=2)  # to wait for the answer to QUIT, on which nothing depends

_FINAL = range(500, 600)
_TOO_LARGE = 552
_SET_UP = frozenset({530, 534, 535, 538})  # log in first, or otherwise (RFC 4954)
_GO_ON = 354
_CLOSING = 421


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


class LoginRefused(MailDeferred):
    """The server does not take our name and password."""


class Dialogue(smtplib.SMTP):
    """One connection. After `open` good for one mail after the other while it is `usable`.

    `again` says after a deferred mail whether a fresh connection may do better at once: the server
    had hung up on us between two mails, or takes no more of them on this connection.
    """

    def __init__(self, settings: SmtpSettings, context: ssl.SSLContext | None, fuse: Fuse) -> None:
        # A name is given since smtplib would ask the network for ours; `open` replaces it.
        super().__init__(local_hostname="localhost")
        self._settings = settings
        self._context = context
        self._fuse = fuse
        self._kept = False
        self._stage = "open"
        self.usable = False

    @property
    def again(self) -> bool:
        """Whether the last mail may be tried on a fresh connection at once."""
        return self._kept and self._stage == "sender"

    def open(self) -> None:
        """Connect, be greeted, encrypt as the settings want, and log in; raise MailDeferred."""
        try:
            self._connect()
            self._log_in()
        except (smtplib.SMTPException, OSError, ValueError) as error:
            # ValueError: a TLS socket says so of itself when it is shut from another thread.
            raise self._failure(error) from None
        self.usable = True

    def resume(self, fuse: Fuse) -> bool:
        """Return whether the server still listens to us, after an earlier mail; guard by *fuse*."""
        self._fuse, self._kept, self._stage = fuse, True, "sender"
        self.usable = False
        with suppress(smtplib.SMTPException, OSError, ValueError):
            if self.sock is not None:
                fuse.hold(self.sock)
                self.sock.settimeout(fuse.left() + AFTER_S)
                self.usable = self.rset()[0] == 250  # noqa: PLR2004 - RFC 5321, 4.1.1.5
        return self.usable

    def hand_over(
        self, sender: str, recipient: str, raw: bytes, before_dot: Callable[[], None]
    ) -> None:
        """Hand *raw* over; raise a MailError, or what *before_dot* raises, if it was not taken.

        *before_dot* is called when all is sent but the dot.
        """
        self._stage = "sender"
        self.usable = False
        try:
            self._address(sender, recipient, len(raw))
            self._data(raw, before_dot)
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise self._failure(error) from None
        self.usable = True

    def leave(self, fuse: Fuse) -> None:
        """Say farewell, unless the server waits for the rest of a message, and close."""
        with suppress(smtplib.SMTPException, OSError, ValueError):  # nothing hangs on a farewell
            if self.sock is not None and self._stage != "message" and fuse.reason is None:
                fuse.hold(self.sock)
                self.sock.settimeout(min(fuse.left(), FAREWELL.total_seconds()))
                self.docmd("QUIT")
        self.usable = False
        with suppress(OSError, ValueError):
            self.close()

    def getreply(self) -> tuple[int, bytes]:
        """Return the next reply; raise an SMTPException if it has no end."""
        if self.file is None and self.sock is not None:
            self.file = _Reply(self.sock.makefile("rb"))
        if isinstance(self.file, _Reply):
            self.file.left = REPLY_BYTES
        return super().getreply()

    def _connect(self) -> None:
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
            said = self._say(f"login refused: {error.smtp_code} {_words(error.smtp_error)}")
            raise (LoginRefused if error.smtp_code in _FINAL else MailDeferred)(said) from None
        except UnicodeEncodeError:
            # The error itself holds the password.
            raise LoginRefused(self._say("login takes only ASCII names and passwords")) from None

    def _address(self, sender: str, recipient: str, size: int) -> None:
        """Name sender and recipient; a refusal of the recipient is final."""
        options = [f"SIZE={size}"] if self.has_extn("size") else []
        if not (sender + recipient).isascii():
            if not self.has_extn("smtputf8"):
                self.usable = True
                raise MailRefused(
                    self._say(f"takes no addresses beyond ASCII: {sender}, {recipient}")
                )
            options += ["BODY=8BITMIME", "SMTPUTF8"]
        self._need(self.mail(sender, options), "sender", final={_TOO_LARGE})
        answer = self.rcpt(recipient)
        self._stage = "recipient"
        self._need(answer, "recipient", final=_FINAL)

    def _data(self, raw: bytes, before_dot: Callable[[], None]) -> None:
        """Send *raw*, then the dot, then wait for the answer that decides."""
        answer = self.docmd("DATA")
        self._need(answer, "message", final=_FINAL)
        if answer[0] != _GO_ON:
            raise MailDeferred(self._say(f"DATA was answered by {answer[0]}"))
        self._stage = "message"
        self.send(re.sub(rb"(?m)^\.", b"..", raw))
        before_dot()
        # If this raises, the system has not taken all three octets: the message has no end, and
        # a server must not act on it (RFC 5321, 4.1.1.4). Once it returns, they may arrive.
        self.send(b".\r\n")
        self._stage = "answer"
        code, reply = self.getreply()
        if not 200 <= code < 600 or 300 <= code < 400:  # noqa: PLR2004 - RFC 5321, 4.2.1
            raise smtplib.SMTPServerDisconnected(f"no answer but {_words(reply)!r}")
        self._need((code, reply), "message", final=_FINAL)

    def _need(self, answer: tuple[int, bytes], what: str, *, final: Container[int] = ()) -> None:
        """Raise unless the *answer* is positive; codes in *final* refuse the mail for good."""
        code, reply = answer
        if 200 <= code < 400:  # noqa: PLR2004 - RFC 5321, 4.2.1
            return
        self.usable = code in range(400, 600) and code != _CLOSING
        said = self._say(f"{what} not accepted: {code} {_words(reply)}")
        if code in final and code not in _SET_UP:
            raise MailRefused(said)
        raise MailDeferred(said)

    def _failure(self, error: Exception) -> MailError:
        said = self._say(self._fuse.reason or _reason(error))
        if self._stage == "answer":
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


class _Reply:
    """The lines a server says, as smtplib reads them; *left* is how much more it may say."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.left = REPLY_BYTES

    def readline(self, limit: int) -> bytes:
        line = self._file.readline(limit)
        self.left -= len(line)
        if self.left < 0:
            raise smtplib.SMTPServerDisconnected(f"a reply of more than {REPLY_BYTES} bytes")
        return line

    def close(self) -> None:
        self._file.close()


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
