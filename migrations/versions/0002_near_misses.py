"""Near-misses, and what a hit needs to be explained, withdrawn and kept out of digests.

* A pair may be a hit in each text of an article: a status that changes under one address is news.
* SQLite changes a constraint by making the table anew, so the views are dropped meanwhile; on
  PostgreSQL they are replaced, which keeps what readers were granted.
"""

import sqlalchemy as sa
from alembic import op

from monitor.store.types import Instant

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None

VIEWS = {
    "v_hits": """
        SELECT h.id AS hit_id, h.found_at, a.published_at, h.company, h.topic, h.stage,
               h.regulator, h.amount, h.currency, h.score, CAST(NULL AS TEXT) AS verdict,
               COALESCE(r.title, a.title) AS title, a.url,
               COALESCE(a.publisher, f.name) AS publisher, a.language, f.key AS feed,
               h.story_id, h.sentence, h.event_date
        FROM hits h
        JOIN articles a ON a.id = h.article_id
        JOIN feeds f ON f.id = a.feed_id
        LEFT JOIN revisions r ON r.article_id = h.article_id AND r.number = h.revision
        WHERE h.withdrawn_at IS NULL
    """,
    "v_stories": """
        SELECT s.id AS story_id, s.company, s.topic, s.stage, s.headline,
               s.first_at AS first_seen, s.last_at AS last_seen,
               (SELECT COUNT(DISTINCT COALESCE(a.publisher, f.name)) FROM hits h
                JOIN articles a ON a.id = h.article_id JOIN feeds f ON f.id = a.feed_id
                WHERE h.story_id = s.id AND h.withdrawn_at IS NULL) AS sources,
               (SELECT COUNT(*) FROM hits h
                WHERE h.story_id = s.id AND h.withdrawn_at IS NULL) AS hits,
               (SELECT h.regulator FROM hits h WHERE h.story_id = s.id AND h.withdrawn_at IS NULL
                AND h.regulator IS NOT NULL ORDER BY h.id LIMIT 1) AS regulator,
               (SELECT h.amount FROM hits h WHERE h.story_id = s.id AND h.withdrawn_at IS NULL
                AND h.amount IS NOT NULL ORDER BY h.id LIMIT 1) AS amount,
               (SELECT h.currency FROM hits h WHERE h.story_id = s.id AND h.withdrawn_at IS NULL
                AND h.amount IS NOT NULL ORDER BY h.id LIMIT 1) AS currency
        FROM stories s
        WHERE EXISTS (SELECT 1 FROM hits h WHERE h.story_id = s.id AND h.withdrawn_at IS NULL)
    """,
    "v_feeds": """
        SELECT f.key AS feed_id, f.url, f.name, f.state, f.last_ok_at, f.last_error,
               (SELECT MAX(a.published_at) FROM articles a WHERE a.feed_id = f.id)
                   AS newest_article_at,
               (SELECT COUNT(*) FROM articles a WHERE a.feed_id = f.id) AS articles,
               (SELECT COUNT(*) FROM hits h JOIN articles a ON a.id = h.article_id
                WHERE a.feed_id = f.id AND h.withdrawn_at IS NULL) AS hits
        FROM feeds f
    """,
    "v_articles": """
        SELECT a.id AS article_id, a.first_seen, a.published_at, a.title, a.url,
               COALESCE(a.publisher, f.name) AS publisher, a.language, f.key AS feed,
               (SELECT COUNT(*) FROM hits h
                WHERE h.article_id = a.id AND h.withdrawn_at IS NULL) AS hits,
               a.revision, a.summary
        FROM articles a
        JOIN feeds f ON f.id = a.feed_id
    """,
    "v_near_misses": """
        SELECT n.id AS near_miss_id, n.found_at, a.published_at, n.company, n.topic, n.score,
               n.reason, n.possible, COALESCE(r.title, a.title) AS title, a.url,
               COALESCE(a.publisher, f.name) AS publisher, a.language, f.key AS feed, n.sentence
        FROM near_misses n
        JOIN articles a ON a.id = n.article_id
        JOIN feeds f ON f.id = a.feed_id
        LEFT JOIN revisions r ON r.article_id = n.article_id AND r.number = n.revision
    """,
    "v_withdrawn_hits": """
        SELECT h.id AS hit_id, h.withdrawn_at, h.found_at, a.published_at, h.company, h.topic,
               h.stage, h.score,
               (SELECT COUNT(*) FROM digest_items i WHERE i.hit_id = h.id) AS digests,
               COALESCE(r.title, a.title) AS title, a.url,
               COALESCE(a.publisher, f.name) AS publisher, a.language, f.key AS feed,
               h.story_id, h.sentence
        FROM hits h
        JOIN articles a ON a.id = h.article_id
        JOIN feeds f ON f.id = a.feed_id
        LEFT JOIN revisions r ON r.article_id = h.article_id AND r.number = h.revision
        WHERE h.withdrawn_at IS NOT NULL
    """,
}

