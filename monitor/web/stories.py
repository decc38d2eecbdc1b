"""Stories and hits: what happened, who reported it, and the words that say so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse

from monitor.digest.entries import language, link
from monitor.digest.excerpt import Piece, excerpt, headline
from monitor.store import browse, listed
from monitor.store.listed import Wanted
from monitor.stories.head import is_official
from monitor.text.html import one_line
from monitor.web.context import asked_id, path_id, reading_for, site_of
from monitor.web.pages import names_for, page

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from starlette.requests import Request
    from starlette.responses import Response

    from monitor.model import ReportedHit
    from monitor.store.listed import Listed

SHOWN = 30  # stories or hits on a page
MOST = 200  # stories of today that are shown
REPORTS = 50  # hits of one story on a page
DAYS = 30  # of the chart
TODAY = timedelta(days=1)
HIGH = 84  # the rank from which on a stage is grave


@dataclass(frozen=True, slots=True)
class Account:
    """One article of a story or one hit, as a reader meets it: its words in pieces."""

    hit: int
    story: int
    company: str
    topic: str
    stage: str | None
    publisher: str
    url: str | None
    language: str | None
    published: datetime | None
    found: datetime
    title: tuple[Piece, ...]
    excerpt: tuple[Piece, ...]
    score: float
    official: bool


def today(request: Request) -> Response:
    """Show what was told in the last day, by company, the gravest first."""
    site = site_of(request)
    now = site.clock.now()
    with reading_for(request) as connection:
        found = listed.since(connection, Wanted(), now - TODAY, limit=MOST + 1)
        troubled = [feed for feed in browse.feeds(connection) if feed.trouble]
        days = _days(request, Wanted())
    companies: dict[str, list[Listed]] = {key: [] for key in site.names.companies}
    for story in sorted(found[:MOST], key=lambda it: -site.names.rank(it.stage)):
        companies.setdefault(story.company, []).append(story)
    return page(
        request,
        "web/today.html.j2",
        companies=companies,
        count=len(found[:MOST]),
        more=len(found) > MOST,
        troubled=troubled,
        days=days,
        names=names_for(request),
        high=HIGH,
    )


def stories(request: Request) -> Response:
    """Show stories, the one with the latest news first, within what is asked for."""
    limits, before = wanted(request), asked_id(request, "before")
    with reading_for(request) as connection:
        found = listed.page(connection, limits, before=before, limit=SHOWN + 1)
        days = _days(request, limits)
    return page(
        request,
        "web/stories.html.j2",
        stories=found[:SHOWN],
        older=older(request, [it.id for it in found], SHOWN),
        days=days,
        **choices(request, limits),
    )


def story(request: Request) -> Response:
    """Show one story: its sources with what was matched in them, its proceeding, who was told."""
    number, after = path_id(request, "story"), asked_id(request, "after")
    with reading_for(request) as connection:
        found = browse.story(connection, number)
        if found is None:
            other = browse.merged_into(connection, number)
            if other is None:
                raise HTTPException(404)
            return RedirectResponse(f"/stories/{other}")
        hits = browse.hits_of_story(connection, found, after=after, limit=REPORTS + 1)
        steps = browse.proceeding(connection, found.proceeding)
        told = browse.told_in(connection, number)
    return page(
        request,
        "web/story.html.j2",
        story=found.story,
        accounts=[account(hit) for hit, _ in hits[:REPORTS]],
        more=hits[REPORTS - 1][0].id if len(hits) > REPORTS else None,
        joined={hit.id: joined for hit, joined in hits},
        steps=steps,
        told=told,
        names=names_for(request),
        high=HIGH,
    )


def hits(request: Request) -> Response:
    """Show hits, the newest first, within what is asked for."""
    limits, before = wanted(request), asked_id(request, "before")
    with reading_for(request) as connection:
        found = browse.page_of_hits(connection, limits, before=before, limit=SHOWN + 1)
    return page(
        request,
        "web/hits.html.j2",
        accounts=[account(hit) for hit in found[:SHOWN]],
        older=older(request, [it.id for it in found], SHOWN),
        **choices(request, limits),
    )


def account(hit: ReportedHit) -> Account:
    """Return *hit* as a reader meets it; words of a feed stay words, links lead to the web."""
    return Account(
        hit=hit.id,
        story=hit.story_id,
        company=hit.company,
        topic=hit.topic,
        stage=hit.stage,
        publisher=one_line(hit.publisher or "") or hit.feed,
        url=link(hit.url),
        language=language(hit.language),
        published=hit.published_at,
        found=hit.found_at,
        title=headline(hit),
        excerpt=excerpt(hit),
        score=hit.score,
        official=is_official(hit.url),
    )


def wanted(request: Request) -> Wanted:
    """Return what the page is to be limited to."""
    asked = {name: request.query_params.get(name) or None for name in ("company", "topic", "stage")}
    return Wanted(**asked)


def choices(request: Request, limits: Wanted) -> dict[str, Any]:
    """Return what the form that narrows a page is made of."""
    return {"wanted": limits, "names": names_for(request), "high": HIGH}


def older(request: Request, ids: Sequence[int], shown: int) -> str | None:
    """Return the query of the next page, if there are more than the *shown* first of *ids*."""
    if len(ids) <= shown:
        return None
    return request.url.include_query_params(before=ids[shown - 1]).query


def _days(request: Request, wanted: Wanted) -> list[tuple[date, int]]:
    """Return how many stories were first told on each of the last days, the oldest first."""
    site = site_of(request)
    last = site.clock.now().astimezone(site.zone).date()
    days = [last - timedelta(days=ago) for ago in range(DAYS - 1, -1, -1)]
    starts = [datetime.combine(day, time(), site.zone) for day in days]
    with reading_for(request) as connection:
        return list(zip(days, listed.first_told(connection, wanted, starts), strict=True))
