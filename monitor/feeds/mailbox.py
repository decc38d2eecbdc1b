"""Mailbox: new messages of an IMAP folder, as one answer (RFC 3501).

* The folder is opened read-only and messages are peeked at: nothing is marked, moved or deleted.
* How far it was read, UIDVALIDITY and UID, is the answer's ETag: it is stored with the articles.
* One deadline stands round the whole dialogue, one cap round all bytes, whatever lengths the
  server announces. The address connected to has passed the guard. TLS is never done without.
* A poll takes some messages, oldest first, and stops in time to hand over what it has; the next
  goes on from there. Of a large message only the beginning is taken.

imaplib is all that is needed of a library: the dialogue is seven commands long.
"""

from __future__ import annotations

import base64
import imaplib
import re
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Timer
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn

from monitor.errors import AnswerTooLarge, FetchError, FetchTimeout
from monitor.feeds.bundle import Message, pack
from monitor.model import Answer
from monitor.text.html import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from monitor.feeds.guard import Guard
    from monitor.model import FeedToPoll

MOST_MESSAGES: Final = 100  # in one poll
MESSAGE_BYTES: Final = 1_000_000  # of one message; what a newsletter says stands at its beginning
AT_ONCE: Final = 4  # mailboxes
_OVERHEAD: Final = 1_000_000  # bytes of the dialogue that are not messages
_SIZE: Final = re.compile(rb"UID (\d+).*?RFC822\.SIZE (\d+)|RFC822\.SIZE (\d+).*?UID (\d+)")
_MARK: Final = re.compile(r"(\d+):(\d+)")
_MONTHS: Final = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A folder on a server, and who reads it; *since* is how far the first poll looks back."""

    host: str
    port: int
    security: Literal["tls", "starttls", "none"]
    username: str
    password: str = field(repr=False)
    folder: str = "INBOX"
    senders: tuple[str, ...] = ()
    since: timedelta = timedelta(days=30)
    ca_file: str | None = None  # of authorities, instead of the system's


class Mailboxes:
    """The mailboxes of the configuration, by the key of their feed."""

    def __init__(
        self,
        mailboxes: Mapping[str, Mailbox],
        *,
        guard: Guard,
        timeout: timedelta,
        max_bytes: int,
    ) -> None:
        self._mailboxes, self._guard = mailboxes, guard
        self._timeout, self._max_bytes = timeout.total_seconds(), max_bytes
        self.threads = ThreadPoolExecutor(AT_ONCE, "mailbox")

    def open(self, feed: FeedToPoll) -> Dialogue:
        """Return a dialogue that is not begun; raise FetchError if *feed* is none of these."""
        mailbox = self._mailboxes.get(feed.key)
        if mailbox is None:
            raise FetchError("no mailbox is configured for this feed")
        return Dialogue(mailbox, self._guard, self._timeout, self._max_bytes)


class Dialogue:
    """One dialogue with a server, in a thread of its own; another may cut it."""

    def __init__(self, mailbox: Mailbox, guard: Guard, timeout_s: float, max_bytes: int) -> None:
        self._mailbox, self._guard = mailbox, guard
        self._timeout_s, self._max_bytes = timeout_s, max_bytes
        self._left = max_bytes + _OVERHEAD
        self._handle: socket.socket | None = None  # the same connection, whoever wraps it
        self._is_cut = self._is_late = False

    def cut(self) -> None:
        """End the dialogue, whatever it waits for."""
        self._is_cut = True
        if self._handle is not None:
            with suppress(OSError):  # it is not connected, or not any more
                self._handle.shutdown(socket.SHUT_RDWR)

    def ask(self, feed: FeedToPoll) -> Answer:
        """Return the messages that came since *feed*'s ETag; raise FetchError if that fails."""
        began = monotonic()
        fuse = Timer(self._timeout_s, self._be_late)
        fuse.daemon = True
        fuse.start()
        try:
            return self._ask(feed, began)
        except FetchError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever one server does, the others go on
            self._explain(error)
        finally:
            fuse.cancel()
            if self._handle is not None:
                self._handle.close()

    def _be_late(self) -> None:
        self._is_late = True
        self.cut()

    def _explain(self, error: Exception) -> NoReturn:
        if self._is_late or isinstance(error, TimeoutError):
            raise FetchTimeout(f"no complete answer within {self._timeout_s:g} s") from None
        if isinstance(error, ssl.SSLCertVerificationError):
            reason = f"certificate: {error.verify_message}"
        elif isinstance(error, ssl.SSLError):
            reason = f"TLS: {error.reason or error}"
        elif isinstance(error, socket.gaierror):
            reason = "name cannot be resolved"
        elif isinstance(error, imaplib.IMAP4.error):
            reason = f"IMAP: {error}"
        elif isinstance(error, OSError):
            reason = f"cannot connect, or broken off: {error.strerror or error}"
        else:
            reason = f"not proper IMAP: {type(error).__name__}: {error}"
        raise FetchError(one_line(reason)[:200]) from None

    def _ask(self, feed: FeedToPoll, began: float) -> Answer:
        connection = _Connection(self, self._mailbox)
        try:
            self._log_in(connection)
            return self._read(connection, feed, stop_at=began + self._timeout_s / 2)
        finally:
            with suppress(OSError):  # after a failed handshake it is closed already
                connection.shutdown()  # without a word: there is nothing to expunge or to save

    def connect(self) -> socket.socket:
        """Return a connection to the server, to an address that the guard lets through."""
        mailbox = self._mailbox
        found = socket.getaddrinfo(mailbox.host, mailbox.port, type=socket.SOCK_STREAM)
        failure: OSError | None = None
        for address in found:
            made = self._guard.socket_factory(address)
            try:
                return self._open(made, address[4])
            except OSError as error:
                made.close()
                failure = error
                if isinstance(error, ssl.SSLError):
                    break
        raise failure or OSError("no address")

    def _open(self, made: socket.socket, address: Any) -> socket.socket:  # noqa: ANN401 - as the system gives it
        made.settimeout(self._timeout_s)
        if self._handle is not None:
            self._handle.close()
        self._handle = made.dup()
        if self._is_cut:
            raise OSError("cut")
        made.connect(address)
        if self._mailbox.security == "tls":
            return self.context.wrap_socket(made, server_hostname=self._mailbox.host)
        return made

    @property
    def context(self) -> ssl.SSLContext:
        """What certificates are judged by."""
        return ssl.create_default_context(cafile=self._mailbox.ca_file)

    def count(self, number: int) -> None:
        """Count bytes that the server sends, or is about to; raise AnswerTooLarge."""
        self._left -= number
        if self._left < 0:
            raise AnswerTooLarge(f"more than {self._max_bytes:,} bytes")

    def _log_in(self, connection: _Connection) -> None:
        mailbox = self._mailbox
        if mailbox.security == "starttls":
            connection.starttls(self.context)
        if "AUTH=PLAIN" in connection.capabilities:
            secret = f"\0{mailbox.username}\0{mailbox.password}".encode()
            connection.authenticate("PLAIN", lambda _: secret)
        else:
            connection.login(mailbox.username, mailbox.password)

    def _read(self, connection: _Connection, feed: FeedToPoll, *, stop_at: float) -> Answer:
        _ok(connection.select(_quoted(self._mailbox.folder), readonly=True))
        validity, next_uid = _number(connection, "UIDVALIDITY"), _number(connection, "UIDNEXT")
        mark = _MARK.fullmatch(feed.etag or "")
        after = int(mark[2]) if mark and int(mark[1]) == validity else None
        uids = self._search(connection, after)[:MOST_MESSAGES]
        if not uids and after is not None:
            return Answer(304, feed.url, b"", etag=feed.etag)
        messages, last = self._fetch(connection, uids, validity, stop_at)
        if not uids:
            last = next_uid - 1 if next_uid else 0
        return Answer(200, feed.url, pack(messages), etag=f"{validity}:{last}")

    def _search(self, connection: _Connection, after: int | None) -> list[int]:
        if after is None:
            day = datetime.now(UTC) - self._mailbox.since
            wanted = f"SINCE {day.day}-{_MONTHS[day.month - 1]}-{day.year}"
        else:
            wanted = f"UID {after + 1}:*"
        *most, last = [f'FROM "{sender}"' for sender in self._mailbox.senders] or [""]
        senders = "".join(f"OR {one} " for one in most) + last
        found = _ok(connection.uid("SEARCH", f"{wanted} {senders}".strip()))
        uids = sorted({int(uid) for line in found if line for uid in line.split()})
        # "*" is the last message, even if its number is below the one asked for.
        return [uid for uid in uids if after is None or uid > after]

    def _fetch(
        self, connection: _Connection, uids: Sequence[int], validity: int, stop_at: float
    ) -> tuple[list[Message], int]:
        """Return the messages, and the last number that is done with."""
        sizes = _sizes(connection, uids) if uids else {}
        messages: list[Message] = []
        held, last = 0, 0
        for uid in uids:
            size = sizes.get(uid, MESSAGE_BYTES)
            held += min(size, MESSAGE_BYTES)
            if messages and (held > self._max_bytes or monotonic() > stop_at):
                break
            found = _ok(connection.uid("FETCH", str(uid), f"(BODY.PEEK[]<0.{MESSAGE_BYTES}>)"))
            raw = next((part[1] for part in found if isinstance(part, tuple)), None)
            last = uid
            if raw is not None:  # else it was deleted a moment ago
                messages.append(Message(f"{validity}.{uid}", max(size, len(raw)), raw))
        return messages, last


