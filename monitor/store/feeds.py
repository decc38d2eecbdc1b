"""Feeds in the store, as the configuration says they are. Which are due for whom: `claims`."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from monitor.model import FeedState
from monitor.store import schema as t
from monitor.store.known import chunks
from monitor.store.rows import change_rows
from monitor.store.types import seconds
from monitor.store.upsert import inserting

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Row

    from monitor.model import Feed

CONFIGURED = ("url", "name", "language", "company", "enabled", "full_text")
OF_ADDRESS = (  # columns that say something of the address that was asked
    *("etag", "last_modified", "body_hash", "moved_to", "moved_since", "articles", "prints"),
    *("wishes", "push_until"),
)


def sync(
    connection: Connection,
    feeds: Sequence[Feed],
    *,
    now: datetime,
    interval: timedelta | None = None,
    host_of: Callable[[str], str | None] = lambda _: None,
) -> None:
    """Make the stored feeds say what the configuration says; new ones are due at once.

    A feed that left the configuration is switched off and keeps its articles. A feed with a new
    address, or a page that is read in another way, forgets what it knew of the old one. One whose
    interval became shorter (*interval* is for feeds without their own) need not wait out the longer
    one. *host_of* names the host of an address that few feeds at once may be asked of, None for any
    number. The caller commits.
    """
    wanted = {
        feed.key: (feed, _configured(feed, interval) | {"host": host_of(feed.url)})
        for feed in feeds
    }
    stored, differing = _differing(connection, wanted)
    for row in differing:
        if row.key in wanted:
            changed = _changed(row, *wanted[row.key], now=now)
        else:
            changed = {"enabled": False} | _state(row, FeedState.OFF, now)
        change_rows(connection, t.feeds, [{"id": row.id, **changed}] if changed else [])
    fresh = []
    for key, (feed, configured) in wanted.items():
        if key in stored:
            continue
        state = FeedState.PROBATION if feed.enabled else FeedState.OFF
        start = {"key": key, "due_at": now, "state": state, "state_since": now}
        fresh.append(start | configured)
    if fresh:
        connection.execute(inserting(connection, t.feeds).on_conflict_do_nothing(), fresh)


def _differing(
    connection: Connection, wanted: Mapping[str, tuple[Feed, dict[str, Any]]]
) -> tuple[set[str], list[Row[Any]]]:
    """Return the keys of all stored feeds, and the rows that are not as is *wanted*.

    At nearly every start that is none, and a row has prints and articles by the thousand.
    """
    looked_at = ("key", "state", *CONFIGURED, "interval_s", "usual_s", "page", "host")
    stored: set[str] = set()
    differing = []
    for row in connection.execute(select(*(t.feeds.c[name] for name in looked_at))):
        stored.add(row.key)
        feed, configured = wanted.get(row.key, (None, {"enabled": False}))
        is_off = row.state == FeedState.OFF
        same = all(getattr(row, name) == value for name, value in configured.items())
        if not same or not (is_off or (feed and feed.enabled)):
            differing.append(row.key)
    rows: list[Row[Any]] = []
    for some in chunks(differing):
        rows += connection.execute(select(t.feeds).where(t.feeds.c.key.in_(some)))
    return stored, rows


def _changed(
    row: Row[Any], feed: Feed, configured: dict[str, Any], *, now: datetime
) -> dict[str, Any]:
    """Return the columns of *row* that change, so that it says of *feed* what is *configured*."""
    changed = {name: value for name, value in configured.items() if getattr(row, name) != value}
    due_at = row.due_at
    if row.url != feed.url or row.page != configured["page"]:
        changed |= dict.fromkeys(OF_ADDRESS)
        due_at = now
    usual_s = configured["usual_s"]
    if usual_s and row.usual_s and usual_s < row.usual_s and not row.failures:
        due_at = min(due_at, now + timedelta(seconds=usual_s))
    if feed.enabled and not row.enabled:
        due_at = now
        changed |= {"failures": 0, **_state(row, FeedState.PROBATION, now)}
    if not feed.enabled:
        changed |= _state(row, FeedState.OFF, now)
    return changed if due_at == row.due_at else changed | {"due_at": due_at}


def _state(row: Row[Any], state: FeedState, now: datetime) -> dict[str, Any]:
    if row.state == state:
        return {}
    return {"state": state, "state_since": now, "state_reason": None}


def _configured(feed: Feed, interval: timedelta | None) -> dict[str, Any]:
    values = {column: getattr(feed, column) for column in CONFIGURED}
    usual = feed.interval or interval
    page = None if feed.page is None else asdict(feed.page)
    times = {"interval_s": seconds(feed.interval), "usual_s": seconds(usual)}
    return {**values, **times, "page": page}


def make_due(connection: Connection, keys: Sequence[str] | None, *, now: datetime) -> list[str]:
    """Make the named feeds (all that are switched on, if None) due; return their keys.

    The caller commits.
    """
    feeds = update(t.feeds).where(t.feeds.c.enabled).values(due_at=now).returning(t.feeds.c.key)
    if keys is not None:
        feeds = feeds.where(t.feeds.c.key.in_(keys))
    return list(connection.scalars(feeds))
