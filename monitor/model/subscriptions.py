"""Subscriptions: who gets what, when."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date, time, timedelta
    from zoneinfo import ZoneInfo


class EmptyDay(StrEnum):
    """What a slot without hits gives."""

    SEND = "send"  # a "nothing new" mail: proof of life
    SKIP = "skip"
    WEEKLY = "weekly"  # one proof of life for each week in which nothing was sent


class CatchUp(StrEnum):
    """What slots give that passed while nothing ran."""

    ONE = "one"  # one digest, for the latest of them
    EACH = "each"  # a digest for each


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a subscription's slots are: at local times of day, or at every multiple of *every*.

    Exactly one of *at* and *every* is set. *every* counts from midnight UTC, 1 January 1970.
    *open_on* tells of a local date whether it has slots at all, such as a business day; None means
    that all have.
    """

    zone: ZoneInfo
    at: tuple[time, ...] = ()
    every: timedelta | None = None
    open_on: Callable[[date], bool] | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Alerting:
    """What a subscription is told of at once: stories at *stages*, *companies* and *topics*.

    All companies or topics of the subscription if empty. *at_most* a mail each in an hour; nothing
    published longer ago than *max_age*. Hits have to match the query *filter* as well.
    """

    stages: tuple[str, ...]
    at_most: int
    max_age: timedelta
    companies: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    filter: str | None = None


@dataclass(frozen=True, slots=True)
class Subscription:
    """Who gets what, when. *companies*, *topics*, *languages*, *stages*: all of them if empty.

    Hits have to match the query *filter* as well. *templates* is a folder of its own templates.
    """

    name: str
    recipients: tuple[str, ...]
    schedule: Schedule
    companies: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    min_score: float = 0.0
    filter: str | None = None
    empty: EmptyDay = EmptyDay.SEND
    stages: tuple[str, ...] = ()
    catch_up: CatchUp = CatchUp.ONE
    templates: str | None = None
    alert: Alerting | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """What decides whether a subscription wants a hit, or a near-miss.

    *stage* is the story's, since not every article of a fine says that it is one.
    """

    company: str
    topic: str
    stage: str | None
    language: str | None
    score: float


def wants(subscription: Subscription, kind: Kind) -> bool:
    """Return whether *subscription* is to be told of hits of that kind, if its filter agrees.

    "zh" wants "zh-Hans" too; an article that does not say its language is not left out.
    """
    language = kind.language
    return (
        kind.score >= subscription.min_score
        and (not subscription.companies or kind.company in subscription.companies)
        and (not subscription.topics or kind.topic in subscription.topics)
        and (not subscription.stages or kind.stage in subscription.stages)
        and (
            not subscription.languages
            or language is None
            or any(language.startswith(code) for code in subscription.languages)
        )
    )
