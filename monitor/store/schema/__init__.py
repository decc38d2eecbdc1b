"""The tables. What must happen once has a unique constraint here; what is asked often, an index.

* Instants are `Instant` (aware, UTC). Words such as states are text, so that SQL can be read.
* A table of these files may change with any migration; analysts rely on its views.
* `key` columns identify a thing by what it is; `id` columns are numbers for joins.
* Read as `from monitor.store import schema as t`: a table is `t.feeds`, a column `t.feeds.c.key`.
"""

from __future__ import annotations

from monitor.store.schema.access import login_failures, logins, searches, tokens, users
from monitor.store.schema.affairs import proceedings, stories, story_edits
from monitor.store.schema.columns import metadata
from monitor.store.schema.findings import hits, lexicons, near_misses, reviews
from monitor.store.schema.intake import feeds, polls, pushes
from monitor.store.schema.pieces import (
    articles,
    feed_counts,
    full_texts,
    revisions,
    sightings,
)
from monitor.store.schema.running import (
    audit,
    backtest_parts,
    backtests,
    heartbeats,
    keys,
    prunings,
    workers,
)
from monitor.store.schema.sending import (
    alerts,
    attachments,
    deliveries,
    digest_items,
    digests,
    subscriptions,
    suppressions,
)

SCHEMA = "0030"  # the migration these tables need; the newest in migrations/versions

__all__ = [
    "SCHEMA",
    "alerts",
    "articles",
    "attachments",
    "audit",
    "backtest_parts",
    "backtests",
    "deliveries",
    "digest_items",
    "digests",
    "feed_counts",
    "feeds",
    "full_texts",
    "heartbeats",
    "hits",
    "keys",
    "lexicons",
    "login_failures",
    "logins",
    "metadata",
    "near_misses",
    "polls",
    "proceedings",
    "prunings",
    "pushes",
    "reviews",
    "revisions",
    "searches",
    "sightings",
    "stories",
    "story_edits",
    "subscriptions",
    "suppressions",
    "tokens",
    "users",
    "workers",
]
