"""Feeds that are due: taken by one worker at a time, and what it needs to know to poll them.

* A claim moves `due_at` on by a lease: nobody else sees the feed meanwhile, and a worker that dies
  leaves it to come due again.
* Where few feeds of a host may be asked at once, its feeds take turns, the longest overdue first.
* What a feed's rhythm and its publisher's wishes are as columns is read and written here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import (
    JSON,
    ColumnElement,
    Integer,
    Text,
    bindparam,
    case,
    cast,
    column,
    func,
    not_,
    or_,
    select,
    update,
)

from monitor.model import FeedState, FeedToPoll, Page, Rhythm, Wishes
from monitor.store import schema as t
from monitor.store.among import among
from monitor.store.types import seconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection, Row, Select
    from sqlalchemy.sql.dml import ReturningUpdate

LOOKED_AT = 8  # due feeds looked at for each that is claimed, where hosts are asked in turn


# What was recorded so far in the future was recorded by a clock that was wrong.
AHEAD: Final = timedelta(hours=1)
NEVER: Final = datetime(
    9999, 12, 31, tzinfo=UTC
)  # for a feed that is gone, until its address changes


@dataclass(frozen=True, slots=True)
class HostLimit:
    """At most *per_host* feeds of one host at once; *under_way* counts those being asked."""

    per_host: int
    under_way: Mapping[str, int]


def claim_due(
    connection: Connection,
    *,
    now: datetime,
    lease: timedelta,
    limit: int,
    worker: str,
    keys: Sequence[str] | None = None,
    due_by: datetime | None = None,
    hosts: HostLimit | None = None,
) -> list[FeedToPoll]:
    """Take up to *limit* of the longest overdue feeds for *worker*, in no set order.

    With *keys*, only of the feeds so named; with *due_by*, only of those due by then. With
    *hosts*, no more of one host than those say.

    A claim moves `due_at` on by *lease*: no other worker sees the feed meanwhile, and a worker
    that dies leaves it to come due again. Any number of workers may call this at once; PostgreSQL
    skips the rows another worker holds, SQLite lets one writer in at a time. The caller commits.

    *lease* must outlast the slowest poll. If it does not, a feed is polled twice at once, which
    costs a request and changes nothing, since storing is idempotent.
    """
    values: dict[str, Any] = {
        "until": due_by or now,
        "leased": now + lease,
        "worker": worker,
        "most": limit,
    }
    if keys is not None:
        values["keys"] = list(keys)
    if hosts is not None:
        asked = dict(hosts.under_way)
        values |= {
            "per_host": hosts.per_host,
            "full": [host for host, number in asked.items() if number >= hosts.per_host],
            "asked": json.dumps(asked),
            "looked_at": LOOKED_AT * limit,
        }
    kind = connection.dialect.name
    claim = _claiming(kind, named=keys is not None, in_turn=hosts is not None)
    return [_to_poll(row) for row in connection.execute(claim, values)]


@cache
def _claiming(kind: str, *, named: bool, in_turn: bool) -> ReturningUpdate[Any]:
    """Return the statement of `claim_due` for a *kind* of database, made ready once."""
    wanted: list[ColumnElement[bool]] = [
        t.feeds.c.due_at <= bindparam("until", type_=t.feeds.c.due_at.type),
        t.feeds.c.enabled.is_(True),
    ]
    if named:
        wanted.append(among(t.feeds.c.key, "keys"))
    if in_turn:
        wanted.append(_in_turn(kind, wanted))
    due = (
        select(t.feeds.c.id)
        .where(*wanted)
        .order_by(t.feeds.c.due_at, t.feeds.c.id)
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    return (
        update(t.feeds)
        .where(t.feeds.c.id == due.c.id)
        .values(
            due_at=bindparam("leased", type_=t.feeds.c.due_at.type),
            claimed_by=bindparam("worker", type_=t.feeds.c.claimed_by.type),
        )
        .returning(*_CLAIMED)
    )


def under_way(connection: Connection, *, now: datetime) -> dict[str, int]:
    """Return of how many feeds of each host a claim holds, whoever has it."""
    claimed = t.feeds.c.claimed_by.is_not(None), t.feeds.c.host.is_not(None)
    held = select(t.feeds.c.host, func.count()).where(*claimed, t.feeds.c.due_at > now)
    rows = connection.execute(held.group_by(t.feeds.c.host))
    return {row[0]: row[1] for row in rows}


def _in_turn(kind: str, wanted: Sequence[ColumnElement[bool]]) -> ColumnElement[bool]:
    """Return the condition that a feed is among the first of its host that may be asked now."""
    given = bindparam("asked", type_=Text())
    if kind == "postgresql":
        each = func.json_each_text(cast(given, JSON()))
    else:
        each = func.json_each(given)
    busy = each.table_valued(column("key", Text()), column("value"), name="busy")
    under_way = func.coalesce(cast(busy.c.value, Integer()), 0)
    may = or_(t.feeds.c.host.is_(None), not_(among(t.feeds.c.host, "full")))
    oldest = (
        select(t.feeds.c.id, t.feeds.c.host, t.feeds.c.due_at, under_way.label("under_way"))
        .select_from(t.feeds.outerjoin(busy, busy.c.key == t.feeds.c.host))
        .where(*wanted, may)
        .order_by(t.feeds.c.due_at, t.feeds.c.id)
        .limit(bindparam("looked_at"))
        .subquery()
    )
    place = func.row_number().over(
        partition_by=oldest.c.host, order_by=(oldest.c.due_at, oldest.c.id)
    )
    turn = select(oldest.c.id, oldest.c.host, (place + oldest.c.under_way).label("turn")).subquery()
    mine = select(turn.c.id).where(
        or_(turn.c.host.is_(None), turn.c.turn <= bindparam("per_host", type_=Integer()))
    )
    return t.feeds.c.id.in_(mine)


_CLAIMED = (
    t.feeds.c.id,
    t.feeds.c.key,
    t.feeds.c.url,
    t.feeds.c.name,
    t.feeds.c.language,
    t.feeds.c.company,
    t.feeds.c.interval_s,
    t.feeds.c.host,
    t.feeds.c.etag,
    t.feeds.c.last_modified,
    t.feeds.c.body_hash,
    t.feeds.c.failures,
    t.feeds.c.last_ok_at,
    t.feeds.c.state,
    t.feeds.c.news_at,
    t.feeds.c.rhythm,
    t.feeds.c.wishes,
    t.feeds.c.haste,
    t.feeds.c.moved_to,
    t.feeds.c.moved_since,
    t.feeds.c.page,
    t.feeds.c.prints,
    t.feeds.c.full_text,
    t.feeds.c.push_until,
    case((t.feeds.c.prints.is_not(None), t.feeds.c.articles)).label("shown"),
)


def _to_poll(row: Row[Any]) -> FeedToPoll:
    return FeedToPoll(
        id=row.id,
        key=row.key,
        url=row.url,
        name=row.name,
        language=row.language,
        company=row.company,
        interval=None if row.interval_s is None else timedelta(seconds=row.interval_s),
        host=row.host,
        etag=row.etag,
        last_modified=row.last_modified,
        body_hash=row.body_hash,
        failures=row.failures,
        last_ok_at=row.last_ok_at,
        state=FeedState(row.state),
        rhythm=_rhythm(row.news_at, row.rhythm or {}),
        wishes=_wishes(row.wishes or {}),
        haste=row.haste,
        moved_to=row.moved_to,
        moved_since=row.moved_since,
        page=None if row.page is None else Page(**row.page),
        prints=row.prints or b"",
        shown=tuple(row.shown or ()),
        full_text=row.full_text,
        push_until=row.push_until,
    )


def _rhythm(news_at: datetime | None, stored: dict[str, Any]) -> Rhythm:
    dated_gap_s = stored.get("dated_gap_s")
    return Rhythm(
        news_at=news_at,
        gaps=tuple(timedelta(seconds=gap_s) for gap_s in stored.get("gaps_s", ())),
        dated_gap=None if dated_gap_s is None else timedelta(seconds=dated_gap_s),
    )


def rhythm_columns(rhythm: Rhythm) -> dict[str, Any]:
    """Return the columns of `feeds` that hold *rhythm*."""
    gaps_s = [seconds(gap) for gap in rhythm.gaps]
    stored = {"gaps_s": gaps_s, "dated_gap_s": seconds(rhythm.dated_gap)}
    return {"news_at": rhythm.news_at, "rhythm": stored}


def _wishes(stored: dict[str, Any]) -> Wishes:
    ttl_s = stored.get("ttl_s")
    return Wishes(
        ttl=None if ttl_s is None else timedelta(seconds=ttl_s),
        skip_hours=frozenset(stored.get("skip_hours", ())),
        skip_days=frozenset(stored.get("skip_days", ())),
        hub=stored.get("hub"),
        topic=stored.get("topic"),
    )


def wishes_columns(wishes: Wishes) -> dict[str, Any]:
    """Return the columns of `feeds` that hold *wishes*."""
    stored = {
        "ttl_s": seconds(wishes.ttl),
        "skip_hours": sorted(wishes.skip_hours),
        "skip_days": sorted(wishes.skip_days),
        "hub": wishes.hub,
        "topic": wishes.topic if wishes.hub else None,
    }
    return {"wishes": stored if any(stored.values()) else None}


def hand_back(connection: Connection, ids: Sequence[int], *, worker: str, now: datetime) -> None:
    """Give back unpolled, due at once, those of *ids* that *worker* still holds.

    The caller commits.
    """
    mine = update(t.feeds).where(t.feeds.c.id.in_(ids), t.feeds.c.claimed_by == worker)
    connection.execute(mine.values(due_at=now, claimed_by=None))


def polled_ahead(connection: Connection, *, now: datetime) -> bool:
    """Return whether a feed was ever polled by a clock that was far ahead of *now*."""
    return connection.scalar(_ahead(now).limit(1)) is not None


def call_back(connection: Connection, *, now: datetime) -> int:
    """Make the feeds due that were put off by such a clock; return how many. The caller commits."""
    its = t.feeds.c
    put_off = (
        its.due_at > now + AHEAD,
        its.due_at < NEVER,
        its.enabled,
        its.claimed_by.is_(None),
        its.id.in_(_ahead(now)),
    )
    called = update(t.feeds).where(*put_off).values(due_at=now).returning(its.id)
    return len(connection.scalars(called).all())


def _ahead(now: datetime) -> Select[tuple[int]]:
    return select(t.polls.c.feed_id).where(t.polls.c.at > now + AHEAD)


def any_due(connection: Connection, *, now: datetime) -> bool:
    """Return whether any feed is due; costs no write transaction."""
    due = select(t.feeds.c.id).where(t.feeds.c.due_at <= now, t.feeds.c.enabled).limit(1)
    return connection.scalar(due) is not None
