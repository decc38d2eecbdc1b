"""Messages: a mail in, the bytes that go to the server or into a file out (RFC 5322, RFC 2045).

* The same values always give the same bytes, on every Python: a delivery that is repeated, since
  nobody knows whether it arrived, must be the same message. So headers are written here: the
  standard library's folding has changed between releases, and let line breaks through in some
  (CVE-2024-6923). What an earlier attempt sent is sent again, whatever would be made of it now.
* A message is a head, one recipient's own, and a body, the same for all recipients of a digest. The
  body begins with the headers that describe it, and its boundary comes from what is in it.
* Every header is one line of printable text before it is encoded. What is not plain ASCII, or
  could be read as an encoded word, becomes encoded words (RFC 2047).
* Domains stand in their ASCII form (IDNA). Only a local part beyond ASCII needs SMTPUTF8.
* Bodies are quoted-printable or base64, whichever is shorter: lines are at most 76 octets long.
"""

from __future__ import annotations

import re
from base64 import b64encode, encodebytes
from binascii import b2a_qp
from dataclasses import dataclass
from email.utils import format_datetime, quote
from hashlib import sha256
from typing import TYPE_CHECKING

import idna

from monitor.text.html import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from monitor.model import Attachment, Mail, Rendered

_LINE = 76  # octets of a line with encoded words in it (RFC 2047, 2)
_WORD_OCTETS = 39  # of text in one encoded word: with "Subject: " before it, still a whole line
_PLAIN = re.compile(r"[ -~]*")
_URI = re.compile(r"[!#-;=?-~]+")  # no blank, quote or angle bracket
_LONGEST_URI = 900  # a header line has at most 998 octets (RFC 5322, 2.1.1)


@dataclass(frozen=True, slots=True)
class Letterhead:
    """What all mails have in common: *sender* is "Name <a@b>" or "a@b".

    *ways_out* gives, for a list and a recipient, the addresses at which to leave the list: https
    (or http) where a POST does it at once (RFC 8058), and mailto. *sign* gives the header that
    signs a whole message (DKIM).
    """

    sender: str
    ways_out: Callable[[str, str], Sequence[str]] | None = None
    sign: Callable[[bytes], bytes] | None = None

    @property
    def address(self) -> str:
        """The sender's address, as it is told to servers."""
        return address_of(self.sender)


def build(mail: Mail, letterhead: Letterhead) -> bytes:
    """Return *mail* as a message with CRLF line ends.

    It is ASCII, unless the part of an address before the @ is not: then its headers need SMTPUTF8
    (RFC 6532).
    """
    head, body = parts(mail, letterhead)
    return head + body


def parts(mail: Mail, letterhead: Letterhead) -> tuple[bytes, bytes]:
    """Return the head and the body that `build` joins."""
    body = _body(mail) if mail.body is None else mail.body
    if mail.head is not None:
        return mail.head, body
    head = _head(mail, letterhead)
    if letterhead.sign is not None:
        head = letterhead.sign(head + body) + head
    return head, body


def body_octets(rendered: Rendered) -> int:
    """Return how many octets the body of *rendered* takes, attachments included."""
    alternatives = [_text("plain", rendered.text), _text("html", rendered.html)]
    files = [_file(it) for it in rendered.attachments]
    edges = 300 * (1 + len(files))  # boundaries and the headers of the parts
    return sum(map(len, alternatives)) + sum(map(len, files)) + edges


def address_of(mailbox: str) -> str:
    """Return the address in *mailbox*, which is "Name <a@b>" or "a@b"; its domain in ASCII."""
    address = _split(mailbox)[1]
    local, at, domain = address.rpartition("@")
    if not at or domain.isascii():
        return address
    try:
        return f"{local}@{idna.encode(domain, uts46=True).decode()}"
    except idna.IDNAError:
        return address  # no server takes it, and says so


