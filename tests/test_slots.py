"""Slots: one per local day and time, through clock changes, leap days and year ends."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.config.calendars import days_open
from monitor.digest.slots import NoSlot, is_silent, latest_slot, missed_slots, next_slot
from monitor.model import EmptyDay, Schedule

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)

# The local dates on which clocks go forward or back, and a quiet one.
CHANGES = {
    "Asia/Hong_Kong": [date(2026, 11, 24)],
    "America/New_York": [date(2026, 11, 1), date(2027, 3, 14)],
    "Europe/London": [date(2026, 10, 25), date(2027, 3, 28)],
    "Australia/Lord_Howe": [date(2026, 10, 4), date(2027, 4, 4)],
}


def daily(zone, *times, days=(), calendars=()):
    at = tuple(time.fromisoformat(at) for at in times)
    return Schedule(ZoneInfo(zone), at=at, open_on=days_open(days, calendars))


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


def local_days(schedule, start, end):
    return [f"{slot.astimezone(schedule.zone):%a %d %b}" for slot in stepped(schedule, start, end)]


def test_days_of_the_week():
    """With `days` a slot falls on these days of the reader's week, and on no other."""
    schedule = daily("America/New_York", "23:30", days=("mon", "thu"))

    seen = local_days(schedule, utc("2026-10-24T12:00"), utc("2026-11-07T12:00"))

    assert seen == ["Mon 26 Oct", "Thu 29 Oct", "Mon 02 Nov", "Thu 05 Nov"]


@pytest.mark.parametrize(
    ("calendars", "expected"),
    [
        (["HK"], ["Wed 30 Sep", "Fri 02 Oct", "Mon 05 Oct", "Tue 06 Oct"]),
        (["CN"], ["Wed 30 Sep"]),
        (["HK", "US"], ["Wed 30 Sep", "Fri 02 Oct", "Mon 05 Oct", "Tue 06 Oct"]),
    ],
)
def test_business_days(calendars, expected):
    """A holiday and a weekend have no slot; what was held back comes with the next issue."""
    schedule = daily("Asia/Hong_Kong", "07:30", calendars=calendars)

    assert local_days(schedule, utc("2026-09-29T12:00"), utc("2026-10-06T23:00")) == expected


def test_a_make_up_day_is_a_business_day():
    """On a Saturday or Sunday on which China works, there is a slot."""
    schedule = daily("Asia/Shanghai", "07:30", calendars=["CN"])

    seen = local_days(schedule, utc("2026-10-07T12:00"), utc("2026-10-12T12:00"))

    assert seen == ["Thu 08 Oct", "Fri 09 Oct", "Sat 10 Oct", "Mon 12 Oct"]


def test_another_weekend_is_kept():
    """Where Friday and Saturday are the weekend, Sunday is a business day."""
    schedule = daily("Asia/Riyadh", "07:30", calendars=["SA"])

    seen = local_days(schedule, utc("2026-11-18T12:00"), utc("2026-11-23T12:00"))

    assert seen == ["Thu 19 Nov", "Sun 22 Nov", "Mon 23 Nov"]


def test_an_interval_keeps_to_its_days():
    """`every` with `days` gives slots on these days of the zone, and none outside them."""
    weekdays = days_open(("mon", "fri"), ())
    schedule = Schedule(ZoneInfo("Asia/Hong_Kong"), every=timedelta(hours=8), open_on=weekdays)

    seen = local_days(schedule, utc("2026-11-24T00:00"), utc("2026-12-01T00:00"))

    assert seen == ["Fri 27 Nov"] * 3 + ["Mon 30 Nov"] * 3


def test_a_minute_of_a_long_pause_is_found_at_once():
    """Every minute of business days: over Chinese New Year nothing is counted minute by minute."""
    asked = []

    def open_on(day):
        asked.append(day)
        return day < date(2026, 2, 14)

    schedule = Schedule(ZoneInfo("Asia/Shanghai"), every=MINUTE, open_on=open_on)

    assert latest_slot(schedule, utc("2026-02-24T12:00")) == utc("2026-02-13T15:59")
    assert len(asked) < 20


def test_no_day_at_all_is_said():
    """A schedule that has no day raises, instead of searching for ever."""
    schedule = Schedule(ZoneInfo("UTC"), at=(time(7),), open_on=lambda _day: False)

    for find in (latest_slot, next_slot):
        with pytest.raises(NoSlot):
            find(schedule, utc("2026-11-24T12:00"))


@pytest.mark.parametrize("zone", CHANGES)
def test_three_days_down(zone):
    """Each slot of three days down is told once, oldest first, over a clock change too."""
    schedule = daily(zone, "01:30", "07:00")
    for change in CHANGES[zone]:
        gone = datetime.combine(change - DAY, time(12), ZoneInfo(zone)).astimezone(UTC)
        back = gone + 3 * DAY
        missed = missed_slots(schedule, latest_slot(schedule, gone), back)

        assert missed == list(stepped(schedule, gone, back + MINUTE))
        assert missed_slots(schedule, missed[-1], back) == []


def test_only_a_month_is_made_up_for_one_by_one():
    """After a year down, the slots of a month are told; the latest is, however long ago."""
    schedule = daily("UTC", "07:00")
    rare = daily("UTC", "07:00", days=("mon",), calendars=["CN"])
    year = utc("2026-11-24T12:00")

    assert len(missed_slots(schedule, utc("2025-11-24T12:00"), year)) == 31
    holidays = Schedule(ZoneInfo("UTC"), (time(7),), open_on=lambda day: day < date(2026, 1, 9))
    assert missed_slots(holidays, utc("2025-11-24T12:00"), year) == [utc("2026-01-08T07:00")]
    assert missed_slots(rare, utc("2026-09-28T00:00"), utc("2026-10-06T00:00")) == [
        utc("2026-09-28T07:00")
    ]


def test_a_clock_that_jumps():
    """A clock a day ahead and back again: no slot is lost, and each is the same instant."""
    schedule = daily("Asia/Hong_Kong", "07:30")
    now = utc("2026-11-24T12:00")

    ahead, after = latest_slot(schedule, now + DAY), latest_slot(schedule, now)

    assert (ahead, after) == (utc("2026-11-24T23:30"), utc("2026-11-23T23:30"))
    assert latest_slot(schedule, now + DAY) == ahead


def test_a_quiet_week_has_one_proof_of_life():
    """With `empty: weekly`, in a quiet year one edition a week goes out, over clock changes too."""
    schedule = daily("America/New_York", "07:30")
    last = slot = utc("2026-03-01T12:30")
    sent = []
    for _ in range(365):
        slot = next_slot(schedule, slot)
        if not is_silent(EmptyDay.WEEKLY, schedule, slot, last):
            last = slot
            sent.append(slot.astimezone(schedule.zone).strftime("%a"))

    assert sent == ["Sun"] * 52
    assert is_silent(EmptyDay.SKIP, schedule, slot, last)
    assert not is_silent(EmptyDay.SEND, schedule, slot, last)
