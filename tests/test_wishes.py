"""Wishes: what feeds and servers ask for is understood, and nonsense is no wish."""

from datetime import UTC, datetime, timedelta

import pytest

from monitor.feeds.wishes import LONGEST, read_freshness, read_wishes
from monitor.model import Wishes

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
MINUTES = timedelta(minutes=1)
HOURS = timedelta(hours=1)
ENTRY = "<item><title>x</title></item>"


def channel(before="", entries=ENTRY, after=""):
    return f"<rss><channel>{before}{entries}{after}</channel></rss>"


@pytest.mark.parametrize(
    ("said", "ttl"),
    [
        ("<ttl>60</ttl>", HOURS),
        ("<ttl> 15\n</ttl>", 15 * MINUTES),
        ("<ttl>0</ttl>", None),
        ("<ttl>-5</ttl>", None),
        ("<ttl>soon</ttl>", None),
        ("<ttl>999999999</ttl>", LONGEST),
        ("<sy:updatePeriod>hourly</sy:updatePeriod>", HOURS),
        (
            "<sy:updatePeriod> hourly </sy:updatePeriod><sy:updateFrequency>4</sy:updateFrequency>",
            15 * MINUTES,
        ),
        (
            "<s:updatePeriod>daily</s:updatePeriod><s:updateFrequency>0</s:updateFrequency>",
            24 * HOURS,
        ),
        ("<sy:updatePeriod>often</sy:updatePeriod>", None),
        ("<ttl>90</ttl><sy:updatePeriod>hourly</sy:updatePeriod>", 90 * MINUTES),
        ("", None),
    ],
)
@pytest.mark.parametrize("place", ["before", "after"])
def test_how_long_a_copy_keeps(said, ttl, place):
    """Ttl and the syndication module are read, before or after the entries; nonsense is not."""
    assert read_wishes(channel(**{place: said})).ttl == ttl


def test_when_nobody_need_ask():
    """Hours and days to skip are read by number and by name; unknown ones are left out."""
    said = (
        "<skipHours><hour>0</hour><hour>23</hour><hour>24</hour><hour>x</hour></skipHours>"
        "<skipDays><day>Saturday</day><day>sunday</day><day>Someday</day></skipDays>"
    )

    assert read_wishes(channel(said)) == Wishes(None, frozenset({0, 23}), frozenset({5, 6}))


@pytest.mark.parametrize("entries", [f"<item>{{}}</item>{ENTRY}", "<entry>{}</entry>"])
def test_an_entry_has_no_wishes(entries):
    """What an article says cannot keep us away from its feed."""
    inside = "<ttl>99999</ttl><skipDays><day>Monday</day></skipDays>"

    assert read_wishes(channel(entries=entries.format(inside))) == Wishes()


def test_a_hostile_document_takes_no_time():
    """A long document of half-open elements is looked at once."""
    assert read_wishes("<skipHours>" * 200_000 + "<ttl>") == Wishes()


@pytest.mark.parametrize(
    ("headers", "fresh"),
    [
        ({"Cache-Control": "max-age=600"}, 10 * MINUTES),
        ({"Cache-Control": 'public, MAX-AGE="600"'}, 10 * MINUTES),
        ({"Cache-Control": "max-age=600", "Age": "60"}, 9 * MINUTES),
        ({"Cache-Control": "max-age=600", "Age": "9999"}, None),
        ({"Cache-Control": "max-age=0"}, None),
        ({"Cache-Control": "max-age=99999999999"}, LONGEST),
        ({"Cache-Control": "max-age=600, no-cache"}, None),
        ({"Cache-Control": "no-store"}, None),
        ({"Cache-Control": "s-maxage=600"}, None),
        ({"Cache-Control": "max-age=soon"}, None),
        (
            {"Date": "Mon, 23 Nov 2026 07:00:00 GMT", "Expires": "Mon, 23 Nov 2026 09:00:00 GMT"},
            2 * HOURS,
        ),
        ({"Expires": "Mon, 23 Nov 2026 09:00:00 GMT"}, HOURS),
        ({"Expires": "Mon, 23 Nov 2026 07:00:00 GMT"}, None),
        ({"Expires": "Fri, 31 Dec 9999 23:59:59 GMT"}, LONGEST),
        ({"Expires": "0"}, None),
        ({"Expires": "Mon, 23 Nov 2026 09:00:00 GMT", "Cache-Control": "max-age=60"}, MINUTES),
        ({}, None),
    ],
)
def test_freshness(headers, fresh):
    """max-age, less the answer's age, goes before Expires, which counts by the server's clock."""
    assert read_freshness(headers, now=NOW) == fresh
