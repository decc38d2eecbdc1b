"""Record: how a poll reads in the ledger, in its feed's row and in the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from monitor import logs
from monitor.errors import StoreError
from monitor.feeds.bundle import is_mailbox
from monitor.model import FeedState, PollOutcome

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from monitor.feeds import health, window
    from monitor.model import Answer, Document, FeedToPoll
    from monitor.pipeline.documents import Read
    from monitor.store import articles

MOST_NOTES = 20  # of one poll in the ledger; the rest are counted

log = logs.get_logger()


def ledger(
    read: Read, stored: articles.Stored, compared: window.Comparison, *, gap: bool
) -> dict[str, Any]:
    """Return the poll's line in the ledger; raise StoreError unless it balances."""
    document = read.document
    total = read.seen
    if stored.new + stored.known + stored.revised + len(document.rejected) != total:
        raise StoreError(f"of {total} entries some ended nowhere: {stored}")
    notes = [*document.rejected, *document.flaws]
    more = len(notes) - MOST_NOTES
    return {
        **exchange(read.answer, read.now),
        "outcome": PollOutcome.STORED,
        "entries": total,
        "new": stored.new,
        "known": stored.known,
        "revised": stored.revised,
        "rejected": len(document.rejected),
        "overlap": compared.overlap,
        "gap": gap,
        "newest_at": max(read.dates, default=None),
        "handed_over": document.handed_over,
        "notes": notes[:MOST_NOTES] + ([f"and {more} more"] if more > 0 else []) or None,
    }


def exchange(answer: Answer, now: datetime) -> dict[str, Any]:
    """Return the columns of the ledger that say how an answer came."""
    return {
        "at": now,
        "status": answer.status,
        "took_ms": ms(answer.took),
        "bytes": answer.size,
    }


def ms(took: timedelta | None) -> int | None:
    """Return a time in whole milliseconds."""
    return None if took is None else round(took.total_seconds() * 1000)


def is_clean(document: Document) -> bool:
    """Return whether *document* was read without a flaw."""
    return not document.flaws and not document.rejected


def validators(answer: Answer, document: Document, *, keep: bool) -> dict[str, Any]:
    """Return what to ask with next time: nothing, unless the answer was read cleanly.

    A body that was cut short looks like a feed with flaws. With its ETag kept, a 304 would hide
    the lost rest for good. A placeholder's would hide that it is still all there is.
    """
    # A message is there whole, or not at all: an odd one is odd for ever, and is read once.
    clean = keep and (is_clean(document) or is_mailbox(answer.url))
    return {
        "etag": answer.etag if clean else None,
        "last_modified": answer.last_modified if clean else None,
        "body_hash": answer.body_hash if keep else None,
    }


def state(feed: FeedToPoll, judgement: health.Judgement, now: datetime) -> dict[str, Any]:
    """Return the columns of a feed for its state; it began now if it is another one."""
    columns = {"state": judgement.state, "state_reason": judgement.reason}
    return columns if judgement.state == feed.state else columns | {"state_since": now}


def tell_stored(feed: FeedToPoll, poll: dict[str, Any], stored: articles.Stored) -> None:
    """Log what was stored, and a gap if there was one."""
    noteworthy = stored.new or stored.revised or poll["rejected"] or stored.unmatched
    log.log(
        20 if noteworthy else 10,
        "poll stored",
        feed=feed.key,
        entries=poll["entries"],
        new=stored.new,
        revised=stored.revised,
        rejected=poll["rejected"],
        unmatched=stored.unmatched,
        hits=stored.hits,
    )
    if poll["gap"]:
        log.warning("gap", feed=feed.key, entries=poll["entries"], last_ok_at=feed.last_ok_at)


def tell_state(feed: FeedToPoll, judgement: health.Judgement) -> None:
    """Log a state that is another than before."""
    if judgement.state == feed.state:
        return
    level = 20 if judgement.state == FeedState.OK else 30
    log.log(
        level,
        "feed state",
        feed=feed.key,
        before=feed.state,
        state=judgement.state,
        reason=judgement.reason,
    )


def tell_move(feed: FeedToPoll, after: dict[str, Any]) -> None:
    """Log a permanent redirect that was not there before."""
    if after.get("moved_to"):
        log.info("feed moved", feed=feed.key, moved_to=after["moved_to"])
