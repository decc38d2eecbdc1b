"""Brief: a digest or an alert in short, as values: what channels get, and what alerts are made of.

* It is JSON (version 1, documented in docs/guide/delivery.md) and is frozen with its digest: a
  webhook is sent it as it stands, and the text for a chat is made from it.
* One entry per story, the gravest first; nothing is left out, however many there are.
* Words from a feed are one line of plain text; a link is http or https or null. Instants are ISO
  8601 in UTC, names those of the configuration beside their keys.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from monitor.text.html import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from monitor.model import ReportedHit

VERSION: Final = 1
DIGEST: Final = "digest.composed"
ALERT: Final = "alert.raised"


def brief(
    kind: str,
    subscription: str,
    slot: datetime,
    at: datetime,
    *,
    stories: Sequence[dict[str, Any]],
    subject: str,
    warnings: Iterable[str] = (),
) -> dict[str, Any]:
    """Return what is told of the digest or alert of *subscription* for *slot*, made *at*.

    *stories* are those of `stories_of`; *warnings* say what may have kept news from it.
    """
    return {
        "type": kind,
        "timestamp": _instant(at),
        "data": {
            "version": VERSION,
            "subscription": subscription,
            "slot": _instant(slot),
            "subject": subject,
            "warnings": list(warnings),
            "stories": list(stories),
        },
    }


def stories_of(
    hits: Iterable[ReportedHit],
    *,
    companies: Mapping[str, str],
    topics: Mapping[str, str],
    stages: Mapping[str, str],
    regulators: Mapping[str, str],
    ranks: Mapping[str, int],
) -> list[dict[str, Any]]:
    """Return the stories that *hits* tell, the gravest first, then the newest.

    The others are names by key, and the ranks of stages.
    """
    told: dict[int, list[ReportedHit]] = defaultdict(list)
    for hit in hits:
        told[hit.story_id].append(hit)
    made = []
    for story, of_story in told.items():
        of_story.sort(key=lambda hit: (hit.published_at or hit.found_at, hit.id))
        head = next((hit for hit in of_story if hit.title == hit.headline), of_story[0])
        graded = [hit for hit in of_story if hit.stage]
        stage = max(
            (hit.stage for hit in graded), key=lambda key: ranks.get(key or "", 0), default=None
        )
        regulator = next((hit.regulator for hit in of_story if hit.regulator), None)
        others = [hit for hit in of_story if hit is not head]
        made.append(
            {
                "id": story,
                "company": _named(head.company, companies),
                "topic": _named(head.topic, topics),
                "stage": _named(stage, stages) if stage else None,
                "rank": ranks.get(stage, 0) if stage else 0,
                "regulator": _named(regulator, regulators) if regulator else None,
                "amount": next(
                    (one_line(it.amount_text) for it in of_story if it.amount_text), None
                ),
                **_article(head),
                "found_at": _instant(min(hit.found_at for hit in of_story)),
                "sources": [_article(hit) for hit in others],
            }
        )
    made.sort(key=lambda it: (it["rank"], it["found_at"], it["id"]), reverse=True)
    return made


def link_of(url: str | None) -> str | None:
    """Return *url* if a reader may be sent there: http or https, a host, no odd characters."""
    if url is None or url != one_line(url) or " " in url:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in {"http", "https"} and parts.hostname else None


def _article(hit: ReportedHit) -> dict[str, Any]:
    return {
        "title": one_line(hit.title),
        "url": link_of(hit.url),
        "publisher": one_line(hit.publisher or "") or one_line(hit.feed),
        "language": hit.language,
        "published_at": _instant(hit.published_at) if hit.published_at else None,
    }


def _named(key: str, names: Mapping[str, str]) -> dict[str, str]:
    return {"key": key, "name": one_line(names.get(key, key))}


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
