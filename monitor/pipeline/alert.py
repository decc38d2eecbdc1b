"""Alert: tell at once of stories at the stages that a subscription asked for.

* An alert is frozen like a digest, with its deliveries, in one transaction: a crash leaves a story
  due or the alert in the outbox, never in between.
* Once is once by constraint: of two processes that tell the same story one does, and the other's
  transaction is gone.
* Over the subscription's limit for an hour, stories share a mail that says so (`digest/alerts.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from itertools import chain
from typing import TYPE_CHECKING

from sqlalchemy.exc import IntegrityError

from monitor import logs, traces
from monitor.digest.alerts import HOUR, Due, alert_of, as_json, plan
from monitor.digest.brief import ALERT, brief, stories_of
from monitor.model import DigestKind
from monitor.pipeline.compose import message_id
from monitor.pipeline.edition import HEAD, LIMIT
from monitor.store import alerts
from monitor.store.digests import FrozenDigest
from monitor.store.engine import reading

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Engine

    from monitor.digest.alert_words import AlertRenderer
    from monitor.model import Rendered, Subscription
    from monitor.ports import Clock
    from monitor.store.alerts import Touched

RETRY = timedelta(minutes=1)  # after an alert that could not be made
OVERLAP = timedelta(minutes=5)  # hits become visible out of order, and some get a story late
WHOLE = timedelta(minutes=10)  # how often all open stories are looked at

log = logs.get_logger()


@dataclass
class AlertStep:
    """The step, with the real parts it works with. *domain* stands in each Message-ID.

    *names* are by kind, then key; *ranks* those of the stages. *measure* gives the octets of a
    mail's body.
    """

    engine: Engine
    clock: Clock
    subscriptions: Sequence[Subscription]
    renderer: AlertRenderer
    names: Mapping[str, Mapping[str, str]]
    ranks: Mapping[str, int]
    fingerprint: str
    domain: str
    measure: Callable[[Rendered], int]
    _failed_at: dict[str, datetime] = field(default_factory=dict)
    _waiting: set[str] = field(default_factory=set)
    _seen: set[int] = field(default_factory=set)
    _looked_at: datetime | None = None
    _whole_at: datetime | None = None

    def alert_due(self) -> int:
        """Make the alerts that are due; return how many were made."""
        wanting = [item for item in self.subscriptions if item.alert is not None]
        if not wanting:
            return 0
        now = self.clock.now()
        stages = frozenset(chain.from_iterable(item.alert.stages for item in wanting if item.alert))
        stories = self._touched(stages, now)
        every = self._open(stages, now) if self._waiting else stories
        made = 0
        for subscription in wanting:
            name = subscription.name
            waits = name in self._waiting
            looked = every if waits else stories
            if concerned := [it.story_id for it in looked if it.may_concern(subscription)]:
                made += self._alert_if_due(subscription, concerned, now)
            elif waits:
                self._waiting.discard(name)
        return made

    def _touched(self, stages: Collection[str], now: datetime) -> Collection[Touched]:
        """Return the stories with hits that no look saw before; all of them now and then.

        Since a story's stage may change without a new hit, and a hit may get its story late.
        """
        looked_at, whole_at = self._looked_at, self._whole_at
        self._looked_at = now
        if looked_at is None or whole_at is None or not whole_at <= now < whole_at + WHOLE:
            self._whole_at = now
            self._seen.clear()
            return self._open(stages, now)
        with reading(self.engine) as connection:
            found = dict(alerts.touched(connection, since=looked_at - OVERLAP, stages=stages))
        fresh = frozenset(story for hit, story in found.items() if hit not in self._seen)
        self._seen.update(found)
        return fresh

    def _open(self, stages: Collection[str], now: datetime) -> Collection[Touched]:
        with reading(self.engine) as connection:
            found = dict(alerts.touched(connection, since=now - alerts.REACH, stages=stages))
        self._seen.update(found)
        return frozenset(found.values())

    def _alert_if_due(
        self, subscription: Subscription, stories: Sequence[int], now: datetime
    ) -> int:
        failed_at = self._failed_at.get(subscription.name)
        self._waiting.add(subscription.name)
        if failed_at is not None and failed_at <= now < failed_at + RETRY:
            return 0
        made = 0
        try:
            planned, rest = self._planned(subscription, stories, now)
            for bundle in planned:
                with traces.span("alert", subscription=subscription.name) as span:
                    whole = self._make(subscription, bundle, now)
                    span.say(stories=[story.story_id for story in bundle])
                made += 1
                rest = rest or not whole
            if not rest:
                self._waiting.discard(subscription.name)
        except IntegrityError:
            # Another process told one of these stories a moment ago; the next look sees that.
            log.info("alert postponed", subscription=subscription.name)
        except Exception:
            self._failed_at[subscription.name] = now
            log.exception("alert failed", subscription=subscription.name)
        return made

    def _planned(
        self, subscription: Subscription, stories: Sequence[int], now: datetime
    ) -> tuple[list[tuple[Due, ...]], bool]:
        """Return the alerts to make, and whether that leaves stories due for later."""
        if subscription.alert is None:
            return [], False
        with reading(self.engine) as connection:
            found = alerts.due(connection, subscription, stories, now=now)
            if not found:
                return [], False
            sent = alerts.sent_since(connection, subscription.name, now - HOUR)
        due = [
            Due(story, stage, self.ranks.get(stage, 0), tuple(hits))
            for (story, stage), hits in found.items()
        ]
        planned = plan(due, sent, now, subscription.alert.at_most)
        return planned, sum(map(len, planned)) < len(due)

    def _make(self, subscription: Subscription, stories: Sequence[Due], now: datetime) -> bool:
        """Make the alert of *stories*; return whether it tells all of them."""
        wanted = len(stories)
        with reading(self.engine) as connection:
            slot = alerts.free_slot(connection, subscription.name, now)
        frozen = self._frozen(subscription, stories, slot, now)
        while len(stories) > 1 and self.measure(frozen.rendered) > LIMIT - HEAD:
            stories = stories[: len(stories) // 2]  # the gravest; the others stay due
            frozen = self._frozen(subscription, stories, slot, now)
        with self.engine.begin() as connection:
            told = [(story.story_id, story.stage) for story in stories]
            made = alerts.freeze(connection, frozen, told)
        if not made:
            return False
        found = min(hit.found_at for story in stories for hit in story.hits)
        log.info(
            "alert made",
            subscription=subscription.name,
            stories=[story.story_id for story in stories],
            recipients=len(frozen.message_ids),
            after_s=round((now - found).total_seconds(), 1),
        )
        return len(stories) == wanted

    def _frozen(
        self, subscription: Subscription, stories: Sequence[Due], slot: datetime, now: datetime
    ) -> FrozenDigest:
        limit = subscription.alert.at_most if subscription.alert else 0
        alert = alert_of(
            subscription, slot, stories, self.names, at_most=limit, fingerprint=self.fingerprint
        )
        rendered = self.renderer.render(alert)
        hits = [hit for story in stories for hit in story.hits]
        return FrozenDigest(
            subscription=subscription.name,
            slot=slot,
            composed_at=now,
            lexicon=self.fingerprint,
            content=as_json(alert),
            rendered=rendered,
            hits=[hit.id for hit in hits],
            message_ids={
                recipient: message_id(subscription.name, slot, recipient, self.domain)
                for recipient in subscription.recipients
            },
            kind=DigestKind.ALERT,
            brief=brief(
                ALERT,
                subscription.name,
                slot,
                now,
                stories=stories_of(hits, ranks=self.ranks, **self.names),
                subject=rendered.subject,
            ),
        )
