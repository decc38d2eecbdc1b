"""What goes into the API, as pydantic models: the only description there is.

Requests are read strictly: what is unknown, or of another type, is a mistake.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from monitor.model import Verdict

LARGEST_ID = 2**63 - 1
MOST = 200  # rows of a page
USUAL = 50
LONGEST_QUERY = 1000
LONGEST_NOTE = 2000
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGO = "([0-9]{1,6})([smhdw])"
_FIRST = datetime(1, 1, 1, tzinfo=UTC)
_LAST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
_LONGEST_NUMBER = 19  # digits of the largest id
_KEY = "^[a-z0-9][a-z0-9._-]{0,99}$"
_NAME = r"^[^\x00-\x20\x7f]([^\x00-\x1f\x7f]*[^\x00-\x20\x7f])?$"
_TEXT = r"^[^\x00]*$"  # no text of a database holds a NUL


def _digits(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(f"[0-9]{{1,{_LONGEST_NUMBER}}}", value):
        raise ValueError("must be a whole number")
    return value


def _whole(value: object) -> object:
    # To JSON Schema 1.0 is an integer; to pydantic, which is strict here, it is none.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _decimal(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch("[0-9]+([.][0-9]+)?([eE][-+]?[0-9]+)?", value):
        raise ValueError("must be a number")
    return value


def read_instant(value: object) -> object:
    """Return the instant that *value* is: `30d` (so long ago), a date, or an instant.

    UTC unless it says else; one that no calendar has is the nearest there is.
    """
    if not isinstance(value, str):
        return value
    ago = re.fullmatch(_AGO, value)
    try:
        if ago:
            return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        found = datetime.fromisoformat(value)
    except OverflowError:
        return _FIRST
    except ValueError:
        said = "is neither a time ago (30d) nor a date (2026-11-01), nor an instant"
        raise ValueError(said) from None
    try:
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except OverflowError:
        return _FIRST if found.year == 1 else _LAST


Id = Annotated[int, Field(ge=1, le=LARGEST_ID), BeforeValidator(_digits)]
Limit = Annotated[int, Field(ge=1, le=MOST), BeforeValidator(_digits)]
Score = Annotated[float, Field(ge=0, le=1), BeforeValidator(_decimal)]
Key = Annotated[str, Field(pattern=_KEY)]
Text = Annotated[str, Field(pattern=_TEXT, max_length=200)]
Query = Annotated[
    str,
    Field(min_length=1, max_length=LONGEST_QUERY),
    WithJsonSchema(
        {"type": "string", "minLength": 1, "maxLength": LONGEST_QUERY, "format": "monitor-query"}
    ),
]
Cursor = Annotated[
    str,
    Field(max_length=500),
    WithJsonSchema({"type": "string", "maxLength": 500, "format": "monitor-cursor"}),
]
When = Annotated[
    datetime,
    BeforeValidator(read_instant),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": f"^{_AGO}$"},
                {"type": "string", "format": "date"},
                {"type": "string", "format": "date-time"},
            ]
        }
    ),
]
Kind = Literal["hits", "stories", "articles"]


class Shape(BaseModel):
    """What all have in common."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Paged(Shape):
    """Which page of a list."""

    limit: Limit = USUAL
    """How many at most."""
    cursor: Cursor | None = None
    """What the page before gave as `next`; the first page without."""


class Found(Paged):
    """What a list is limited to."""

    company: Key | None = None
    """Key of a company, such as `alibaba`."""
    topic: Key | None = None
    """Key of a topic, such as `antitrust`."""
    stage: Key | None = None
    """Key of a stage, such as `fine`."""
    since: When | None = None
    """From then on: `30d` ago, a date or an instant."""
    until: When | None = None
    """Before then, likewise."""
    min_score: Score | None = None
    """At least this sure."""
    q: Query | None = None
    """A query, in the language of searches; the newest article comes first."""


class HitsAsked(Found):
    """Which hits."""

    story: Id | None = None
    """Of this story."""


class ArticlesAsked(Found):
    """Which articles; company, topic, stage and score are those of a hit in it."""

    feed: Text | None = None
    """First seen in this feed."""


class DigestsAsked(Paged):
    """Which digests."""

    subscription: Text | None = None
    """Of this subscription."""


class ReviewsAsked(Paged):
    """Which reviews."""

    hit: Id | None = None
    """Of this hit."""
    since: When | None = None
    """Given from then on."""
    until: When | None = None
    """Given before then."""


class NewReview(Shape):
    """A verdict to give; it is signed with the token's name and kept for good."""

    hit_id: Annotated[int, Field(ge=1, le=LARGEST_ID), BeforeValidator(_whole)]
    verdict: Verdict
    note: Annotated[str, Field(pattern=_TEXT, max_length=LONGEST_NOTE)] | None = None


class SearchWanted(Shape):
    """A search to save."""

    name: Annotated[str, Field(pattern=_NAME, max_length=100)]
    """What it is called; no other has the name."""
    query: Query
    """In the language of searches."""
    kind: Kind = "articles"
    """What answers it."""
