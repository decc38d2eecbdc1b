"""Rhythm: how often a feed brings something new is watched, not believed."""

from datetime import UTC, datetime, timedelta

from monitor.feeds.rhythm import FEWEST, REMEMBERED, observe, usual_gap, watched_gap
from monitor.model import Rhythm

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def watched(*waits, start=NOW):
    """Return the rhythm after polls with something new, each that long after the one before."""
    rhythm, now = observe(Rhythm(), now=start, new=3, dates=[]), start
    for wait in waits:
        now += wait
        rhythm = observe(rhythm, now=now, new=1, dates=[])
    return rhythm


def test_the_first_poll():
    """At first the newest date stands for the last news; without dates it is now."""
    dates = [NOW - DAY, None, NOW - HOUR, NOW + DAY]

    assert observe(Rhythm(), now=NOW, new=4, dates=dates).news_at == NOW - HOUR
    assert observe(Rhythm(), now=NOW, new=4, dates=[None]).news_at == NOW


def test_what_is_watched():
    """The usual gap is the median of those seen, once there are enough, of the last ones only."""
    assert watched_gap(watched(*[HOUR] * (FEWEST - 1))) is None
    assert watched_gap(watched(HOUR, HOUR, DAY, 2 * HOUR, HOUR)) == HOUR
    assert watched_gap(watched(*[DAY] * 30, *[HOUR] * REMEMBERED)) == HOUR


def test_nothing_new():
    """A poll without anything new changes nothing."""
    rhythm = watched(HOUR)

    assert observe(rhythm, now=NOW + DAY, new=0, dates=[NOW]) == rhythm


def test_old_dates_of_new_entries():
    """What is new to us is news, whatever date it bears."""
    rhythm = observe(watched(), now=NOW + DAY, new=1, dates=[NOW - 900 * DAY])

    assert (rhythm.news_at, rhythm.gaps) == (NOW + DAY, (DAY,))


def test_dates_stand_in():
    """Before much was watched, the dates of the entries say how far apart they usually are."""
    dates = [NOW - 30 * DAY * n for n in range(6)]

    assert usual_gap(observe(Rhythm(), now=NOW, new=6, dates=dates)) == 30 * DAY
    assert usual_gap(observe(Rhythm(), now=NOW, new=2, dates=dates[:2])) is None


def test_a_clock_that_went_back():
    """A clock that was set back gives no negative gap."""
    assert observe(watched(), now=NOW - DAY, new=1, dates=[]).gaps == (timedelta(),)
