"""Mailbox: messages in, one entry for each out.

* The subject is the title, the Message-ID the id, the text the summary: plain if there is some,
  else from HTML. The address is where the message says that it stands on the web, if it does.
* Each message is read by itself: one that cannot be read is rejected with its reason, and does
  not come again, since nothing about it will change.
* Mail is hostile: whatever a header or a part is, the others are read.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime
from email import policy
from email.header import decode_header, make_header
from email.parser import BytesParser
from email.utils import parseaddr, parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from monitor.errors import ParseError
from monitor.feeds.bundle import unpack
from monitor.feeds.charset import decode
from monitor.feeds.parse.entries import (
    believable,
    make_entry,
    read_address,
    read_language,
    reason_of,
)
from monitor.model.documents import Document
from monitor.text.html import one_line, to_text

if TYPE_CHECKING:
    from email.message import Message as Mail

    from monitor.feeds.bundle import Message
    from monitor.model.documents import Entry

FORMAT: Final = "mailbox"
_MOST_PARTS: Final = 200  # of one message that are looked at
_ON_THE_WEB: Final = re.compile(
    r"(?:view|read|open|see)\b.{0,30}\b(?:browser|online|web)|web version|online version"
    r"|浏览器中?(?:查看|打开|阅读)|瀏覽器中?(?:查看|打開|閱讀)|在线(?:阅读|查看)|網頁版|网页版",
    re.IGNORECASE,
)
_ANCHOR: Final = re.compile(
    r"""<a\s(?:[^<>]{0,2000}?\s)?href\s*=\s*["']?([^"'\s<>]{1,2000})[^<>]{0,2000}>(.{0,500}?)</a""",
    re.IGNORECASE | re.DOTALL,
)


def read(body: bytes) -> Document:
    """Return the entries of the messages in *body*, as `monitor.feeds.bundle` packed them."""
    flaws: list[str] = []
    rejected: list[str] = []
    entries = []
    for message in unpack(body):
        try:
            entries.append(_entry(message, flaws))
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - one bad message never costs the others
            rejected.append(f"message {message.name}: {reason_of(error)}")
    return Document(
        title=None,
        language=None,
        entries=tuple(entries),
        rejected=tuple(rejected),
        flaws=tuple(dict.fromkeys(flaws)),
        format=FORMAT,
    )


def _entry(message: Message, flaws: list[str]) -> Entry:
    # The older policy: it gives headers as they stand, where the newer one may raise on them.
    mail = BytesParser(policy=policy.compat32).parsebytes(message.raw)
    if len(message.raw) < message.size:
        flaws.append(f"message {message.name}: only its first {len(message.raw):,} bytes were read")
    plain, html = _texts(mail, flaws)
    title, summary = _header(mail, "Subject"), plain or to_text(html)
    if not title and not summary:
        raise ParseError("neither a subject nor a text")
    name, address = parseaddr(_header(mail, "From"))
    return make_entry(
        guid=one_line(str(mail.get("Message-ID") or "")) or f"message {message.name}",
        link=_address(mail, html),
        title=title,
        summary=summary,
        published_at=_date(mail),
        flaws=flaws,
        publisher=one_line(name) or address.rpartition("@")[2] or None,
        language=read_language(_header(mail, "Content-Language").partition(",")[0]),
    )


def _header(mail: Mail, name: str) -> str:
    raw = mail.get(name)
    if raw is None:
        return ""
    with suppress(LookupError, ValueError, AttributeError):
        return one_line(str(make_header(decode_header(raw))))
    return one_line(str(raw).encode("utf-8", "replace").decode("utf-8", "replace"))


def _texts(mail: Mail, flaws: list[str]) -> tuple[str, str]:
    """Return the first plain text and the first HTML that are no attachments."""
    found = {"text/plain": "", "text/html": ""}
    for number, part in enumerate(mail.walk()):
        if number >= _MOST_PARTS:
            flaws.append(f"a message of more than {_MOST_PARTS} parts")
            break
        kind = part.get_content_type()
        if kind in found and not found[kind] and part.get_content_disposition() != "attachment":
            payload = part.get_payload(decode=True)
            if isinstance(payload, bytes) and payload.strip():
                charset = part.get_content_charset() or ""
                text, _, noted = decode(payload, f"{kind}; charset={charset}")
                flaws += noted
                found[kind] = text
    return _lines(found["text/plain"]), found["text/html"]


def _lines(text: str) -> str:
    return "\n".join(filter(None, (one_line(line) for line in text.splitlines())))


def _date(mail: Mail) -> datetime | None:
    with suppress(ValueError, TypeError, IndexError, OverflowError):
        at = parsedate_to_datetime(str(mail.get("Date")))
        return believable(at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC))
    return None


def _address(mail: Mail, html: str) -> str | None:
    """Return where the message is on the web: Archived-At (RFC 5064), or a link that says so."""
    archived = read_address(_header(mail, "Archived-At").strip("<>"), lambda: "")
    if archived is not None:
        return archived
    for found in _ANCHOR.finditer(html):
        if _ON_THE_WEB.search(to_text(found[2])):
            return read_address(to_text(found[1]), lambda: "")
    return None
