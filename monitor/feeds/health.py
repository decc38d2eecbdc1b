"""Health: how a feed fares, from what its polls gave. Pure.

* A feed starts in probation and leaves it with its first answer that could be read.
* One failed poll makes it failing; one good poll makes it well again, even a dead one.
* It is dead once the server says 410 Gone, or after a week without a good poll that saw at
  least ten tries: a week in which we were switched off ourselves proves nothing.
* A feed that never answered well is dead after thirty tries, about a week at the longest wait.
* A feed that answers may still be of no use: stale, if it has brought nothing new for far longer
  than usual with it; a placeholder, if all it shows is a notice that it is not there.

A dead feed is reported as such; only 410 Gone ends the asking (`monitor.feeds.manners`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from monitor.feeds.rhythm import usual_gap
from monitor.model import FeedState
from monitor.text.patterns import lazy

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from monitor.model import Entry, Rhythm

DEAD_AFTER = timedelta(days=7)
DEAD_AFTER_TRIES = 10
DEAD_IN_PROBATION_AFTER_TRIES = 30
STALE_AFTER = timedelta(days=7)
STALE_AFTER_GAPS = 6
MOST_NOTICES: Final = 2  # entries that a placeholder shows
FEWEST_REPLACED: Final = 5  # entries of a feed that one without a link stands in for

_NOTICE: Final = lazy(
    r"\b(this|the|your|rss|news|web) ?feed (is|was|has been|are)\b.{0,30}"
    r"\b(un|not |no longer )(available|active|supported|maintained|found|exist)"
    r"|\bfeed (is |was |has been )?(un|not |no longer )(available|found)\b"
    r"|\bfeed (has been |was |is )?(discontinued|retired|disabled|removed|moved)\b"
    r"|(提要|订阅源|訂閱源|订阅|訂閱|rss ?源|feed|频道|頻道)\s*"
    r"(已|目前|暂时|暫時|当前|當前)?(不可用|无法使用|無法使用|不存在|失效|停用|停止更新|已移除)"
    r"|フィードは(利用できません|ありません|終了しました)|피드를 (사용할|찾을) 수 없",
    re.IGNORECASE,
)
_LONGEST_NOTICE: Final = 200  # code points of a title that is looked at


@dataclass(frozen=True, slots=True)
class Judgement:
    """A state and, unless it is ok, the reason in a few words."""

    state: FeedState
    reason: str | None = None


def after_failure(
    *, now: datetime, last_ok_at: datetime | None, failures: int, gone: bool, error: str
) -> Judgement:
    """Return the state of a feed whose poll failed.

    *failures* counts the polls that failed since the last good one, this one included;
    *last_ok_at* is None for a feed that never gave a document; *gone* says that its own address
    answered 410.
    """
    if gone:
        return Judgement(FeedState.DEAD, error)
    if last_ok_at is None:
        tried_enough = failures >= DEAD_IN_PROBATION_AFTER_TRIES
        return Judgement(FeedState.DEAD if tried_enough else FeedState.PROBATION, error)
    if failures >= DEAD_AFTER_TRIES and now - last_ok_at >= DEAD_AFTER:
        return Judgement(FeedState.DEAD, error)
    return Judgement(FeedState.FAILING, error)


def after_answer(*, now: datetime, rhythm: Rhythm, notice: str | None) -> Judgement:
    """Return the state of a feed that answered; *notice* is the placeholder's title, if it is one.

    A feed is stale when its news are older than a week and than six times its usual gap.
    """
    if notice is not None:
        return Judgement(FeedState.PLACEHOLDER, f'all it shows is "{notice}"')
    usual = usual_gap(rhythm)
    patience = max(STALE_AFTER, STALE_AFTER_GAPS * (usual or timedelta()))
    if rhythm.news_at is None or now - rhythm.news_at <= patience:
        return Judgement(FeedState.OK)
    reason = f"nothing new since {rhythm.news_at:%Y-%m-%d}"
    return Judgement(FeedState.STALE, reason if usual is None else f"{reason}, {_usually(usual)}")


def _usually(gap: timedelta) -> str:
    if gap < timedelta(hours=1):
        return "usually several an hour"
    hours = round(gap / timedelta(hours=1))
    if gap < timedelta(days=2):
        return f"usually every {hours} h"
    return f"usually every {round(hours / 24)} days"


def placeholder(entries: Sequence[Entry], *, before: int, overlap: int | None) -> str | None:
    """Return the title of the notice that stands in for a feed; None if *entries* are real.

    *before* is how many entries the feed showed at the poll before, *overlap* how many of them it
    still shows.
    """
    if not 1 <= len(entries) <= MOST_NOTICES:
        return None
    title = entries[0].title[:_LONGEST_NOTICE]
    if all(_NOTICE.search(entry.title[:_LONGEST_NOTICE]) for entry in entries):
        return title
    replaced = before >= FEWEST_REPLACED and not overlap
    alone = len(entries) == 1 and entries[0].link is None
    return title if replaced and alone else None
