"""Push: ask hubs to call when a feed changes, and make the feeds due that they called for.

* Claim, work, record, as every step: a crash leaves the hub to be asked again, which is harmless.
* What a hub then says comes in by `monitor.web.push`.
"""

from __future__ import annotations

import secrets
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from monitor import logs
from monitor.errors import FetchError
from monitor.feeds import websub
from monitor.model import FeedToPoll
from monitor.store import pushes
from monitor.store.engine import reading

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event

    from sqlalchemy import Engine

    from monitor.model import Answer, PushToAsk
    from monitor.ports import Clock, Fetcher

AT_ONCE: Final = 4
LOOK: Final = timedelta(seconds=30)  # how often feeds are looked through for hubs

log = logs.get_logger()


def new_secrets() -> tuple[str, str]:
    """Return a token and a secret that nobody can guess."""
    return secrets.token_urlsafe(24), secrets.token_urlsafe(32)


@dataclass
class PushStep:
    """The step, with the real parts it works with. *callback* is where hubs reach `/websub/`."""

    engine: Engine
    clock: Clock
    fetcher: Fetcher
    callback: str
    lease: timedelta  # must outlast asking a hub
    worker: str = "here"
    new_secrets: Callable[[], tuple[str, str]] = new_secrets
    _looked_at: datetime | None = field(default=None, init=False)

    def work(self, stop: Event | None = None, worker: str | None = None) -> None:
        """Do what is to be done now; what is claimed is *worker*'s, if not this step's own."""
        now = self.clock.now()
        if self._looked_at is None or now - self._looked_at >= LOOK:
            with self.engine.begin() as connection:
                pushes.sync(connection, now=now, secrets=self.new_secrets)
            self._looked_at = now
        with reading(self.engine) as connection:
            if not pushes.anything(connection, now=now):
                return
        with self.engine.begin() as connection:
            made = pushes.make_due(connection, now=now)
        for key in made:
            log.info("pushed", feed=key)
        self._ask_due(stop, worker or self.worker)

    def _ask_due(self, stop: Event | None, worker: str) -> None:
        while not (stop is not None and stop.is_set()):
            with self.engine.begin() as connection:
                claimed = pushes.claim_due(
                    connection,
                    now=self.clock.now(),
                    lease=self.lease,
                    limit=AT_ONCE,
                    worker=worker,
                )
            if not claimed:
                return
            by_id = {push.id: push for push in claimed}
            asked = [self._asking(push) for push in claimed]
            with closing(self.fetcher.fetch_all(asked)) as answers:
                for found in answers:
                    if found is not None:
                        self._settle(by_id[found[0].id], found[1])

    def _asking(self, push: PushToAsk) -> FeedToPoll:
        form = websub.request(
            "unsubscribe" if push.leaving else "subscribe",
            topic=push.topic,
            callback=f"{self.callback}/websub/{push.token}",
            secret=push.secret,
        )
        return FeedToPoll.once(push.id, push.topic, push.hub, form=form)

    def _settle(self, push: PushToAsk, answer: Answer | FetchError) -> None:
        error = str(answer) if isinstance(answer, FetchError) else None
        now = self.clock.now()
        again: datetime | None = websub.next_ask(
            now, attempt=push.attempt, failed=error is not None
        )
        if push.leaving and push.attempt >= websub.TRIES_TO_LEAVE:
            again = None
        with self.engine.begin() as connection:
            pushes.settle(connection, push, due_at=again, error=error)
        if error is not None:
            log.warning("hub failed", hub=push.hub, topic=push.topic, error=error)
