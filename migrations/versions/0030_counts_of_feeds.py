"""Counts of feeds, which v_feeds sums instead of counting all articles and hits.

* What is there is counted once. A program of a former version adds nothing to the counts: the
  service, or `monitor db count`, sets them right.
* Without a reference to feeds, which would wait for a feed's row while a poll holds it.
"""

import sqlalchemy as sa
from alembic import op

from monitor.store.types import Instant

revision = '0030'
down_revision = '0029'
branch_labels = None
depends_on = None

COUNTED = """
    INSERT INTO feed_counts (feed_id, newest_article_at, articles, hits, full_texts, pages_waiting,
                             pages_given_up)
    SELECT f.id, a.newest_article_at, COALESCE(a.articles, 0), COALESCE(h.hits, 0),
           COALESCE(t.full_texts, 0), COALESCE(t.pages_waiting, 0), COALESCE(t.pages_given_up, 0)
    FROM feeds f
    LEFT JOIN (SELECT feed_id, MAX(published_at) AS newest_article_at, COUNT(*) AS articles
               FROM articles GROUP BY feed_id) a ON a.feed_id = f.id
    LEFT JOIN (SELECT a.feed_id, COUNT(*) AS hits FROM articles a
               JOIN hits h ON h.article_id = a.id AND h.withdrawn_at IS NULL
               GROUP BY a.feed_id) h ON h.feed_id = f.id
    LEFT JOIN (SELECT feed_id,
                      COUNT(CASE WHEN status = 'stored' THEN 1 END) AS full_texts,
                      COUNT(CASE WHEN status = 'waiting' THEN 1 END) AS pages_waiting,
                      COUNT(CASE WHEN status = 'given_up' THEN 1 END) AS pages_given_up
               FROM full_texts GROUP BY feed_id) t ON t.feed_id = f.id
"""
FEEDS = """
    SELECT f.key AS feed_id, f.url, f.name, f.state, f.last_ok_at, f.last_error,
           c.newest_article_at, COALESCE(c.articles, 0) AS articles, COALESCE(c.hits, 0) AS hits,
           f.state_since, f.state_reason, f.gaps, f.gap_at AS last_gap_at,
           f.moved_to, f.moved_since, f.due_at AS next_poll_at,
           COALESCE(c.full_texts, 0) AS full_texts,
           COALESCE(c.pages_waiting, 0) AS pages_waiting,
           COALESCE(c.pages_given_up, 0) AS pages_given_up,
           f.push_until,
           (SELECT p.error FROM pushes p WHERE p.feed_id = f.id) AS push_error
    FROM feeds f
    LEFT JOIN (SELECT feed_id, MAX(newest_article_at) AS newest_article_at,
                      CAST(SUM(articles) AS BIGINT) AS articles,
                      CAST(SUM(hits) AS BIGINT) AS hits,
                      CAST(SUM(full_texts) AS BIGINT) AS full_texts,
                      CAST(SUM(pages_waiting) AS BIGINT) AS pages_waiting,
                      CAST(SUM(pages_given_up) AS BIGINT) AS pages_given_up
               FROM feed_counts GROUP BY feed_id) c ON c.feed_id = f.id
"""
FORMER_FEEDS = """
    SELECT f.key AS feed_id, f.url, f.name, f.state, f.last_ok_at, f.last_error,
           (SELECT MAX(a.published_at) FROM articles a WHERE a.feed_id = f.id)
               AS newest_article_at,
           (SELECT COUNT(*) FROM articles a WHERE a.feed_id = f.id) AS articles,
           (SELECT COUNT(*) FROM hits h JOIN articles a ON a.id = h.article_id
            WHERE a.feed_id = f.id AND h.withdrawn_at IS NULL) AS hits,
           f.state_since, f.state_reason, f.gaps, f.gap_at AS last_gap_at,
           f.moved_to, f.moved_since, f.due_at AS next_poll_at,
           (SELECT COUNT(*) FROM full_texts t WHERE t.feed_id = f.id AND t.status = 'stored')
               AS full_texts,
           (SELECT COUNT(*) FROM full_texts t WHERE t.feed_id = f.id AND t.status = 'waiting')
               AS pages_waiting,
           (SELECT COUNT(*) FROM full_texts t WHERE t.feed_id = f.id AND t.status = 'given_up')
               AS pages_given_up,
           f.push_until,
           (SELECT p.error FROM pushes p WHERE p.feed_id = f.id) AS push_error
    FROM feeds f
"""


def replace_view(query: str) -> None:
    if op.get_bind().dialect.name == 'sqlite':
        op.execute("DROP VIEW v_feeds")
        op.execute(f"CREATE VIEW v_feeds AS {query}")
    else:  # in its place, with what was granted on it
        op.execute(f"CREATE OR REPLACE VIEW v_feeds AS {query}")


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
    op.create_table(
        'feed_counts',
        sa.Column('id', number, nullable=False),
        sa.Column('feed_id', number, nullable=False),
        sa.Column('newest_article_at', Instant(), nullable=True),
        sa.Column('articles', number, nullable=False),
        sa.Column('hits', number, nullable=False),
        sa.Column('full_texts', number, nullable=False),
        sa.Column('pages_waiting', number, nullable=False),
        sa.Column('pages_given_up', number, nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_feed_counts')),
    )
    op.execute(COUNTED)
    replace_view(FEEDS)


def downgrade() -> None:
    replace_view(FORMER_FEEDS)
    op.drop_table('feed_counts')