class _Connection(imaplib.IMAP4):
    """A connection whose socket and bytes are the dialogue's."""

    def __init__(self, dialogue: Dialogue, mailbox: Mailbox) -> None:
        self._dialogue = dialogue
        super().__init__(mailbox.host, mailbox.port)

    def _create_socket(self, _timeout: float | None) -> socket.socket:
        return self._dialogue.connect()

    def read(self, size: int) -> bytes:
        """Read a literal, if it is within the cap."""
        self._dialogue.count(size)
        return super().read(size)

    def readline(self) -> bytes:
        """Read a line."""
        line = super().readline()
        self._dialogue.count(len(line))
        return line


def _ok(answered: tuple[str, Sequence[Any]]) -> Sequence[Any]:
    status, data = answered
    if status != "OK":
        said = b" ".join(part for part in data if isinstance(part, bytes))
        raise FetchError(one_line(f"IMAP: {status} {said.decode('utf-8', 'replace')}")[:200])
    return data


def _number(connection: _Connection, name: str) -> int:
    _, data = connection.response(name)
    return int(data[0]) if data and data[0] else 0


def _sizes(connection: _Connection, uids: Sequence[int]) -> dict[int, int]:
    found = _ok(connection.uid("FETCH", ",".join(map(str, uids)), "(UID RFC822.SIZE)"))
    sizes = {}
    for line in found:
        if isinstance(line, bytes) and (told := _SIZE.search(line)):
            uid, size = (told[1], told[2]) if told[1] else (told[4], told[3])
            sizes[int(uid)] = int(size)
    return sizes


def _quoted(folder: str) -> str:
    """Return the name of a folder as IMAP writes it: modified UTF-7 (RFC 3501, 5.1.3), quoted."""
    parts = re.split(r"([^\x20-\x7e]+)", folder.replace("&", "&-"))
    for at in range(1, len(parts), 2):
        packed = base64.b64encode(parts[at].encode("utf-16-be")).rstrip(b"=").replace(b"/", b",")
        parts[at] = f"&{packed.decode()}-"
    name = "".join(parts).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{name}"'
