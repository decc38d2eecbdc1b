"""What detection found in articles or left out, by which lexicon, and analysts' verdicts on it."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    Double,
    ForeignKey,
    Index,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from monitor.store.schema.columns import NUMBER, metadata, numbered, partial, required
from monitor.store.types import Instant

UNGROUPED = text("story_id IS NULL")
LIVE = text("withdrawn_at IS NULL")
SUMS = text("withdrawn_at IS NULL AND amount IS NOT NULL")
WITHDRAWN = text("withdrawn_at IS NOT NULL")

LISTED_BY = (  # what lists of hits are narrowed by, the newest first
    ("company",),
    ("topic",),
    ("stage",),
    ("company", "topic"),
    ("company", "stage"),
    ("topic", "stage"),
    ("company", "topic", "stage"),
)

lexicons = Table(
    "lexicons",
    metadata,
    Column("fingerprint", Text, primary_key=True),
    required("content", Text),
    required("valid_from", Instant),
    Column("inputs", Text),
)
"""A lexicon that made hits, in full, so that any of them can be explained years later.

`inputs` is the hash of what it was last made from, by which a start finds it.
"""


hits = Table(
    "hits",
    metadata,
    numbered(),
    required("article_id", NUMBER, ForeignKey("articles.id")),
    required("revision", NUMBER),
    required("company", Text),
    required("topic", Text),
    required("score", Double),
    Column("stage", Text),
    Column("regulator", Text),
    Column("amount", Numeric(24, 2, asdecimal=False)),
    Column("currency", Text),
    Column("amount_text", Text),
    Column("amounts", JSON),
    Column("event_date", Date),
    required("sentence", Text),
    required("evidence", JSON),
    required("parts", JSON, default=list, server_default=text("'[]'")),
    required("lexicon", Text),
    required("found_at", Instant, index=True),
    required("quiet", Boolean, default=False, server_default=false()),
    Column("withdrawn_at", Instant),
    Column("story_id", NUMBER, ForeignKey("stories.id")),
    Column("joined", Text),
    UniqueConstraint("article_id", "company", "topic", "revision"),
    Index(None, "company", "topic", "found_at"),
    Index(None, "company", "article_id"),
    Index(None, "story_id", "found_at"),
    partial("ix_hits_live", "article_id", where=LIVE),
    *(
        partial(f"ix_hits_live_{'_'.join(columns)}", *columns, "found_at", where=LIVE)
        for columns in LISTED_BY
    ),
    partial("ix_hits_sums", "article_id", where=SUMS),
    partial("ix_hits_ungrouped", "id", where=UNGROUPED),
    partial("ix_hits_withdrawn_at", "withdrawn_at", where=WITHDRAWN),
)
"""A company and a topic met in an article. `revision` is the text its evidence quotes.

`amounts` are all sums of its sentence, `amount` the first. `joined` says why it is in its
story.
`withdrawn_at` is set while the rules no longer find it; a `quiet` hit is in no digest.
"""


near_misses = Table(
    "near_misses",
    metadata,
    numbered(),
    required("article_id", NUMBER, ForeignKey("articles.id")),
    required("revision", NUMBER),
    required("company", Text),
    required("topic", Text),
    required("score", Double),
    required("reason", Text),
    required("possible", Boolean),
    required("sentence", Text),
    required("evidence", JSON),
    required("parts", JSON),
    required("lexicon", Text),
    required("found_at", Instant, index=True),
    UniqueConstraint("article_id", "company", "topic"),
)
"""A company and a topic that stand in an article and were not reported, with the reason.

`possible` marks one that a reader should still be offered.
"""


reviews = Table(
    "reviews",
    metadata,
    numbered(),
    required("hit_id", NUMBER, ForeignKey("hits.id")),
    required("verdict", Text),
    Column("note", Text),
    required("who", Text),
    required("at", Instant, index=True),
    Index(None, "hit_id", "id"),
)
"""An analyst's verdict on a hit. Only added to; the latest of a hit holds."""
