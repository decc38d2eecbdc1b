"""Lexicons in the store: each that made hits, in full, under its fingerprint, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from monitor.store import audit
from monitor.store.schema import LexiconRow
from monitor.store.upsert import inserting

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session


def keep(session: Session, *, fingerprint: str, content: str, now: datetime) -> None:
    """Keep *content* of a lexicon under its fingerprint, once. The caller commits."""
    row = {"fingerprint": fingerprint, "content": content, "valid_from": now}
    statement = inserting(session, LexiconRow).on_conflict_do_nothing()
    new = session.scalar(statement.returning(LexiconRow.fingerprint), row)
    if new is not None:
        about = audit.of_lexicon(content)
        audit.append(session, audit.LEXICON, fingerprint, about, who=audit.SERVICE, now=now)


def content(session: Session, fingerprint: str) -> str | None:
    """Return the text of the lexicon of that fingerprint, None if it was never kept."""
    query = select(LexiconRow.content).where(LexiconRow.fingerprint == fingerprint)
    return session.scalar(query)
