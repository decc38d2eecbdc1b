"""Webhooks: a brief, POSTed as JSON and signed (Standard Webhooks, https://www.standardwebhooks.com).

* `webhook-id` is the delivery's own, the same at every attempt, as are the bytes: a receiver that
  has seen it drops the repetition. So whatever may have arrived is simply sent again.
* `webhook-timestamp` is that of the attempt. It is signed, and receivers refuse old ones.
* Each secret gives a signature, so that one can be replaced while the other still holds.
* Redirects are not followed, and private addresses not entered unless they are listed.
* A fuse ends the whole exchange at its deadline (`monitor.deliver.fuse`).
"""

from __future__ import annotations

import hmac
import json
import re
import ssl
from base64 import b64encode
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256
from http.client import HTTPConnection, HTTPException, HTTPResponse
from time import time
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from monitor.deliver.fuse import Fuse, connect
from monitor.errors import AddressRefused, MailDeferred, MailRefused, MailUnsure
from monitor.text.html import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.model import Mail

REPLY_BYTES: Final = 64 * 1024  # of an answer, which only an error message comes from
REPLY_CHARS: Final = 200
LONG: Final = 8  # characters of a part of an address that may be a password
_GONE: Final = 410
_LATER: Final = frozenset({408, 425, 429})  # timeout, too early, too many (RFC 9110, 8470, 6585)


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """Where to, and signed with what; *secrets* are the keys themselves."""

    url: str = field(repr=False)
    secrets: tuple[bytes, ...] = field(repr=False)
    timeout: timedelta = timedelta(seconds=30)
    agent: str = "regulatory-monitor"


def signature(secret: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the signature of *body*, as one word of the header."""
    signed = hmac.new(secret, f"{message_id}.{timestamp}.".encode() + body, sha256)
    return f"v1,{b64encode(signed.digest()).decode()}"


class Webhook:
    """Hands briefs to one receiver. A channel: see `monitor.deliver.ways`.

    *judge* raises AddressRefused for a literal address that may not be reached.
    """

    def __init__(self, settings: WebhookSettings, judge: Callable[[str], None]) -> None:
        self._settings = settings
        self._judge = judge
        self._parts = urlsplit(settings.url)
        self._tls = ssl.create_default_context() if self._parts.scheme == "https" else None
        self._fuses: set[Fuse] = set()

    def send(self, mail: Mail, before_last: Callable[[bytes, bytes | None], None]) -> None:
        """Return once the receiver has said 2xx; *before_last* is called before the body leaves.

        Raises MailRefused (410 and other 4xx, redirects), MailDeferred (408, 425, 429, 5xx, no
        connection) or MailUnsure (no answer, which may be sent again as often as it takes).
        """
        body = mail.head or json.dumps(mail.brief, ensure_ascii=False, sort_keys=True).encode()
        with Fuse(self._settings.timeout) as fuse:
            self._fuses.add(fuse)
            try:
                status, said, wait = self._exchange(mail, body, fuse, before_last)
            finally:
                self._fuses.discard(fuse)
        _judge_answer(self._say(f"answered {status} {said}".rstrip()), status, wait)

    def close(self) -> None:
        """End the exchange that is under way, from any thread."""
        for fuse in list(self._fuses):
            fuse.blow("the service is stopping")

    def _exchange(
        self,
        mail: Mail,
        body: bytes,
        fuse: Fuse,
        before_last: Callable[[bytes, bytes | None], None],
    ) -> tuple[int, str, timedelta | None]:
        """Return status, words and wished-for wait of the answer."""
        connection: HTTPConnection | None = None
        leaving = False
        try:
            connection = self._connected(fuse)
            self._head(connection, mail, body)
            before_last(body, None)
            leaving = True
            connection.send(body)
            answer = connection.getresponse()
            words = one_line(answer.read(REPLY_BYTES).decode("utf-8", "replace"))
            return answer.status, self._hide(words)[:REPLY_CHARS], _retry_after(answer)
        except AddressRefused as error:
            raise MailDeferred(self._say(str(error))) from None
        except (OSError, HTTPException, ValueError) as error:
            said = self._say(fuse.reason or _reason(error))
            if leaving:
                raise MailUnsure(
                    f"{said}; it may have been taken, and is sent again", repeatable=True
                ) from None
            raise MailDeferred(f"{said}; nothing was handed over") from None
        finally:
            if connection is not None:
                with suppress(OSError, ValueError):
                    connection.close()

    def _connected(self, fuse: Fuse) -> HTTPConnection:
        host = self._parts.hostname or ""
        port = self._parts.port or (443 if self._tls else 80)
        connection = HTTPConnection(host, port)
        raw = connect(host.encode("idna").decode(), port, fuse, self._judge)
        connection.sock = raw
        if self._tls is not None:
            connection.sock = self._tls.wrap_socket(raw, server_hostname=host)
        return connection

    def _head(self, connection: HTTPConnection, mail: Mail, body: bytes) -> None:
        message_id, now = mail.message_id.strip("<>").partition("@")[0], int(time())
        target = self._parts.path or "/"
        signatures = (signature(key, message_id, now, body) for key in self._settings.secrets)
        connection.putrequest(
            "POST", f"{target}?{self._parts.query}" if self._parts.query else target
        )
        for name, value in (
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("User-Agent", self._settings.agent),
            ("webhook-id", message_id),
            ("webhook-timestamp", str(now)),
            ("webhook-signature", " ".join(signatures)),
            ("Connection", "close"),
        ):
            connection.putheader(name, value)
        connection.endheaders()

    def _hide(self, words: str) -> str:
        """Return *words* without parts of our address: many a page of an error repeats them."""
        for part in re.split(r"[/?&=]", f"{self._parts.path}?{self._parts.query}"):
            if len(part) >= LONG:
                words = words.replace(part, "***").replace(unquote(part), "***")
        return words

    def _say(self, what: str) -> str:
        # Path and query of a webhook's address are often as good as a password.
        return f"{self._parts.hostname}: {what}"


def _judge_answer(said: str, status: int, wait: timedelta | None) -> None:
    if 200 <= status < 300:  # noqa: PLR2004 - RFC 9110, 15.3
        return
    if status in _LATER or status >= 500:  # noqa: PLR2004 - RFC 9110, 15.6
        raise MailDeferred(said, retry_after=wait)
    if status == _GONE:
        raise MailRefused(f"{said}: the receiver wants nothing more")
    if 300 <= status < 400:  # noqa: PLR2004 - RFC 9110, 15.4
        raise MailRefused(f"{said}: a redirect, which is not followed")
    raise MailRefused(said)


def _retry_after(answer: HTTPResponse) -> timedelta | None:
    """Return how long the receiver asks to be left alone (RFC 9110, 10.2.3), by its own clock."""
    given = (answer.getheader("Retry-After") or "").strip()
    if given.isdecimal() and len(given) < 9:  # noqa: PLR2004 - years are a mistake, not a wish
        return timedelta(seconds=int(given))
    try:
        wait = parsedate_to_datetime(given) - parsedate_to_datetime(answer.getheader("Date") or "")
    except (ValueError, TypeError):
        return None
    return max(wait, timedelta())


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return one_line(str(error))[:REPLY_CHARS] or type(error).__name__
