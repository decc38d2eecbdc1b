"""Stories and hits: what happened, who reported it, and the words that say so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse

from monitor.digest.entries import language, link
from monitor.digest.excerpt import Piece, excerpt, headline
from monitor.store import browse
from monitor.store.browse import Wanted
from monitor.stories.head import is_official
from monitor.text.html import one_line
from monitor.web.context import asked_id, path_id, reading_for, site_of
from monitor.web.pages import page

if TYPE_CHECKING:
    from datetime import date

    from starlette.requests import Request
    from starlette.responses import Response

    from monitor.model import ReportedHit, Story

SHOWN = 30  # stories or hits on a page
MOST = 200  # hits of one story that are shown
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
        found = browse.stories_since(connection, Wanted(), now - TODAY, limit=MOST + 1)
        troubled = [feed for feed in browse.feeds(connection) if feed.trouble]
        days = _days(request, Wanted())
    companies: dict[str, list[Story]] = {key: [] for key in site.names.companies}
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
        names=site.names,
        high=HIGH,
    )


def stories(request: Request) -> Response:
    """Show stories, the one with the latest news first, within what is asked for."""
    wanted, before = _wanted(request), asked_id(request, "before")
    with reading_for(request) as connection:
        found = browse.page_of_stories(connection, wanted, before=before, limit=SHOWN + 1)
        days = _days(request, wanted)
    return page(
        request,
        "web/stories.html.j2",
        stories=found[:SHOWN],
        more=len(found) > SHOWN,
        older=_older(request, found[SHOWN - 1].id if len(found) > SHOWN else 0),
        days=days,
        **_choices(request, wanted),
    )


def story(request: Request) -> Response:
    """Show one story: its sources with what was matched in them, its proceeding, who was told."""
    number = path_id(request, "story")
    with reading_for(request) as connection:
        found = browse.story(connection, number)
        if found is None:
            other = browse.merged_into(connection, number)
            if other is None:
                raise HTTPException(404)
            return RedirectResponse(f"/stories/{other}")
        hits = browse.hits_of_story(connection, number, limit=MOST + 1)
        steps = browse.proceeding(connection, found)
        told = browse.told_in(connection, number)
    joined = {source.hit_id: source.joined for source in found.sources}
    head = found.sources[0].hit_id
    accounts = sorted(map(account, hits[:MOST]), key=lambda it: (it.hit != head, it.hit))
    return page(
        request,
        "web/story.html.j2",
        story=found,
        accounts=accounts,
        unlisted=found.hits - len(accounts),
        joined=joined,
        steps=steps,
        told=told,
        names=site_of(request).names,
        high=HIGH,
    )


def hits(request: Request) -> Response:
    """Show hits, the newest first, within what is asked for."""
    wanted, before = _wanted(request), asked_id(request, "before")
    with reading_for(request) as connection:
        found = browse.page_of_hits(connection, wanted, before=before, limit=SHOWN + 1)
    return page(
        request,
        "web/hits.html.j2",
        accounts=[account(hit) for hit in found[:SHOWN]],
        more=len(found) > SHOWN,
        older=_older(request, found[SHOWN - 1].id if len(found) > SHOWN else 0),
        **_choices(request, wanted),
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


def _wanted(request: Request) -> Wanted:
    asked = {name: request.query_params.get(name) or None for name in ("company", "topic", "stage")}
    return Wanted(**asked)


def _choices(request: Request, wanted: Wanted) -> dict[str, Any]:
    return {"wanted": wanted, "names": site_of(request).names, "high": HIGH}


def _older(request: Request, before: int) -> str:
    return request.url.include_query_params(before=before).query


def _days(request: Request, wanted: Wanted) -> list[tuple[date, int]]:
    """Return how many stories were first told on each of the last days, the oldest first."""
    site = site_of(request)
    last = site.clock.now().astimezone(site.zone).date()
    days = [last - timedelta(days=ago) for ago in range(DAYS - 1, -1, -1)]
    starts = [datetime.combine(day, time(), site.zone) for day in days]
    with reading_for(request) as connection:
        return list(zip(days, browse.told_between(connection, wanted, starts), strict=True))