def slug(name: str) -> str:
    """Return *name* as letters, digits and dashes, for a List-ID or a file; never empty."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40].strip("-")
    if plain and plain == name.lower():
        return plain
    # Names that differ only in what was lost here must not become one.
    digest = sha256(name.encode("utf-8", "replace")).hexdigest()[:8]
    return f"{plain}-{digest}" if plain else digest


def _head(mail: Mail, letterhead: Letterhead) -> bytes:
    sender = letterhead.sender
    headers = [
        f"Date: {format_datetime(mail.date)}",
        f"From: {_mailbox(sender)}",
        f"To: {_mailbox(mail.recipient)}",
        f"Subject: {_words(mail.subject, len('Subject: '))}",
        f"Message-ID: {''.join(one_line(mail.message_id).split())}",
        f"List-ID: {_list_id(mail.list_name, sender)}",
        *_leaving(mail, letterhead),
        "Auto-Submitted: auto-generated",
    ]
    return "".join(f"{header}\r\n" for header in headers).encode("utf-8", "replace")


def _leaving(mail: Mail, letterhead: Letterhead) -> list[str]:
    if letterhead.ways_out is None:
        return []
    given = letterhead.ways_out(mail.list_name, mail.recipient)
    ways = [way for way in given if _URI.fullmatch(way) and len(way) <= _LONGEST_URI]
    if not ways:
        return []
    headers = ["List-Unsubscribe: " + ",\r\n ".join(f"<{way}>" for way in ways)]
    if any(way.startswith("http") for way in ways):
        headers.append("List-Unsubscribe-Post: List-Unsubscribe=One-Click")
    return headers


def _body(mail: Mail) -> bytes:
    entity = _multipart("alternative", [_text("plain", mail.text), _text("html", mail.html)])
    if mail.attachments:
        entity = _multipart("mixed", [entity, *map(_file, mail.attachments)])
    return b"MIME-Version: 1.0\r\n" + entity


def _multipart(subtype: str, entities: Sequence[bytes]) -> bytes:
    boundary = "=_" + sha256(b"\0".join(entities)).hexdigest()[:32]
    edge = f"\r\n--{boundary}".encode()
    inner = b"".join(edge + b"\r\n" + entity for entity in entities)
    head = f'Content-Type: multipart/{subtype};\r\n boundary="{boundary}"\r\n'
    return head.encode() + inner + edge + b"--\r\n"


def _text(subtype: str, text: str) -> bytes:
    broken = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
    lines = broken.encode("utf-8", "replace")
    if not lines.endswith(b"\r\n"):
        lines += b"\r\n"
    encoding, body = "quoted-printable", b2a_qp(lines, istext=True)
    if len(body) > _base64_octets(len(lines)):
        encoding, body = "base64", _base64(lines)
    head = f'Content-Type: text/{subtype}; charset="utf-8"\r\nContent-Transfer-Encoding: {encoding}'
    return head.encode() + b"\r\n\r\n" + body


def _file(attachment: Attachment) -> bytes:
    """Return *attachment* as a part; its name becomes plain, since mail programs save under it."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", attachment.name).strip(".-")[:60] or "attachment"
    kind = re.sub(r"[^a-z0-9/.+-]", "", attachment.kind) or "application/octet-stream"
    charset = '; charset="utf-8"' if kind.startswith("text/") else ""
    head = (
        f"Content-Type: {kind}{charset}\r\n"
        f'Content-Disposition: attachment; filename="{name}"\r\n'
        "Content-Transfer-Encoding: base64\r\n\r\n"
    )
    return head.encode() + _base64(attachment.content)


def _base64(octets: bytes) -> bytes:
    return encodebytes(octets).replace(b"\n", b"\r\n")


def _base64_octets(octets: int) -> int:
    """Return how many octets `_base64` makes of so many: 57 of them are a line of 76 and CRLF."""
    lines, rest = divmod(octets, 57)
    return lines * 78 + ((rest + 2) // 3 * 4 + 2 if rest else 0)


def _mailbox(written: str) -> str:
    name, address = _split(written)[0], address_of(written)
    if not name:
        return address
    if _PLAIN.fullmatch(name) and "=?" not in name and len(name) + len(address) < _LINE - 20:
        return f'"{quote(name)}" <{address}>'
    return f"{_words(name, len('From: '))}\r\n <{address}>"


def _split(mailbox: str) -> tuple[str, str]:
    # Not `parseaddr`, which reads odd addresses differently from one Python to the next.
    name, bracket, rest = one_line(mailbox).rpartition("<")
    address = rest.rstrip("> ") if bracket else rest
    return name.strip(' "'), address


def _list_id(name: str, sender: str) -> str:
    domain = address_of(sender).rpartition("@")[2]
    host = domain if domain and _PLAIN.fullmatch(domain) else "localhost"
    return f"<{slug(name)}.monitor.{host}>"


def _words(text: str, used: int) -> str:
    """Return *text* as header words, folded; *used* octets of the first line are taken."""
    line = one_line(text)
    if _PLAIN.fullmatch(line) and "=?" not in line and used + len(line) <= _LINE:
        return line
    return "\r\n ".join(f"=?utf-8?b?{b64encode(octets).decode()}?=" for octets in _chunks(line))


def _chunks(text: str) -> Iterator[bytes]:
    """Yield *text* in UTF-8, cut between characters: each encoded word must stand alone."""
    chunk = b""
    for char in text:
        octets = char.encode("utf-8", "replace")
        if len(chunk) + len(octets) > _WORD_OCTETS:
            yield chunk
            chunk = b""
        chunk += octets
    yield chunk
