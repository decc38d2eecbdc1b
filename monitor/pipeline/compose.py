"""Compose: for every slot that has passed without its digest, make it and freeze it.

* A slot is made late rather than not at all. After days of downtime the latest one is made, and
  holds everything the missed ones would have held; or, where a subscription wants that, one for
  each, of what was found up to it.
* The digest, the hits it reports and its deliveries are stored in one transaction (an outbox).
* What one subscription does wrong stops no other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import IntegrityError

from monitor import logs, traces
from monitor.digest.brief import DIGEST, brief, stories_of
from monitor.digest.edition import as_json
from monitor.digest.slots import is_silent, latest_slot, missed_slots
from monitor.model import CatchUp, is_address
from monitor.pipeline.round import Round
from monitor.store import digests
from monitor.store.engine import reading

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from sqlalchemy import Engine

    from monitor.digest.render import Renderer
    from monitor.model import Subscription
    from monitor.pipeline.edition import Editor, Made
    from monitor.ports import Clock, DigestLinks

RETRY = timedelta(minutes=1)  # after a digest that could not be made

log = logs.get_logger()


@dataclass
class ComposeStep:
    """The step, with the real parts it works with. *domain* stands in each Message-ID.

    *renderer* gives the renderer with a subscription's templates; *links* gives a digest its page,
    if readers can reach one.
    """

    engine: Engine
    clock: Clock
    subscriptions: Sequence[Subscription]
    editor: Editor
    renderer: Callable[[Subscription], Renderer]
    domain: str
    links: DigestLinks | None = None
    _failed_at: dict[str, datetime] = field(default_factory=dict)
    _settled: dict[str, datetime] = field(default_factory=dict)

    def compose_due(self) -> int:
        """Compose the digest of every open slot; return how many were made."""
        now = self.clock.now()
        due = [item for item in self.subscriptions if self._try_slots(item, now)]
        if not due:
            return 0
        shared = self.round(due)
        made = 0
        for subscription in due:
            # Looked at once more: another process may have made it meanwhile.
            if slots := self._try_slots(subscription, now):
                made += self._try(subscription, slots, shared)
        return made

    def any_due(self) -> bool:
        """Return whether a slot is open; costs next to nothing while its digest is known of."""
        now = self.clock.now()
        return any(self._try_slots(item, now) for item in self.subscriptions)

    def round(self, due: Sequence[Subscription] = ()) -> Round:
        """Return a round as of now, for one or more digests: of those that are *due*, if known."""
        filters = [item.filter for item in due if item.filter is not None]
        return Round(self.engine, self.clock.now(), self.editor.names, filters)

    def _try_slots(self, subscription: Subscription, now: datetime) -> list[datetime]:
        failed_at = self._failed_at.get(subscription.name)
        if failed_at is not None and failed_at <= now < failed_at + RETRY:
            return []
        try:
            return self._open_slots(subscription, now)
        except Exception:
            self._failed_at[subscription.name] = now
            log.exception("digest failed", subscription=subscription.name)
            return []

    def _open_slots(self, subscription: Subscription, now: datetime) -> list[datetime]:
        """Return the slots to make digests for, oldest first: the latest if it has none yet."""
        name = subscription.name
        latest = latest_slot(subscription.schedule, now)
        if self._settled.get(name) == latest:  # a slot that has its digest keeps it
            return []
        with reading(self.engine) as connection:
            if not digests.is_open(connection, name, latest):
                self._settled[name] = latest
                return []
            if subscription.catch_up is CatchUp.ONE:
                return [latest]
            since = digests.last_made(connection, name, now=now)
        return missed_slots(subscription.schedule, since or now, now)

    def _try(self, subscription: Subscription, slots: Sequence[datetime], shared: Round) -> int:
        try:
            return sum(
                self.compose_now(subscription, slot, slots[-1], shared=shared) for slot in slots
            )
        except IntegrityError:
            # Another process reported one of these hits a moment ago; the next tick tries again.
            log.info("digest postponed", subscription=subscription.name)
        except Exception:
            self._failed_at[subscription.name] = shared.now
            log.exception("digest failed", subscription=subscription.name)
        return 0

    def compose_now(
        self,
        subscription: Subscription,
        slot: datetime,
        latest: datetime | None = None,
        *,
        shared: Round | None = None,
    ) -> bool:
        """Compose and freeze the digest of *slot*; False if it has one already.

        If *latest* is a later slot, to be made next, the digest holds what was found up to *slot*.
        Raises IntegrityError if another process reports one of its hits at the same moment.
        """
        late = latest is not None and latest != slot
        of = {"subscription": subscription.name, "slot": slot.isoformat()}
        with traces.span("compose", None, **of) as span:
            frozen = self.make(subscription, slot, late=late, shared=shared)
            with self.engine.begin() as connection:
                made = digests.freeze(connection, frozen)
            span.say(hits=len(frozen.hits), made=made)
        if made:
            log.info(
                "digest composed",
                subscription=subscription.name,
                slot=slot.isoformat(),
                hits=len(frozen.hits),
                recipients=len(frozen.message_ids),
            )
        return made

    def make(
        self,
        subscription: Subscription,
        slot: datetime,
        *,
        late: bool = False,
        shared: Round | None = None,
    ) -> digests.FrozenDigest:
        """Return the digest that *subscription* would get for *slot* now; store nothing.

        A *late* one, which others follow at once, holds what was found up to its slot.
        """
        shared = shared or self.round()
        renderer = self.renderer(subscription)
        made = self.editor.make(subscription, slot, shared, renderer, until=slot if late else None)
        silent = made.empty and self._is_silent(subscription, slot)
        return digests.FrozenDigest(
            subscription=subscription.name,
            slot=slot,
            composed_at=shared.now,
            lexicon=self.editor.fingerprint,
            content=as_json(made.edition),
            rendered=made.rendered,
            hits=made.hits,
            brief=None
            if all(map(is_address, subscription.recipients))
            else self._brief(subscription, slot, made, shared),
            token=self.links.digest_token(subscription.name, slot) if self.links else None,
            message_ids={}
            if silent
            else {
                recipient: message_id(subscription.name, slot, recipient, self.domain)
                for recipient in subscription.recipients
            },
        )

    def _is_silent(self, subscription: Subscription, slot: datetime) -> bool:
        with reading(self.engine) as connection:
            last_sent = digests.last_sent(connection, subscription.name, before=slot)
        return is_silent(subscription.empty, subscription.schedule, slot, last_sent)

    def _brief(
        self, subscription: Subscription, slot: datetime, made: Made, shared: Round
    ) -> dict[str, Any]:
        names = self.editor.names
        stories = stories_of(
            shared.hits(made.hits).values(),
            companies=names.companies,
            topics=names.topics,
            stages=names.stages,
            regulators=names.regulators,
            ranks=names.ranks,
        )
        return brief(
            DIGEST,
            subscription.name,
            slot,
            shared.now,
            stories=stories,
            subject=made.rendered.subject,
            warnings=made.edition.troubles,
        )


def message_id(subscription: str, slot: datetime, recipient: str, domain: str) -> str:
    """Return the Message-ID of a digest for one recipient: the same however often it is made."""
    what = f"{subscription}\0{slot.isoformat()}\0{recipient}"
    return f"<{sha256(what.encode()).hexdigest()[:32]}@{domain}>"
