"""The review queue: hits without a verdict, each with a form to give one; and what became of it.

* It works without a script. The one it loads presses the buttons of its forms for keys.
* A verdict is only ever added: a second thought is a second verdict, and the latest holds.
* Who gave it is who is logged in; nobody can say another name.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse

from monitor.model import Review, Verdict
from monitor.store import precision as measured
from monitor.store import review_queue, reviews
from monitor.store.judged import mark
from monitor.text.html import one_line
from monitor.web.aside import works
from monitor.web.context import asked_id, path_id, reading_for, site_of
from monitor.web.forms import form_of
from monitor.web.pages import again, names_for, not_yet, page
from monitor.web.shield import POLICY
from monitor.web.stories import account, choices, older, wanted
from monitor.web.visitor import visitor_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

SHOWN = 20  # hits on a page
LONGEST_NOTE = 2000
MOST = 100  # rows of a table
PRECISION = "What verdicts say of the rules"
BACK = ("/review/", "Review")
SPANS = (90, 30, 365)  # days back
KEPT = ("company", "topic", "stage", "before")
WITH_KEYS = {"Content-Security-Policy": f"{POLICY}; script-src 'self'"}


def queue(request: Request) -> Response:
    """Show the hits that wait for a verdict, the newest first."""
    limits, before = wanted(request), asked_id(request, "before")
    done = asked_id(request, "done")
    with reading_for(request) as connection:
        found = review_queue.waiting(connection, limits, before=before, limit=SHOWN + 1)
        given = [] if done is None else review_queue.given(connection, done)
    response = page(
        request,
        "web/review.html.j2",
        accounts=[account(hit) for hit in found[:SHOWN]],
        older=older(request, [hit.id for hit in found], SHOWN),
        here=_here(request),
        last=given[0] if given else None,
        verdicts=list(Verdict),
        **choices(request, limits),
    )
    response.headers.update(WITH_KEYS)
    return response


def hit(request: Request) -> Response:
    """Show one hit and all verdicts it was given; take another on POST."""
    number = path_id(request, "hit")
    if request.method == "POST":
        return _taken(request, number)
    with reading_for(request) as connection:
        found = review_queue.hit(connection, number)
        given = review_queue.given(connection, number)
    if found is None:
        raise HTTPException(404)
    response = page(
        request,
        "web/review_hit.html.j2",
        it=account(found),
        given=given,
        verdicts=list(Verdict),
        **choices(request, wanted(request)),
    )
    response.headers.update(WITH_KEYS)
    return response


def precision(request: Request) -> Response:
    """Show how often hits were right, by what verdicts say."""
    site, asked = site_of(request), request.query_params
    by = next((it for it in measured.BY if it == asked.get("by")), measured.BY[0])
    days = next((it for it in SPANS if str(it) == asked.get("days")), SPANS[0])
    since = site.clock.now() - timedelta(days=days)
    with reading_for(request) as connection:
        now = (*mark(connection), site.clock.now().date())
    found = site.behind.find(
        ("precision", by, days),
        now,
        site.clock.now(),
        partial(works.precision, by=by, since=since, most=MOST + 1),
    )
    if found.outcome is None:
        return not_yet(request, PRECISION, BACK)
    names, rows = names_for(request), found.outcome
    named = {"company": names.company, "topic": names.topic, "stage": names.stage}
    response = page(
        request,
        "web/precision.html.j2",
        by=by,
        kinds=measured.BY,
        since_days=days,
        spans=SPANS,
        rows=[(named[by](row.key) if by in named else row.key, row) for row in rows[:MOST]],
        more=len(rows) > MOST,
        most=MOST,
        found=found,
    )
    return response if found.fresh else again(response)


def _taken(request: Request, number: int) -> Response:
    form, visitor, site = form_of(request), visitor_of(request), site_of(request)
    note = form.get("note", "").strip()
    if form.get("verdict") not in set(Verdict) or len(note) > LONGEST_NOTE or visitor is None:
        raise HTTPException(400)
    review = Review(
        hit_id=number,
        verdict=Verdict(form["verdict"]),
        who=visitor.signature,
        at=site.clock.now(),
        note=one_line(note) or None,
    )
    with site.engine.begin() as connection:
        added = reviews.add(connection, review)
    if added is None:
        raise HTTPException(404)
    if "here" not in form:
        return RedirectResponse(f"/review/{number}", HTTPStatus.SEE_OTHER)
    asked = dict(parse_qsl(form["here"]))
    kept = {name: asked[name] for name in KEPT if name in asked}
    following = f"#hit-{form['next']}" if form.get("next", "").isdecimal() else ""
    query = urlencode({**kept, "done": number})
    return RedirectResponse(f"/review/?{query}{following}", HTTPStatus.SEE_OTHER)


def _here(request: Request) -> str:
    """Return what of the query narrows the queue, so that it stays so after a verdict."""
    params = request.query_params
    return urlencode({name: params[name] for name in KEPT if name in params})
