"""What a machine looks at: is the process up, and does the service keep its promises?

The second answer is kept for a few seconds, so that whoever asks all day costs nothing.
"""

from __future__ import annotations

import threading
from time import monotonic
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse

from monitor.errors import StoreError
from monitor.pipeline.health import check
from monitor.store import migrate
from monitor.web.context import site_of
from monitor.web.visitor import identify

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Engine
    from starlette.requests import Request
    from starlette.responses import Response

    from monitor.model import Subscription
    from monitor.ports import Clock

KEPT_S = 5.0


async def alive(_request: Request) -> Response:
    """Answer that the process is up, though all threads be busy with the database."""
    return PlainTextResponse("ok\n")


def ready(request: Request) -> Response:
    """Answer 200 if the service does what it promised, 503 if not; reasons for those inside."""
    site = site_of(request)
    reasons = judge(request, site.engine, site.clock, site.subscriptions)
    body: dict[str, object] = {"ready": not reasons}
    if _is_known(request):
        body["reasons"] = reasons
    return JSONResponse(body, 503 if reasons else 200)


def _is_known(request: Request) -> bool:
    try:
        return identify(request) is not None
    except (HTTPException, SQLAlchemyError):
        return False


def judge(
    request: Request, engine: Engine, clock: Clock, subscriptions: Sequence[Subscription]
) -> list[str]:
    """Return why the service does not do what it promised; empty if it does."""
    state = request.app.state
    with _one_at_a_time:
        kept: tuple[float, list[str]] | None = getattr(state, "readiness", None)
        if kept is not None and monotonic() - kept[0] < KEPT_S:
            return kept[1]
        try:
            migrate.require(engine)
            health = check(engine, clock, subscriptions, warn=False)
            reasons = list(health.reasons)
        except StoreError as error:
            reasons = [str(error)]
        except SQLAlchemyError as error:
            reasons = [f"the database cannot be used: {type(error).__name__}"]
        state.readiness = monotonic(), reasons
        return reasons


_one_at_a_time = threading.Lock()
