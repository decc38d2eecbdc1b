"""WebSub as a subscriber: what to ask a hub, and what to believe of what it sends. Pure.

* A feed names its hub and its topic in HTTP Link headers, or in itself (`hublinks`); headers go
  first.
* A subscription holds once the hub has asked back with the very topic that was asked for, at an
  address nobody can guess. It is renewed before its lease ends.
* A push means "ask now" and nothing else: no word of it is read. Without the right signature it is
  not even that, and the hub is not told (section 8).

Source: https://www.w3.org/TR/websub/
"""

from __future__ import annotations

import hmac
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal

from monitor.model import PushState

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

LEASE: Final = timedelta(days=10)  # asked for; what the hub says counts
SHORTEST_LEASE: Final = timedelta(minutes=10)
LONGEST_LEASE: Final = timedelta(days=90)
UNANSWERED: Final = timedelta(hours=1)  # after which a hub that did not ask back is asked again
LONGEST_WAIT: Final = timedelta(days=1)  # between two tries with a hub that fails
TRIES_TO_LEAVE: Final = 3

_METHODS: Final = frozenset({"sha1", "sha256", "sha384", "sha512"})

Intent = Literal["subscribe", "unsubscribe", "denied"]


def request(mode: Intent, *, topic: str, callback: str, secret: str) -> tuple[tuple[str, str], ...]:
    """Return the form that asks a hub to push, or to stop (section 5.1)."""
    form = (("hub.mode", mode), ("hub.topic", topic), ("hub.callback", callback))
    if mode == "unsubscribe":
        return form
    seconds = int(LEASE.total_seconds())
    return (*form, ("hub.lease_seconds", str(seconds)), ("hub.secret", secret))


def intent(query: Mapping[str, str], *, topic: str, state: PushState) -> Intent | None:
    """Return what a hub that asks back is to be told; None where nobody meant that (5.3)."""
    mode = query.get("hub.mode")
    if query.get("hub.topic") != topic:
        return None
    if mode == "denied":
        return "denied"
    if not query.get("hub.challenge"):
        return None
    if mode == "subscribe" and state in {PushState.ASKED, PushState.HELD}:
        return "subscribe"
    return "unsubscribe" if mode == "unsubscribe" and state is PushState.LEAVING else None


def read_lease(seconds: str | None) -> timedelta:
    """Return how long a hub says that it will push."""
    text = (seconds or "").strip()
    if not re.fullmatch("[0-9]{1,12}", text):
        return LEASE
    return max(SHORTEST_LEASE, min(timedelta(seconds=int(text)), LONGEST_LEASE))


def renew_at(now: datetime, lease: timedelta) -> datetime:
    """Return when to renew: while there is time for some tries."""
    return now + lease - max(lease / 5, SHORTEST_LEASE / 2)


def next_ask(now: datetime, *, attempt: int, failed: bool) -> datetime:
    """Return when a hub is asked again, that failed or has not asked back."""
    wait = UNANSWERED * 2 ** min(attempt - 1, 10) if failed or attempt > 1 else UNANSWERED
    return now + min(wait, LONGEST_WAIT)


class Signature:
    """Whether a push is signed with our secret (section 7.1), told while its body comes in."""

    def __init__(self, header: str | None, secret: str) -> None:
        method, _, self._given = (header or "").strip().partition("=")
        known = method.lower() in _METHODS
        self._hmac = hmac.new(secret.encode(), digestmod=method.lower()) if known else None

    def add(self, chunk: bytes) -> None:
        """Take the next part of the body."""
        if self._hmac is not None:
            self._hmac.update(chunk)

    def holds(self) -> bool:
        """Return whether the body was signed; the time this takes tells nothing."""
        if self._hmac is None:
            return False
        mine, given = self._hmac.hexdigest().encode(), self._given.strip().lower().encode()
        return hmac.compare_digest(mine, given)
