"""What hubs say: that they ask back, and that a feed changed (WebSub, sections 5.3 and 7).

* The token in the address is the right to speak; an unknown one is told nothing but 404.
* The challenge is given back as plain text, and only to who asks for what we asked for.
* A push is hashed while it comes in and never held. With a wrong signature it is answered like a
  good one and forgotten.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response

from monitor import logs
from monitor.feeds import websub
from monitor.store import pushes
from monitor.text.html import one_line
from monitor.web.context import reading_for, site_of

if TYPE_CHECKING:
    from starlette.requests import Request

    from monitor.model import Push

MAX_BODY_BYTES: Final = 10_000_000
_LONGEST_CHALLENGE: Final = 2000
_AGAIN: Final = timedelta(days=1)  # after a hub has refused

log = logs.get_logger()


async def hub(request: Request) -> Response:
    """Answer a hub."""
    push = await run_in_threadpool(_whose, request)
    if request.method != "POST":
        return await run_in_threadpool(_asked_back, request, push)
    signature = websub.Signature(request.headers.get("X-Hub-Signature"), push.secret)
    async for chunk in request.stream():
        signature.add(chunk)
    if signature.holds():
        await run_in_threadpool(_heard, request)
    else:
        log.warning("push not signed", feed=push.feed_key)
    return Response(status_code=202)


def _whose(request: Request) -> Push:
    with reading_for(request) as connection:
        push = pushes.find(connection, request.path_params["token"])
    if push is None:
        raise HTTPException(404)
    return push


def _asked_back(request: Request, push: Push) -> Response:
    query, token, site = request.query_params, request.path_params["token"], site_of(request)
    meant = websub.intent(query, topic=push.topic, state=push.state)
    challenge = query.get("hub.challenge", "")
    if meant is None or len(challenge) > _LONGEST_CHALLENGE:
        raise HTTPException(404)
    now = site.clock.now()
    with site.engine.begin() as connection:
        if meant == "subscribe":
            lease = websub.read_lease(query.get("hub.lease_seconds"))
            pushes.hold(connection, token, until=now + lease, renew_at=websub.renew_at(now, lease))
        elif meant == "unsubscribe":
            pushes.forget(connection, token)
        else:
            reason = one_line(f"the hub refused: {query.get('hub.reason', '')}")[:200]
            pushes.refuse(connection, token, reason=reason, due_at=now + _AGAIN)
    log.info("hub asked back", feed=push.feed_key, mode=meant)
    return PlainTextResponse("" if meant == "denied" else challenge)


def _heard(request: Request) -> None:
    site = site_of(request)
    with site.engine.begin() as connection:
        pushes.heard(connection, request.path_params["token"], now=site.clock.now())
