"""Full text: what the page of an article adds to what the feed gave, and when to try again. Pure.

* Nothing that the feed gave is lost: where the page does not hold the lead, it stands before it.
* A page that gives no more than the lead adds nothing, and is not asked again.
* An address that leads to the front page of its site leads to no article.
* Some failures are answers: who is refused, or told that it is gone, does not ask again.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from monitor.text.folding import fold
from monitor.text.html import one_line

if TYPE_CHECKING:
    from datetime import datetime

WAITS: Final = (timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6))  # then given up
# 401, 402, 403: not for us; 410, 451: not any more (RFC 9110, RFC 7725).
REFUSALS: Final = frozenset({401, 402, 403, 410, 451})
_PAGES: Final = frozenset({"text/html", "application/xhtml+xml", "text/plain", ""})
_MORE: Final = re.compile(
    r"(?:\s|\.\.\.|…|⋯|\[\s*(?:\.\.\.|…|&hellip;)\s*\]|read more|continue reading|阅读全文)+\Z",
    re.IGNORECASE,
)


def whole_text(title: str, lead: str, body: str) -> str | None:
    """Return an article's text with that of its page, *body*; None if the page adds nothing."""
    lines = body.split("\n")
    if lines and _bare(lines[0]) == _bare(title):
        lines = lines[1:]
    body = "\n".join(lines).strip()
    bare_lead, bare_body = _bare(_MORE.sub("", lead)), _bare(body)
    if not bare_body or bare_body in bare_lead:
        return None
    if bare_lead in bare_body:
        return body
    # Shorter than what the feed gave, and something else: a notice, not the article.
    return f"{lead}\n{body}" if len(bare_body) > len(bare_lead) else None


def _bare(text: str) -> str:
    return one_line(fold(text).text).casefold()


def refusal(asked: str, answered: str, content_type: str | None) -> str | None:
    """Return why an answer cannot be the page of the article *asked*; None if it may be."""
    kind = (content_type or "").partition(";")[0].strip().lower()
    if kind not in _PAGES:
        return f"not a web page: {one_line(kind)[:60]}"
    if len(urlsplit(asked).path) > 1 and _is_front(answered):
        return "leads to the front page of its site"
    return None


def _is_front(url: str) -> bool:
    parts = urlsplit(url)
    return parts.path in {"", "/"} and not parts.query


def next_try(
    *, now: datetime, attempt: int, status: int | None, retry_after: timedelta | None, final: bool
) -> datetime | None:
    """Return when to ask again after that many attempts; None to give up."""
    if final or status in REFUSALS or attempt > len(WAITS):
        return None
    return now + max(WAITS[attempt - 1], retry_after or timedelta())
