"""The site: which address is answered by which function, and who may ask.

* `FOR_EVERYBODY` is what strangers may ask for: what a machine looks at, and addresses that nobody
  can guess. A new way in from outside, such as a callback, gets its route there.
* `INSIDE` is everything else. Nobody has to log in yet, so it is closed unless nobody else can ask.
* Functions that use the database are plain ones: Starlette runs them in threads, a few at once.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from anyio.to_thread import current_default_thread_limiter
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route

from monitor.web import archive, atom, feeds, leaving, probes, push, search, stories
from monitor.web.context import Site
from monitor.web.pages import asset, not_served
from monitor.web.shield import InsideOnly, Shield

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from monitor.app import App

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
INSIDE = (
    ("/", stories.today),
    ("/stories/", stories.stories),
    ("/stories/{story:int}", stories.story),
    ("/hits/", stories.hits),
    ("/search/", search.find),
    ("/feeds/", feeds.feeds),
    ("/digests/", archive.digests),
    ("/digests/{digest:int}", archive.digest),
    ("/digests/{digest:int}/html", archive.html),
    ("/feeds/hits.atom", atom.hits),
    ("/feeds/stories.atom", atom.stories),
    ("/feeds/{feed}", feeds.feed),
    ("/deliveries/{delivery:int}.eml", archive.mail),
)


@asynccontextmanager
async def _few_threads(_site: Starlette) -> AsyncIterator[None]:
    current_default_thread_limiter().total_tokens = THREADS
    yield


def build_site(app: App, *, everything: bool) -> Starlette:
    """Return the site of *app*; only what mails link to unless *everything* is to be shown."""
    door = [Middleware(InsideOnly)]
    inside = [Route(path, answer, middleware=door) for path, answer in INSIDE]
    site = Starlette(
        routes=[*FOR_EVERYBODY, *inside],
        middleware=[Middleware(Shield)],
        exception_handlers={HTTPException: not_served},
        lifespan=_few_threads,
        max_body_size=MAX_BODY_BYTES,
    )
    site.state.site = Site(
        engine=app.engine,
        sessions=app.sessions,
        clock=app.clock,
        links=app.links,
        names=app.names,
        subscriptions=app.subscriptions,
        url=app.config.web.url,
        zone=app.config.web.timezone,
        identity=app.identity,
        everything=everything,
    )
    return site
