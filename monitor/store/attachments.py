"""Files that go with a digest's mails, as they were frozen with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from monitor.model import Attachment
from monitor.store import schema as t

if TYPE_CHECKING:
    from sqlalchemy import Connection


def of_digest(connection: Connection, digest_id: int) -> tuple[Attachment, ...]:
    """Return the files of a digest, in their order."""
    query = select(t.attachments.c.name, t.attachments.c.kind, t.attachments.c.content)
    query = query.where(t.attachments.c.digest_id == digest_id).order_by(t.attachments.c.number)
    return tuple(Attachment(*row) for row in connection.execute(query))
