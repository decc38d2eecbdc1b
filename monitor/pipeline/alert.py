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
from typing import TYPE_CHECKING

import structlog
from sqlalchemy.exc import IntegrityError

from monitor.digest.alerts import HOUR, Due, alert_of, as_json, plan
from monitor.digest.brief import ALERT, brief, stories_of
from monitor.model import DigestKind
from monitor.pipeline.compose import message_id
from monitor.pipeline.edition import HEAD, LIMIT
from monitor.store import alerts
from monitor.store.digests import FrozenDigest
from monitor.store.engine import reading

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from monitor.digest.alert_words import AlertRenderer
    from monitor.model import Rendered, Subscription
    from monitor.ports import Clock
    from monitor.store.engine import Sessions

RETRY = timedelta(minutes=1)  # after an alert that could not be made
LOOK = timedelta(seconds=20)  # how often it is looked whether what waited may go, without new hits

log = structlog.get_logger()


@dataclass
class AlertStep:
    """The step, with the real parts it works with. *domain* stands in each Message-ID.

    *names* are by kind, then key; *ranks* those of the stages. *measure* gives the octets of a
    mail's body.
    """

    sessions: Sessions
    clock: Clock
    subscriptions: Sequence[Subscription]
    renderer: AlertRenderer
    names: Mapping[str, Mapping[str, str]]
    ranks: Mapping[str, int]
    fingerprint: str
    domain: str
    measure: Callable[[Rendered], int]
    _failed_at: dict[str, datetime] = field(default_factory=dict)
    _seen: int = 0
    _looked_at: datetime | None = None

    def alert_due(self) -> int:
        """Make the alerts that are due; return how many were made."""
        wanting = [item for item in self.subscriptions if item.alert is not None]
        if not wanting or not self._anything_new():
            return 0
        return sum(self._alert_if_due(subscription) for subscription in wanting)

    def _anything_new(self) -> bool:
        """Return whether a hit got a story since the last look, or that look is a while ago."""
        now = self.clock.now()
        with reading(self.sessions) as session:
            latest = alerts.any_since(session, self._seen)
        looked_at = self._looked_at
        if latest == self._seen and looked_at is not None and looked_at <= now < looked_at + LOOK:
            return False
        self._seen, self._looked_at = latest, now
        return True

    def _alert_if_due(self, subscription: Subscription) -> int:
        now = self.clock.now()
        failed_at = self._failed_at.get(subscription.name)
        if failed_at is not None and failed_at <= now < failed_at + RETRY:
            return 0
        made = 0
        try:
            for stories in self._planned(subscription, now):
                made += self._make(subscription, stories, now)
        except IntegrityError:
            # Another process told one of these stories a moment ago; the next look sees that.
            self._looked_at = None
            log.info("alert postponed", subscription=subscription.name)
        except Exception:
            self._failed_at[subscription.name] = now
            self._looked_at = None
            log.exception("alert failed", subscription=subscription.name)
        return made

    def _planned(self, subscription: Subscription, now: datetime) -> list[tuple[Due, ...]]:
        if subscription.alert is None:
            return []
        with reading(self.sessions) as session:
            found = alerts.due(session, subscription, now=now)
            if not found:
                return []
            sent = alerts.sent_since(session, subscription.name, now - HOUR)
        due = [
            Due(story, stage, self.ranks.get(stage, 0), tuple(hits))
            for (story, stage), hits in found.items()
        ]
        return plan(due, sent, now, subscription.alert.at_most)

    def _make(self, subscription: Subscription, stories: Sequence[Due], now: datetime) -> bool:
        with reading(self.sessions) as session:
            slot = alerts.free_slot(session, subscription.name, now)
        frozen = self._frozen(subscription, stories, slot, now)
        while len(stories) > 1 and self.measure(frozen.rendered) > LIMIT - HEAD:
            stories = stories[: len(stories) // 2]  # the gravest; the others stay due
            frozen = self._frozen(subscription, stories, slot, now)
        with self.sessions.begin() as session:
            told = [(story.story_id, story.stage) for story in stories]
            made = alerts.freeze(session, frozen, told)
        if made:
            found = min(hit.found_at for story in stories for hit in story.hits)
            log.info(
                "alert made",
                subscription=subscription.name,
                stories=[story.story_id for story in stories],
                recipients=len(frozen.message_ids),
                after_s=round((now - found).total_seconds(), 1),
            )
        return made

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