FORMER_VIEWS = {
    "v_hits": """
        SELECT h.id AS hit_id, h.found_at, a.published_at, h.company, h.topic, h.stage,
               h.regulator, h.amount, h.currency, h.score, CAST(NULL AS TEXT) AS verdict,
               COALESCE(r.title, a.title) AS title, a.url,
               COALESCE(a.publisher, f.name) AS publisher, a.language, f.key AS feed,
               h.story_id, h.sentence
        FROM hits h
        JOIN articles a ON a.id = h.article_id
        JOIN feeds f ON f.id = a.feed_id
        LEFT JOIN revisions r ON r.article_id = h.article_id AND r.number = h.revision
    """,
    "v_stories": """
        SELECT s.id AS story_id, s.company, s.topic, s.stage, s.headline,
               s.first_at AS first_seen, s.last_at AS last_seen,
               (SELECT COUNT(DISTINCT COALESCE(a.publisher, f.name)) FROM hits h
                JOIN articles a ON a.id = h.article_id JOIN feeds f ON f.id = a.feed_id
                WHERE h.story_id = s.id) AS sources,
               (SELECT COUNT(*) FROM hits h WHERE h.story_id = s.id) AS hits,
               (SELECT h.regulator FROM hits h WHERE h.story_id = s.id
                AND h.regulator IS NOT NULL ORDER BY h.id LIMIT 1) AS regulator,
               (SELECT h.amount FROM hits h WHERE h.story_id = s.id
                AND h.amount IS NOT NULL ORDER BY h.id LIMIT 1) AS amount,
               (SELECT h.currency FROM hits h WHERE h.story_id = s.id
                AND h.amount IS NOT NULL ORDER BY h.id LIMIT 1) AS currency
        FROM stories s
    """,
    "v_feeds": """
        SELECT f.key AS feed_id, f.url, f.name, f.state, f.last_ok_at, f.last_error,
               (SELECT MAX(a.published_at) FROM articles a WHERE a.feed_id = f.id)
                   AS newest_article_at,
               (SELECT COUNT(*) FROM articles a WHERE a.feed_id = f.id) AS articles,
               (SELECT COUNT(*) FROM hits h JOIN articles a ON a.id = h.article_id
                WHERE a.feed_id = f.id) AS hits
        FROM feeds f
    """,
    "v_articles": """
        SELECT a.id AS article_id, a.first_seen, a.published_at, a.title, a.url,
               COALESCE(a.publisher, f.name) AS publisher, a.language, f.key AS feed,
               (SELECT COUNT(*) FROM hits h WHERE h.article_id = a.id) AS hits,
               a.revision, a.summary
        FROM articles a
        JOIN feeds f ON f.id = a.feed_id
    """,
}

# What the former schema has no place for: a later hit of one pair in one article.
LATER = """
    SELECT h.id FROM hits h JOIN hits e
    ON e.article_id = h.article_id AND e.company = h.company AND e.topic = h.topic AND e.id < h.id
"""


def upgrade() -> None:
    on_sqlite = op.get_bind().dialect.name == 'sqlite'
    for name in FORMER_VIEWS if on_sqlite else ():
        op.execute(f"DROP VIEW {name}")

    op.create_table('near_misses',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('article_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('revision', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('company', sa.Text(), nullable=False),
    sa.Column('topic', sa.Text(), nullable=False),
    sa.Column('score', sa.Double(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('possible', sa.Boolean(), nullable=False),
    sa.Column('sentence', sa.Text(), nullable=False),
    sa.Column('evidence', sa.JSON(), nullable=False),
    sa.Column('parts', sa.JSON(), nullable=False),
    sa.Column('lexicon', sa.Text(), nullable=False),
    sa.Column('found_at', Instant(), nullable=False),
    sa.ForeignKeyConstraint(['article_id'], ['articles.id'], name=op.f('fk_near_misses_article_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_near_misses')),
    sa.UniqueConstraint('article_id', 'company', 'topic', name=op.f('uq_near_misses_article_id_company_topic'))
    )
    op.create_index(op.f('ix_near_misses_found_at'), 'near_misses', ['found_at'])
    unmatched = sa.text('matched_with IS NULL')
    op.create_index('ix_articles_unmatched', 'articles', ['id'], sqlite_where=unmatched, postgresql_where=unmatched)

    with op.batch_alter_table('hits', schema=None) as batch_op:
        batch_op.add_column(sa.Column('event_date', sa.Date(), nullable=True))
        batch_op.add_column(sa.Column('parts', sa.JSON(), server_default=sa.text("'[]'"), nullable=False))
        batch_op.add_column(sa.Column('quiet', sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.add_column(sa.Column('withdrawn_at', Instant(), nullable=True))
        batch_op.drop_constraint(batch_op.f('uq_hits_article_id_company_topic'), type_='unique')
        batch_op.create_unique_constraint(batch_op.f('uq_hits_article_id_company_topic_revision'), ['article_id', 'company', 'topic', 'revision'])

    for name, query in VIEWS.items():
        op.execute(f"CREATE {'' if on_sqlite else 'OR REPLACE '}VIEW {name} AS {query}")


def downgrade() -> None:
    for name in VIEWS:
        op.execute(f"DROP VIEW {name}")
    op.execute(f"DELETE FROM digest_items WHERE hit_id IN ({LATER})")
    op.execute(f"DELETE FROM hits WHERE id IN ({LATER})")
    with op.batch_alter_table('hits', schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f('uq_hits_article_id_company_topic_revision'), type_='unique')
        batch_op.create_unique_constraint(batch_op.f('uq_hits_article_id_company_topic'), ['article_id', 'company', 'topic'])
        batch_op.drop_column('withdrawn_at')
        batch_op.drop_column('quiet')
        batch_op.drop_column('parts')
        batch_op.drop_column('event_date')
    op.drop_index('ix_articles_unmatched', 'articles')
    op.drop_table('near_misses')
    for name, query in FORMER_VIEWS.items():
        op.execute(f"CREATE VIEW {name} AS {query}")
