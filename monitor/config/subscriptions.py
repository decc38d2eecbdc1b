"""The settings under `subscriptions`: who gets what, when."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from monitor import model
from monitor.config import types
from monitor.config.calendars import days_open, ever_open
from monitor.config.frozen import Settings, default_duration


class AlertSettings(Settings):
    """What a subscription is told of at once."""

    stages: tuple[str, ...] = ()
    """Stories at these stages, such as [fine, settlement]. Either this or `min_stage`."""
    min_stage: str | None = None
    """Stories at this stage or a graver one, such as fine. Either this or `stages`."""
    companies: tuple[str, ...] = ()
    """Only these of the subscription's companies; all if not given."""
    topics: tuple[str, ...] = ()
    """Only these of the subscription's topics; all if not given."""
    filter: types.Filter | None = None
    """Only hits that match this query too, such as `amount>1bn OR "record fine"`."""
    at_most: types.Count = 10
    """How many alerts an hour have a mail of their own; more of them share one."""
    max_age: types.Duration = default_duration("7d")
    """How long ago an article may have been published."""

    @model_validator(mode="after")
    def _has_stages(self) -> Self:
        if bool(self.stages) == (self.min_stage is not None):
            raise ValueError("needs either `stages` or `min_stage`")
        return self

    def to_model(self, ranks: Mapping[str, int]) -> model.Alerting:
        """Return the same as the program knows it; *ranks* are those of the stages."""
        return model.Alerting(
            stages=self.stages or stages_from(self.min_stage, ranks),
            at_most=self.at_most,
            max_age=self.max_age,
            companies=self.companies,
            topics=self.topics,
            filter=self.filter,
        )


class SubscriptionSettings(Settings):
    """A subscription: who gets what, when."""

    name: types.Name
    """What commands, mails and tables call it."""
    to: types.Recipients
    """Mail addresses, each of which gets a mail of its own, and names of channels."""
    at: types.TimesOfDay = ()
    """Times of day, in `timezone`. Either this or `every`."""
    days: tuple[types.Day, ...] = ()
    """Only on these days of the week, such as [mon, thu]; all if not given."""
    business_days: types.Calendars = ()
    """Only on business days of this country or exchange, such as HK; of all of several."""
    every: types.Duration | None = None
    """Time from one digest to the next, at least 1m. Either this or `at`."""
    timezone: types.Zone = Field(default=ZoneInfo("UTC"), json_schema_extra={"default": "UTC"})
    """IANA time zone of `at`, and of the times in the mail."""
    companies: tuple[str, ...] = ()
    """Only these of the companies watched; all if not given."""
    topics: tuple[str, ...] = ()
    """Only these of the topics watched; all if not given."""
    languages: tuple[types.Language, ...] = ()
    """Only articles in these languages; all if not given."""
    min_score: types.Share = 0.0
    """Only hits at or above this score, from 0 to 1."""
    min_stage: str | None = None
    """Only stories at this stage or a graver one, such as fine."""
    filter: types.Filter | None = None
    """Only hits that match this query, in the language of searches but without times."""
    empty: model.EmptyDay = model.EmptyDay.SEND
    """Whether a mail goes out when there is nothing new: send, skip, or one a week."""
    catch_up: model.CatchUp = model.CatchUp.ONE
    """What slots give that passed while nothing ran: one digest, or one each."""
    templates: types.Line | None = None
    """A folder with templates of its own."""
    alert: AlertSettings | None = None
    """What is told at once, before the digest."""

    @model_validator(mode="after")
    def _has_one_schedule(self) -> Self:
        if bool(self.at) == bool(self.every):
            raise ValueError("needs either `at` (times of day) or `every` (a duration)")
        if self.every and self.every < timedelta(minutes=1):
            raise ValueError("cannot send more often than every 1m")
        return self

    @model_validator(mode="after")
    def _has_a_day(self) -> Self:
        if not ever_open(days_open(self.days, self.business_days)):
            raise ValueError("has no day that is both among `days` and a business day")
        return self

    def to_model(self, ranks: Mapping[str, int]) -> model.Subscription:
        """Return the subscription, its times of day in order; *ranks* are those of the stages."""
        open_on = days_open(self.days, self.business_days)
        return model.Subscription(
            name=self.name,
            recipients=self.to,
            schedule=model.Schedule(self.timezone, tuple(sorted(self.at)), self.every, open_on),
            stages=stages_from(self.min_stage, ranks),
            catch_up=self.catch_up,
            alert=self.alert.to_model(ranks) if self.alert else None,
            companies=self.companies,
            topics=self.topics,
            languages=self.languages,
            min_score=self.min_score,
            filter=self.filter,
            empty=self.empty,
            templates=self.templates,
        )


def stages_from(least: str | None, ranks: Mapping[str, int]) -> tuple[str, ...]:
    """Return the stages of the rank of *least* and above, lowest first; none without *least*."""
    if least is None:
        return ()
    return tuple(
        sorted((key for key in ranks if ranks[key] >= ranks[least]), key=ranks.__getitem__)
    )
