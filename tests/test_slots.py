"""Slots: one per local day and time, through clock changes, leap days and year ends."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.digest.slots import latest_slot, next_slot
from monitor.model import Schedule

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)

# The local dates on which clocks go forward or back, and a quiet one.
CHANGES = {
    "Asia/Hong_Kong": [date(2026, 11, 24)],
    "America/New_York": [date(2026, 11, 1), date(2027, 3, 14)],
    "Europe/London": [date(2026, 10, 25), date(2027, 3, 28)],
    "Australia/Lord_Howe": [date(2026, 10, 4), date(2027, 4, 4)],
}


def daily(zone, *times):
    return Schedule(ZoneInfo(zone), at=tuple(time.fromisoformat(at) for at in times))


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def stepped(schedule, start, end):
    """Return the slots a minute-by-minute tick sees first, with the minute it saw each."""
    seen = {}
    now = start
    while now < end:
        seen.setdefault(latest_slot(schedule, now), now)
        now += MINUTE
    return dict(list(seen.items())[1:])  # the first is one that was due before we came


@pytest.mark.parametrize("at", ["00:00", "01:30", "02:30", "07:30", "11:59"])
@pytest.mark.parametrize(
    ("zone", "change"), [(zone, day) for zone, days in CHANGES.items() for day in days]
)
def test_one_slot_per_local_day(zone, change, at):
    """Over a clock change every local day has exactly one slot, seen in the minute it is due."""
    noon = time(12, tzinfo=ZoneInfo(zone))
    start, end = (datetime.combine(change + days * DAY, noon).astimezone(UTC) for days in (-2, 2))

    seen = stepped(daily(zone, at), start, end)

    days = [slot.astimezone(ZoneInfo(zone)).date() for slot in seen]
    assert days == [change + days * DAY for days in (-1, 0, 1, 2)]
    assert all(now == slot for slot, now in seen.items())


@pytest.mark.parametrize(
    ("zone", "at", "day", "slot"),
    [
        ("America/New_York", "01:30", date(2026, 11, 1), "2026-11-01T05:30"),
        ("America/New_York", "02:30", date(2027, 3, 14), "2027-03-14T07:30"),
        ("Europe/London", "01:30", date(2026, 10, 25), "2026-10-25T00:30"),
        ("Europe/London", "01:30", date(2027, 3, 28), "2027-03-28T01:30"),
        ("Australia/Lord_Howe", "01:45", date(2027, 4, 4), "2027-04-03T14:45"),
        ("Australia/Lord_Howe", "02:15", date(2026, 10, 4), "2026-10-03T15:45"),
        ("Asia/Hong_Kong", "07:30", date(2028, 2, 29), "2028-02-28T23:30"),
        ("Asia/Hong_Kong", "07:30", date(2027, 1, 1), "2026-12-31T23:30"),
        ("Pacific/Kiritimati", "00:05", date(2026, 11, 24), "2026-11-23T10:05"),
        ("Pacific/Pago_Pago", "23:55", date(2026, 11, 24), "2026-11-25T10:55"),
    ],
)
def test_slot_instant(zone, at, day, slot):
    """The first of a repeated time counts, a skipped one maps past the gap."""
    schedule = daily(zone, at)

    assert latest_slot(schedule, utc(slot)) == utc(slot)
    assert latest_slot(schedule, utc(slot) - MINUTE) < utc(slot)
    local = utc(slot).astimezone(ZoneInfo(zone))
    assert local.date() == day


def test_repeated_hour_is_not_a_second_slot():
    """When clocks go back over the time of day, its second occurrence is no slot."""
    schedule = daily("America/New_York", "01:30")
    first, second = utc("2026-11-01T05:30"), utc("2026-11-01T06:30")

    assert latest_slot(schedule, second) == first
    assert next_slot(schedule, first) == utc("2026-11-02T06:30")


def test_several_times_a_day():
    """Each listed time of day is a slot of its own, in whatever order they are listed."""
    schedule = daily("Asia/Hong_Kong", "18:00", "07:30", "12:00")
    start = utc("2026-11-23T16:00")

    seen = stepped(schedule, start, start + DAY)

    assert list(seen) == [
        utc("2026-11-23T23:30"),
        utc("2026-11-24T04:00"),
        utc("2026-11-24T10:00"),
    ]


def test_two_times_that_fall_together_are_one_slot():
    """Where a clock change maps 02:30 onto 03:30, the two times make one slot that day."""
    schedule = daily("America/New_York", "02:30", "03:30")
    start = utc("2027-03-14T05:00")

    assert list(stepped(schedule, start, start + DAY / 2)) == [utc("2027-03-14T07:30")]


def test_days_of_downtime_give_the_latest_slot():
    """After days down the slot is the last one missed; its digest takes all that is unreported."""
    schedule = daily("Europe/London", "07:00")

    assert latest_slot(schedule, utc("2026-11-27T06:59")) == utc("2026-11-26T07:00")


@pytest.mark.parametrize(
    ("every", "now", "slot"),
    [
        (timedelta(hours=6), "2026-11-24T11:59", "2026-11-24T06:00"),
        (timedelta(hours=6), "2026-11-24T12:00", "2026-11-24T12:00"),
        (timedelta(minutes=15), "2026-11-24T00:07", "2026-11-24T00:00"),
        (timedelta(days=7), "1970-01-20T00:00", "1970-01-15T00:00"),
    ],
)
def test_every(every, now, slot):
    """Slots at an interval are multiples of it since 1970 in UTC, whatever the zone."""
    schedule = Schedule(ZoneInfo("Asia/Kathmandu"), every=every)

    assert latest_slot(schedule, utc(now)) == utc(slot)
    assert next_slot(schedule, utc(now)) == utc(slot) + every


@given(
    now=st.datetimes(datetime(1980, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis adds the zone
    zone=st.sampled_from([*CHANGES, "Pacific/Apia", "America/Havana", "Africa/Casablanca"]),
    times=st.lists(st.times(), min_size=1, max_size=3),
)
def test_neighbours(now, zone, times):
    """At any instant, in any zone: the latest slot, now, the next slot, and nothing between."""
    schedule = Schedule(ZoneInfo(zone), at=tuple(times))

    before, after = latest_slot(schedule, now), next_slot(schedule, now)

    assert before <= now < after
    assert next_slot(schedule, before) == after
    assert latest_slot(schedule, after) == after
    assert after - before <= timedelta(hours=49)
