"""The site: which address is answered by which function, and who may ask.

* `FOR_EVERYBODY` is what strangers may ask for: what a machine looks at, and addresses that nobody
  can guess. A new way in from outside, such as a callback, gets its route there.
* `INSIDE` is everything else, and what each address needs, by method: a page that is not in it is
  not there. `door.py` holds it. A page with a form names POST too, puts `{{ form_field() }}` into
  the form, and reads it with `form_of(request)`.
* Functions that use the database are plain ones: Starlette runs them in threads, a few at once.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from anyio.to_thread import current_default_thread_limiter
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.routing import Route

from monitor.digest.names import names_of
from monitor.model import UserRole
from monitor.store import keys
from monitor.web import (
    archive,
    atom,
    companies,
    feeds,
    leaving,
    login,
    metrics,
    probes,
    proposals,
    push,
    review,
    rules,
    search,
    searches,
    stories,
    subscriptions,
)
from monitor.web.api import endpoints, openapi
from monitor.web.backtests import Backtests
from monitor.web.behind import Behind
from monitor.web.context import Site
from monitor.web.door import Door
from monitor.web.pages import LEXICON, asset, not_served
from monitor.web.shield import Shield
from monitor.web.tried import Tried

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from monitor.app import App

    Answer = Callable[[Request], Response | Awaitable[Response]]
    Needs = Mapping[str, UserRole | None]

MAX_BODY_BYTES = 65_536  # of a request whose route has no `max_body_size` of its own
THREADS = 4  # for the functions behind the addresses, and so at most as many connections


FOR_EVERYBODY = (
    Route("/livez", probes.alive),
    Route("/readyz", probes.ready),
    Route("/static/{name}", asset, name="static"),
    Route("/unsubscribe/{token}", leaving.unsubscribe, methods=["GET", "POST"]),
    Route("/subscribe/{token}", leaving.subscribe, methods=["POST"]),
    Route("/d/{token}", archive.as_mailed),
    Route(
        "/websub/{token}",
        push.hub,
        methods=["GET", "POST"],
        max_body_size=push.MAX_BODY_BYTES,
    ),
)
READ: Needs = {"GET": UserRole.READER}
BY_REVIEWERS: Needs = {"GET": UserRole.REVIEWER, "POST": UserRole.REVIEWER}
INSIDE: tuple[tuple[str, Answer, Needs], ...] = (
    ("/login", login.log_in, {"GET": None, "POST": None}),
    ("/logout", login.log_out, {"POST": None}),
    ("/account", login.account, {"GET": UserRole.READER, "POST": UserRole.READER}),
    ("/", stories.today, READ),
    ("/stories/", stories.stories, READ),
    ("/stories/{story:int}", stories.story, READ),
    ("/companies/", companies.companies, READ),
    ("/companies/{company}", companies.company, READ),
    ("/hits/", stories.hits, READ),
    ("/search/", search.find, READ),
    ("/searches/", searches.saved, {"GET": UserRole.READER, "POST": UserRole.REVIEWER}),
    ("/searches/{search:int}", searches.remove, {"POST": UserRole.REVIEWER}),
    ("/feeds/", feeds.feeds, READ),
    ("/digests/", archive.digests, READ),
    ("/digests/{digest:int}", archive.digest, READ),
    ("/digests/{digest:int}/html", archive.html, READ),
    ("/subscriptions/", subscriptions.subscriptions, READ),
    ("/subscriptions/{subscription}", subscriptions.preview, READ),
    ("/subscriptions/{subscription}/html", subscriptions.html, READ),
    ("/review/", review.queue, {"GET": UserRole.REVIEWER}),
    ("/review/precision", review.precision, READ),
    ("/review/proposals", proposals.proposals, {"GET": UserRole.REVIEWER}),
    ("/review/{hit:int}", review.hit, BY_REVIEWERS),
    ("/rules/", rules.bench, BY_REVIEWERS),
    ("/rules/backtests/{backtest}", rules.backtest, BY_REVIEWERS),
    ("/metrics", metrics.metrics, READ),
    ("/feeds/hits.atom", atom.hits, READ),
    ("/feeds/stories.atom", atom.stories, READ),
    ("/feeds/{feed}", feeds.feed, READ),
    ("/deliveries/{delivery:int}.{form}", archive.sent, READ),
    (openapi.PATH, openapi.openapi, {"GET": None}),
    *endpoints.routes(),
)


@asynccontextmanager
async def _served(site: Starlette) -> AsyncIterator[None]:
    current_default_thread_limiter().total_tokens = THREADS
    yield
    for part in (site.state.site.backtests, site.state.site.behind):
        await run_in_threadpool(part.close)


def build_site(app: App, *, local: bool) -> Starlette:
    """Return the site of *app*; *local* says that only those on this machine can ask."""
    inside = [
        Route(path, answer, methods=list(needs), middleware=[Middleware(Door, needs=needs)])
        for path, answer, needs in INSIDE
    ]
    with app.store.begin() as connection:
        form_key = keys.kept(connection, "forms", now=app.clock.now())
    web = app.config.web
    site = Starlette(
        routes=[*FOR_EVERYBODY, *inside],
        middleware=[
            Middleware(Shield),
            Middleware(RequestBodyLimitMiddleware, max_body_size=MAX_BODY_BYTES),  # no failure
        ],
        exception_handlers={HTTPException: not_served},
        lifespan=_served,
    )
    site.state.meter = metrics.meter_of(app)
    site.state.site = Site(
        engine=app.store,
        clock=app.clock,
        links=app.links,
        names=app.names,
        names_in={"zh": names_of(app.lexicon, LEXICON["zh"])},
        subscriptions=app.subscriptions,
        url=web.url,
        zone=web.timezone,
        identity=app.identity,
        local=local,
        proxy=web.proxy,
        login=web.login,
        form_key=form_key,
        config=app.config,
        backtests=Backtests(app.config),
        behind=Behind(app.config),
        tried=Tried(app.config),
    )
    return site
