"""Health: what a feed's state says about its polls."""

from datetime import UTC, datetime, timedelta

import pytest

from monitor.feeds.health import Judgement, after_answer, after_failure, placeholder
from monitor.model import Entry, FeedState, Rhythm

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = NOW - timedelta(hours=1)
WEEK = NOW - timedelta(days=7)


@pytest.mark.parametrize(
    ("last_ok_at", "failures", "gone", "state"),
    [
        (None, 1, False, FeedState.PROBATION),
        (None, 29, False, FeedState.PROBATION),
        (None, 30, False, FeedState.DEAD),
        (HOUR, 1, False, FeedState.FAILING),
        (HOUR, 500, False, FeedState.FAILING),
        (WEEK, 9, False, FeedState.FAILING),
        (WEEK, 10, False, FeedState.DEAD),
        (HOUR, 1, True, FeedState.DEAD),
        (None, 1, True, FeedState.DEAD),
    ],
)
def test_after_a_failure(last_ok_at, failures, gone, state):
    """A feed is dead only when gone, or when it failed both long and often enough."""
    found = after_failure(
        now=NOW, last_ok_at=last_ok_at, failures=failures, gone=gone, error="HTTP 500"
    )
    assert found == Judgement(state, "HTTP 500")


@pytest.mark.parametrize(
    ("rhythm", "reason"),
    [
        (Rhythm(), None),
        (Rhythm(NOW - 7 * DAY), None),
        (Rhythm(NOW - 8 * DAY), "nothing new since 2026-11-15"),
        (
            Rhythm(NOW - 8 * DAY, dated_gap=timedelta(minutes=9)),
            "nothing new since 2026-11-15, usually several an hour",
        ),
        (
            Rhythm(NOW - 8 * DAY, gaps=(timedelta(hours=5),) * 5),
            "nothing new since 2026-11-15, usually every 5 h",
        ),
        (Rhythm(NOW - 59 * DAY, gaps=(10 * DAY,) * 5), None),
        (
            Rhythm(NOW - 61 * DAY, gaps=(10 * DAY,) * 5),
            "nothing new since 2026-09-23, usually every 10 days",
        ),
        (Rhythm(NOW - 100 * DAY, dated_gap=30 * DAY), None),
    ],
)
def test_after_an_answer(rhythm, reason):
    """A feed is stale after a week, and after six times its usual gap, without news."""
    found = after_answer(now=NOW, rhythm=rhythm, notice=None)
    assert found == Judgement(FeedState.STALE if reason else FeedState.OK, reason)


def entry(title, link="https://a.example/1"):
    return Entry("1", link, title, "", None)


@pytest.mark.parametrize(
    "title",
    [
        "This feed is not available.",
        "This RSS feed is no longer available",
        "The feed has been discontinued",
        "Your feed was not found",
        "该提要不可用",
        "此訂閱源已停用",
        "このフィードは利用できません",
    ],
)
def test_a_notice(title):
    """A feed that shows only a notice that it is not there is a placeholder from the start."""
    assert placeholder([entry(title)], before=0, overlap=None) == title
    found = after_answer(now=NOW, rhythm=Rhythm(), notice=title)
    assert found == Judgement(FeedState.PLACEHOLDER, f'all it shows is "{title}"')


@pytest.mark.parametrize(
    ("entries", "before", "overlap", "notice"),
    [
        ([entry("Moved")], 40, 0, None),
        ([entry("Moved", None)], 40, 0, "Moved"),
        ([entry("Moved", None)], 4, 0, None),
        ([entry("Moved", None)], 40, 1, None),
        ([entry("Feed is not available"), entry("Alibaba fined")], 0, None, None),
        ([entry("Feed is not available")] * 3, 0, None, None),
        ([entry("Live video feed of hearing available")], 0, None, None),
        ([entry("Animal feed is not safe, regulator says")], 0, None, None),
        ([], 40, None, None),
    ],
)
def test_what_is_no_notice(entries, before, overlap, notice):
    """One entry without a link in place of a whole feed is a notice; news about feeds is none."""
    assert placeholder(entries, before=before, overlap=overlap) == notice
