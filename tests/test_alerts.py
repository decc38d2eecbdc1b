"""Which alerts are made when: pure rules, over an hour and a flood."""

from datetime import UTC, datetime, timedelta

import pytest
from briefs import hit

from monitor.digest.alerts import BUNDLE_EVERY, HOUR, Due, plan

NOW = datetime(2026, 11, 24, 10, 41, tzinfo=UTC)


def due(count, *, first=1, rank=95):
    return [Due(number, "fine", rank, (hit(number),)) for number in range(first, first + count)]


def sizes(alerts):
    return [len(alert) for alert in alerts]


def test_each_story_has_its_own():
    """Within the limit each story is an alert, the gravest first."""
    stories = [*due(1, rank=60), *due(1, first=2, rank=95), *due(1, first=3, rank=80)]

    alerts = plan(stories, [], NOW, at_most=3)

    assert [story.story_id for (story,) in alerts] == [2, 3, 1]


def test_nothing_due_is_no_alert():
    """A quiet minute makes none, whatever was sent before."""
    assert plan([], [NOW - HOUR / 2] * 50, NOW, at_most=3) == []


@pytest.mark.parametrize(
    ("stories", "sent", "expected"),
    [(4, 0, [1, 1, 2]), (50, 0, [1, 1, 48]), (2, 2, [2]), (1, 2, [1]), (9, 1, [1, 8])],
)
def test_what_is_more_shares_one(stories, sent, expected):
    """Over the limit all the rest is in the last mail there is room for: nothing is dropped."""
    alerts = plan(due(stories), [NOW - timedelta(minutes=5)] * sent, NOW, at_most=3)

    assert sizes(alerts) == expected
    assert sum(expected) == stories


def test_a_flood_of_a_day():
    """A story a minute for a day: each is told once, in few mails, none later than ten minutes."""
    sent, told, waiting, at_most = [], [], [], 6
    for minute in range(24 * 60):
        now = NOW + timedelta(minutes=minute)
        waiting += due(1, first=minute)
        alerts = plan(waiting, sent, now, at_most)
        for alert in alerts:
            sent.append(now)
            told += [(story.story_id, now) for story in alert]
        done = {story.story_id for alert in alerts for story in alert}
        waiting = [story for story in waiting if story.story_id not in done]

    latest = max(now - (NOW + timedelta(minutes=story)) for story, now in told)
    assert [story for story, _ in told] == sorted({story for story, _ in told})
    assert len(told) + len(waiting) == 24 * 60
    assert len(waiting) < 10
    assert latest <= BUNDLE_EVERY
    busiest = max(sum(now - HOUR < at <= now for at in sent) for now in sent)
    assert busiest <= at_most + HOUR // BUNDLE_EVERY


def test_a_clock_that_was_ahead_holds_nothing_up():
    """Alerts dated in the future, by a clock that was put right since, count for nothing."""
    assert sizes(plan(due(1), [NOW + timedelta(days=9)] * 9, NOW, at_most=3)) == [1]
