"""What the API reads: hits, stories, articles, feeds, digests, reviews."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Final

from monitor.errors import QueryError
from monitor.query import parse
from monitor.store import archive, browse, counts, hits, queries
from monitor.store import polls as ledger
from monitor.store.pages import answered
from monitor.web.api.paging import read_cursor, write_cursor
from monitor.web.api.problems import Problem, query_problem
from monitor.web.context import reading_for, site_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection
    from starlette.requests import Request

    from monitor.query import Node
    from monitor.store.browse import FeedHealth
    from monitor.store.queries import Filter, Listing
    from monitor.web.api import takes

POLLS: Final = 100


def hits_page(request: Request, asked: takes.HitsAsked) -> dict[str, Any]:
    """Return a page of hits."""
    return _searched(request, queries.HITS, asked, story=asked.story)


def stories_page(request: Request, asked: takes.Found) -> dict[str, Any]:
    """Return a page of stories."""
    return _searched(request, queries.STORIES, asked)


def articles_page(request: Request, asked: takes.ArticlesAsked) -> dict[str, Any]:
    """Return a page of articles."""
    return _searched(request, queries.ARTICLES, asked, feed=asked.feed)


def reviews_page(request: Request, asked: takes.ReviewsAsked) -> dict[str, Any]:
    """Return a page of reviews."""
    wanted = queries.Filter(hit=asked.hit, since=asked.since, until=asked.until)
    return _listed(request, queries.REVIEWS, asked, wanted)


def hit(request: Request, number: int) -> dict[str, Any]:
    """Return one hit, with the words that made it."""
    with reading_for(request) as connection:
        row = one(connection, queries.HITS, number)
        row["evidence"] = [asdict(it) for it in hits.evidence(connection, number)]
    return row


def story(request: Request, number: int) -> dict[str, Any]:
    """Return one story, with its proceeding and who was told."""
    with reading_for(request) as connection:
        row = one(connection, queries.STORIES, number)
        steps = browse.proceeding(connection, row["proceeding_id"])
        told = browse.told_in(connection, number)
    row["proceeding"] = [
        {"story_id": it.story_id, "stage": it.stage, "first_seen": it.at, "headline": it.headline}
        for it in steps
    ]
    row["told_in"] = [asdict(it) for it in told]
    return row


def article(request: Request, number: int) -> dict[str, Any]:
    """Return one article."""
    with reading_for(request) as connection:
        return one(connection, queries.ARTICLES, number)


def feeds_page(request: Request, asked: takes.Paged) -> dict[str, Any]:
    """Return a page of feeds, by name."""
    after = read_cursor(request, "feeds", asked.cursor)
    with reading_for(request) as connection:
        found = sorted(browse.feeds(connection), key=_by_name)
        counted = counts.of_feeds(connection)
    rows = [_feed(it, *counted[it.id]) for it in found if after is None or _by_name(it) > after]
    return _page(request, "feeds", rows, ("name", "feed_id"), asked.limit)


def feed(request: Request, key: str) -> dict[str, Any]:
    """Return one feed, with its last polls."""
    with reading_for(request) as connection:
        found = browse.feed(connection, key)
        if found is None:
            raise Problem(404, "absent", f"There is no feed {key!r}.")
        polls = ledger.latest(connection, found.id, limit=POLLS)
        counted = counts.of_feeds(connection, found.id)[found.id]
    return {**_feed(found, *counted), "polls": [_renamed(it, id="poll_id") for it in polls]}


def digests_page(request: Request, asked: takes.DigestsAsked) -> dict[str, Any]:
    """Return a page of digests, the newest first."""
    after = read_cursor(request, "digests", asked.cursor)
    with reading_for(request) as connection:
        found = archive.listed(
            connection,
            subscription=asked.subscription,
            before=None if after is None else after[0],
            limit=asked.limit + 1,
        )
    rows = [_renamed(it, id="digest_id") for it in found]
    return _page(request, "digests", rows, ("digest_id",), asked.limit)


def digest(request: Request, number: int) -> dict[str, Any]:
    """Return a digest exactly as it was sent, and what became of it."""
    with reading_for(request) as connection:
        found = archive.archived(connection, number)
    if found is None:
        raise Problem(404, "absent", f"There is no digest {number}.")
    row = _renamed(found, id="digest_id", pruned_at="deleted_at")
    row.pop("token")  # whoever has it may pass it on to strangers
    row["deliveries"] = [_renamed(it, id="delivery_id") for it in found.deliveries]
    for it in row["deliveries"]:
        it.pop("form")
    return row


def one(connection: Connection, listing: Listing, number: int) -> dict[str, Any]:
    """Return the row of that number; raise Problem if there is none."""
    found = list(queries.rows(connection, listing, queries.Filter(), among=[number]))
    if not found:
        raise Problem(404, "absent", f"There is nothing with the number {number}.")
    return found[0]


def read_query(request: Request, text: str) -> Node:
    """Return *text* as a query; raise Problem, with a caret, if it cannot be read."""
    try:
        return parse(text, now=site_of(request).clock.now())
    except QueryError as error:
        raise query_problem(error) from None


def _searched(
    request: Request,
    listing: Listing,
    asked: takes.Found,
    **more: Any,  # noqa: ANN401 - of Filter
) -> dict[str, Any]:
    wanted = queries.Filter(
        company=asked.company,
        topic=asked.topic,
        stage=asked.stage,
        since=asked.since,
        until=asked.until,
        min_score=asked.min_score,
        **more,
    )
    if asked.q is None:
        return _listed(request, listing, asked, wanted)
    query, name = read_query(request, asked.q), f"answers in {listing.name}"
    after = read_cursor(request, name, asked.cursor)
    place = None if after is None else (after[0], after[1])
    with reading_for(request) as connection:
        rows, last = answered(connection, listing, query, wanted, after=place, limit=asked.limit)
    return {"items": rows, "next": None if last is None else write_cursor(request, name, last)}


def _listed(
    request: Request, listing: Listing, asked: takes.Paged, wanted: Filter
) -> dict[str, Any]:
    after = read_cursor(request, listing.name, asked.cursor)
    wanted = replace(wanted, limit=asked.limit + 1)
    place = None if after is None else (after[0], after[1])
    with reading_for(request) as connection:
        rows = list(queries.rows(connection, listing, wanted, after=place))
    return _page(request, listing.name, rows, listing.order, asked.limit)


def _page(
    request: Request,
    name: str,
    rows: list[dict[str, Any]],
    order: Sequence[str],
    limit: int,
) -> dict[str, Any]:
    """Return the first *limit* of *rows*, and the cursor behind them if there are more."""
    shown = rows[:limit]
    if len(rows) <= limit:
        return {"items": shown, "next": None}
    place = tuple(shown[-1][column] for column in order)
    return {"items": shown, "next": write_cursor(request, name, place)}


def _renamed(value: Any, **names: str) -> dict[str, Any]:  # noqa: ANN401 - a dataclass
    return {names.get(key, key): it for key, it in asdict(value).items()}


def _by_name(it: FeedHealth) -> tuple[str, str]:
    return it.name, it.key


def _feed(it: FeedHealth, articles: int, hits: int) -> dict[str, Any]:
    row = _renamed(
        it,
        key="feed_id",
        since="state_since",
        reason="state_reason",
        gap_at="last_gap_at",
        news_at="newest_article_at",
        due_at="next_poll_at",
    )
    row.pop("id")  # a number for joins; what a feed is known by is its key
    return {**row, "articles": articles, "hits": hits}
