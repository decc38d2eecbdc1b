"""Hits of a story by time, and a view of stories that reads what stories keep.

* The index of a story's hits ends with when they were found, the order of lists: no list walks along
  all hits for those of one story.
* `v_stories` takes the number of hits and publishers from the story, and counts only where it has
  none. It says the same as before.
"""

from alembic import op

from monitor.store.later import create_index, drop_index

revision = '0028'
down_revision = '0027'
branch_labels = None
depends_on = None

HITS = "FROM hits h WHERE h.story_id = s.id AND h.withdrawn_at IS NULL"
SOURCES = """(SELECT COUNT(DISTINCT COALESCE(a.publisher, f.name)) FROM hits h
            JOIN articles a ON a.id = h.article_id JOIN feeds f ON f.id = a.feed_id
            WHERE h.story_id = s.id AND h.withdrawn_at IS NULL)"""
VIEW = """
    SELECT s.id AS story_id, s.company, s.topic, s.stage, s.headline,
           s.first_at AS first_seen, s.last_at AS last_seen,
           {sources} AS sources,
           {hits} AS hits,
           (SELECT h.regulator {of}
            AND h.regulator IS NOT NULL ORDER BY h.id LIMIT 1) AS regulator,
           (SELECT h.amount {of}
            AND h.amount IS NOT NULL ORDER BY h.id LIMIT 1) AS amount,
           (SELECT h.currency {of}
            AND h.amount IS NOT NULL ORDER BY h.id LIMIT 1) AS currency,
           s.proceeding_id, s.head_hit_id
    FROM stories s
    WHERE {live}"""
STORIES = VIEW.format(
    sources=f"COALESCE(s.sources, {SOURCES})", hits=f"COALESCE(s.hits, (SELECT COUNT(*) {HITS}))",
    live=f"s.hits > 0 OR (s.hits IS NULL AND EXISTS (SELECT 1 {HITS}))", of=HITS,
)
FORMER = VIEW.format(sources=SOURCES, hits=f"(SELECT COUNT(*) {HITS})", live=f"EXISTS (SELECT 1 {HITS})", of=HITS)


def show(stories: str) -> None:
    if op.get_bind().dialect.name == 'sqlite':
        op.execute("DROP VIEW v_stories")
        op.execute(f"CREATE VIEW v_stories AS {stories}")
    else:  # in its place, so that whoever may read it still may
        op.execute(f"CREATE OR REPLACE VIEW v_stories AS {stories}")


def upgrade() -> None:
    create_index('ix_hits_story_id_found_at', 'hits', ['story_id', 'found_at'])
    drop_index('ix_hits_story_id', 'hits')
    show(STORIES)


def downgrade() -> None:
    show(FORMER)
    op.create_index('ix_hits_story_id', 'hits', ['story_id'])
    drop_index('ix_hits_story_id_found_at', 'hits')
