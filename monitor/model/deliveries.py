"""Deliveries: mails and messages on their way."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from monitor.model.digests import Attachment, Rendered


class DeliveryStatus(StrEnum):
    """Where one digest to one recipient stands."""

    WAITING = "waiting"
    HANDING_OVER = "handing_over"  # its last byte is about to leave, or has left
    SENT = "sent"
    REFUSED = "refused"
    FAILED = "failed"  # given up, after having been put off for days
    UNSURE = "unsure"
    UNSUBSCRIBED = "unsubscribed"  # its recipient left the list before it was handed over


class LeftBy(StrEnum):
    """How a recipient left a subscription, or came back."""

    ONE_CLICK = "one-click"  # a mail program's button (RFC 8058)
    PAGE = "page"
    OPERATOR = "operator"


class Way(StrEnum):
    """By what recipients are reached."""

    ANY = "any"
    MAIL = "mail"
    CHANNEL = "channel"


class SentForm(StrEnum):
    """In what form something was sent; also how the name of a file with it ends."""

    MAIL = "eml"
    JSON = "json"
    TEXT = "txt"


def sent_form(recipient: str, content: bytes | None) -> SentForm | None:
    """Return the form of what was sent to *recipient*, by its first byte or more; None for none.

    A webhook gets an object in JSON; the text for a chat begins with the title of a digest.
    """
    if content is None:
        return None
    if is_address(recipient):
        return SentForm.MAIL
    return SentForm.JSON if content[:1] == b"{" else SentForm.TEXT


def is_address(recipient: str) -> bool:
    """Return whether *recipient* is a mail address; else it is the name of a channel."""
    return "@" in recipient


@dataclass(frozen=True, slots=True)
class DeliveryToMake:
    """A claimed delivery; *attempt* is the fence against a worker whose lease ran out.

    *recipient* is a mail address or the name of a channel. *resumed* says that an earlier attempt
    may have been taken by the server; *doubts* counts the attempts that were handed over whole and
    never answered. *head* and *body* are what an earlier attempt sent: see `Mail`. After
    *give_up_at* it is not put off any more.
    """

    id: int
    attempt: int
    recipient: str
    message_id: str
    subscription: str
    composed_at: datetime
    rendered: Rendered
    resumed: bool = False
    doubts: int = 0
    head: bytes | None = None
    body: bytes | None = None
    give_up_at: datetime | None = None
    brief: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Mail:
    """One message to one recipient. The same values always give the same bytes.

    *head* and *body*, if given, are its bytes as an earlier attempt sent them, and are what is sent
    again, whatever the settings have become: *head* is this recipient's own, *body* the same for
    all recipients of the digest. *brief* is what channels make theirs from (`digest/brief.py`).
    """

    message_id: str
    recipient: str
    list_name: str
    date: datetime
    subject: str
    text: str
    html: str
    attachments: tuple[Attachment, ...] = ()
    head: bytes | None = None
    body: bytes | None = None
    brief: Mapping[str, Any] | None = None
