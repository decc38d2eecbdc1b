"""The audit chain: what was reviewed, sent and changed, each link hashed with the one before.

* A link is written in the transaction of what it records: neither is there without the other.
* Whoever changes, removes or puts in a link breaks every hash after it. Whoever cuts off the end
  breaks none: so note the newest hash elsewhere from time to time, and have it looked for.
* The hash of a link is SHA-256 of the JSON list of `previous`, instant, `who`, `kind`, `subject`
  and `content`, UTF-8, without blanks: anyone can compute it again.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import insert, select

from monitor.store import schema as t
from monitor.store.engine import lock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Row

    from monitor.model import Attachment

REVIEW: Final = "review"
DIGEST: Final = "digest"
LEXICON: Final = "lexicon"
RETENTION: Final = "retention"  # a digest's words were deleted, and what they were
SERVICE: Final = "service"  # who did what no person did


@dataclass(frozen=True, slots=True)
class Verified:
    """What a look through the chain came to; *flaws* name each thing that is not as recorded."""

    links: int
    head: str
    flaws: tuple[str, ...]
    anchored: bool | None  # whether the hash that was asked for is in the chain


def append(
    connection: Connection,
    kind: str,
    subject: str,
    content: Mapping[str, str | int | None],
    *,
    who: str,
    now: datetime,
) -> None:
    """Record that *who* did a thing of that *kind* to *subject*. The caller commits.

    One transaction at a time appends, until it ends.
    """
    lock(connection, "audit")
    newest = select(t.audit.c.hash).order_by(t.audit.c.id.desc()).limit(1)
    row: dict[str, Any] = {
        "previous": connection.scalar(newest) or "",
        "at": now,
        "who": who,
        "kind": kind,
        "subject": subject,
        "content": json.dumps(content, ensure_ascii=False, sort_keys=True),
    }
    connection.execute(insert(t.audit), [{**row, "hash": _hash(**row)}])


def _hash(*, previous: str, at: datetime, who: str, kind: str, subject: str, content: str) -> str:
    link = [previous, at.isoformat(timespec="microseconds"), who, kind, subject, content]
    text = json.dumps(link, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def of_digest(
    subject: str, text: str, html: str, files: Sequence[Attachment] = ()
) -> dict[str, str]:
    """Return what the chain keeps of a digest: its words, and each file that goes with them."""
    whole = json.dumps([subject, text, html], ensure_ascii=False, separators=(",", ":"))
    each = {it.name: hashlib.sha256(it.content).hexdigest() for it in files}
    return {"sha256": hashlib.sha256(whole.encode()).hexdigest(), **each}


def of_lexicon(content: str) -> dict[str, str]:
    """Return what the chain keeps of a lexicon."""
    return {"sha256": hashlib.sha256(content.encode()).hexdigest()}


def verify(connection: Connection, *, anchor: str | None = None) -> Verified:
    """Look through the whole chain, and at whether what it records is still what is stored.

    *anchor* is a hash that was noted earlier. What is stored is held in memory as its hash, one
    kind at a time.
    """
    previous, links, anchored = "", 0, False
    flaws: list[str] = []
    rows = connection.execute(
        select(t.audit).order_by(t.audit.c.id).execution_options(yield_per=500)
    )
    for row in rows:
        links += 1
        if row.previous != previous:
            flaws.append(f"link {row.id}: does not follow the link before it")
        told = _hash(
            previous=row.previous,
            at=row.at,
            who=row.who,
            kind=row.kind,
            subject=row.subject,
            content=row.content,
        )
        if told != row.hash:
            flaws.append(f"link {row.id}: is not what it was when it was written")
        anchored = anchored or row.hash == anchor
        previous = row.hash
    flaws += _changed(connection)
    if anchor is not None and not anchored:
        flaws.append(f"{anchor}: is not in the chain; its end was cut off, or it is another's")
    return Verified(links, previous, tuple(flaws), anchored if anchor is not None else None)


def _changed(connection: Connection) -> Iterator[str]:
    """Yield a sentence for each recorded thing that is gone or is not what was recorded."""
    kinds: dict[str, tuple[Any, Callable[[Any], tuple[str, dict[str, Any]]]]] = {
        REVIEW: (select(t.reviews), _review),
        DIGEST: (select(t.digests), partial(_digest, connection, _deleted(connection))),
        LEXICON: (select(t.lexicons), _lexicon),
    }
    for kind, (stored, told) in kinds.items():
        found = dict(map(told, connection.execute(stored.execution_options(yield_per=100))))
        links = select(t.audit.c.subject, t.audit.c.content).where(t.audit.c.kind == kind)
        for subject, content in connection.execute(links.execution_options(yield_per=500)):
            if subject not in found:
                yield f"{kind} {subject}: is recorded and gone"
            elif found.pop(subject) != json.loads(content):
                yield f"{kind} {subject}: is not what was recorded"
        if kind == REVIEW:  # the others may be older than the chain
            yield from (f"{kind} {subject}: is stored and not recorded" for subject in found)


def _review(row: Row[Any]) -> tuple[str, dict[str, str | int | None]]:
    return str(row.id), {"hit": row.hit_id, "verdict": row.verdict, "note": row.note}


def _deleted(connection: Connection) -> dict[str, Any]:
    """Return by digest what was recorded of its words when they were deleted."""
    links = select(t.audit.c.subject, t.audit.c.content).where(t.audit.c.kind == RETENTION)
    return {subject: json.loads(content) for subject, content in connection.execute(links)}


def _digest(
    connection: Connection, deleted: Mapping[str, Any], row: Row[Any]
) -> tuple[str, dict[str, Any]]:
    if row.pruned_at is not None:
        return str(row.id), deleted.get(str(row.id), {})
    from monitor.store import attachments  # most that is recorded is no digest

    files = attachments.of_digest(connection, row.id)
    return str(row.id), of_digest(row.subject, row.text, row.html, files)


def _lexicon(row: Row[Any]) -> tuple[str, dict[str, str]]:
    return row.fingerprint, of_lexicon(row.content)
