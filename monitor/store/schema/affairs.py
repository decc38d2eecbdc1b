"""Stories, the proceedings they are steps of, and what analysts changed."""

from __future__ import annotations

from sqlalchemy import JSON, Column, ForeignKey, Index, Table, Text, text

from monitor.store.schema.columns import NUMBER, metadata, numbered, partial, required
from monitor.store.types import Instant

LISTED_BY = (  # what lists of stories are narrowed by, the latest news first
    ("company",),
    ("topic",),
    ("stage",),
    ("company", "topic"),
    ("company", "stage"),
    ("topic", "stage"),
    ("company", "topic", "stage"),
)
GONE = text("hits = 0")

stories = Table(
    "stories",
    metadata,
    numbered(),
    required("company", Text),
    required("topic", Text),
    Column("stage", Text),
    required("headline", Text),
    required("first_at", Instant),
    required("last_at", Instant, index=True),
    Column("proceeding_id", NUMBER, index=True),
    Column("head_hit_id", NUMBER),
    Column("merged_into", NUMBER),
    Column("hits", NUMBER),
    Column("sources", NUMBER),
    Column("regulator", Text),
    Column("amount_text", Text),
    *(Index(None, *columns, "last_at") for columns in LISTED_BY),
    partial("ix_stories_gone", "last_at", where=GONE),
)
"""Hits about one thing that happened.

`headline` is the title of the hit `head_hit_id`. `hits` are those that hold, `sources` who told
of it; both null until they are counted. A story that an analyst merged into another
has no hits left and says where they are.
"""


proceedings = Table(
    "proceedings",
    metadata,
    numbered(),
    required("company", Text),
    required("topic", Text),
    required("started_at", Instant),
)
"""Stories that are steps of one affair of a company; they name it."""


story_edits = Table(
    "story_edits",
    metadata,
    numbered(),
    required("at", Instant),
    required("who", Text),
    required("verb", Text),
    required("story_id", NUMBER, ForeignKey("stories.id")),
    required("other_story_id", NUMBER, ForeignKey("stories.id")),
    required("hits", JSON),
    Column("note", Text),
)
"""What an analyst changed: `hits` went from `story_id` to `other_story_id`. Only added to."""
