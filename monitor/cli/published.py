"""When an item of NDJSON says it appeared.

* ISO 8601 or as in a mail's `Date`; a time without a zone is UTC, a day is its first instant.
* "2021" and "2021-04" are the first of that time; `exact` wants a day and takes neither.
* What cannot be read, or leaves no room around it in the calendar, says nothing.
"""

from __future__ import annotations

import re
from datetime import MAXYEAR, MINYEAR, UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

_COARSE = re.compile(r"[0-9]{4}(-[0-9]{2})?")


def published(text: object, *, exact: bool = False) -> datetime | None:
    """Return the instant that *text* gives, None if it gives none."""
    if not isinstance(text, str):
        return None
    try:
        found = _read(text.strip(), exact=exact)
    except (ValueError, OverflowError):
        return None
    if found is None or not MINYEAR < found.year < MAXYEAR:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _read(text: str, *, exact: bool) -> datetime | None:
    if _COARSE.fullmatch(text):
        return None if exact else datetime.fromisoformat(f"{text}-01-01"[:10])
    if re.match(r"[0-9]{4}", text):
        return datetime.fromisoformat(text)
    return parsedate_to_datetime(text)


def during(text: object) -> tuple[datetime, datetime | None] | None:
    """Return the first instant that *text* gives, and the last if it is a month or a year."""
    at = published(text)
    if at is None or not isinstance(text, str) or not _COARSE.fullmatch(text.strip()):
        return None if at is None else (at, None)
    months = 1 if "-" in text else 12
    after = datetime(
        at.year + (at.month - 1 + months) // 12, (at.month - 1 + months) % 12 + 1, 1, tzinfo=UTC
    )
    return at, after - timedelta(microseconds=1)
