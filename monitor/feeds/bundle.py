"""Bundle: messages of a mailbox on their way from who fetched them to who reads them. Pure.

Each message stands behind a line with its number in the mailbox, its size there and its length
here, so that nothing in it can be taken for a boundary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SCHEMES = ("imap://", "imaps://")


@dataclass(frozen=True, slots=True)
class Message:
    """A message, its first bytes if it is large: *size* is how many it has.

    *name* is its number in the mailbox, with what tells whether numbers still mean the same.
    """

    name: str
    size: int
    raw: bytes


def is_mailbox(url: str) -> bool:
    """Return whether *url* is that of a mailbox."""
    return url.startswith(SCHEMES)


def pack(messages: Iterable[Message]) -> bytes:
    """Return *messages* as one run of bytes."""
    return b"".join(f"{it.name} {it.size} {len(it.raw)}\n".encode() + it.raw for it in messages)


def unpack(body: bytes) -> Iterator[Message]:
    """Yield the messages that were packed; raise ValueError for what was not packed by us."""
    at = 0
    while at < len(body):
        end = body.index(b"\n", at)
        name, size, length = body[at:end].decode("ascii").split(" ")
        at = end + 1 + int(length)
        yield Message(name, int(size), body[end + 1 : at])
