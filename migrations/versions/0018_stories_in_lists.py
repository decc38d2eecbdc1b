"""What lists of stories show, kept with each story, and indexes for narrowed lists.

* Hits that hold, who told of them, regulator and sum: null means that they are not counted, as of
  a story whose hits an older program changes; a list then counts for itself.
* Lists of stories and hits by company, topic and stage, alone or two of them, newest first.
* Which digests told of a hit; reviews by time.
"""

import sqlalchemy as sa
from alembic import op

from monitor.store.later import create_index, drop_index

revision = '0018'
down_revision = '0017'
branch_labels = None
depends_on = None

LISTED_BY = (
    ('company',), ('topic',), ('stage',),
    ('company', 'topic'), ('company', 'stage'), ('topic', 'stage'), ('company', 'topic', 'stage'),
)
FILL = """
    UPDATE stories SET
        hits = (SELECT COUNT(*) FROM hits h WHERE h.story_id = stories.id),
        sources = (SELECT COUNT(DISTINCT COALESCE(a.publisher, f.name)) FROM hits h
                   JOIN articles a ON a.id = h.article_id JOIN feeds f ON f.id = a.feed_id
                   WHERE h.story_id = stories.id),
        regulator = (SELECT h.regulator FROM hits h JOIN articles a ON a.id = h.article_id
                     WHERE h.story_id = stories.id AND h.regulator IS NOT NULL
                     ORDER BY COALESCE(a.published_at, a.first_seen), h.id LIMIT 1),
        amount_text = (SELECT h.amount_text FROM hits h JOIN articles a ON a.id = h.article_id
                       WHERE h.story_id = stories.id AND h.amount_text IS NOT NULL
                       ORDER BY COALESCE(a.published_at, a.first_seen), h.id LIMIT 1)
    WHERE NOT EXISTS (SELECT 1 FROM hits h
                      WHERE h.story_id = stories.id AND h.withdrawn_at IS NOT NULL)
"""


def number() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade() -> None:
    for column in ('hits', 'sources'):
        op.add_column('stories', sa.Column(column, number(), nullable=True))
    for column in ('regulator', 'amount_text'):
        op.add_column('stories', sa.Column(column, sa.Text(), nullable=True))
    # Those with hits that were withdrawn may say what these said: they are left to be counted.
    op.execute(FILL)
    live = sa.text('withdrawn_at IS NULL')
    for columns in LISTED_BY:
        if columns != ('company', 'topic'):
            create_index(f"ix_stories_{'_'.join(columns)}_last_at", 'stories', [*columns, 'last_at'])
        create_index(f"ix_hits_live_{'_'.join(columns)}", 'hits', [*columns, 'id'], live)
    gone = sa.text('hits = 0')
    create_index('ix_stories_gone', 'stories', ['last_at'], gone)
    create_index('ix_digest_items_hit_id', 'digest_items', ['hit_id'])
    create_index('ix_reviews_at', 'reviews', ['at'])
    if op.get_bind().dialect.name == 'postgresql':
        # Stages go with topics: a planner that takes them for independent walks along the wrong index.
        for table in ('hits', 'stories'):
            op.execute(f"CREATE STATISTICS st_{table}_kind (mcv) ON company, topic, stage FROM {table}")


def downgrade() -> None:
    if op.get_bind().dialect.name == 'postgresql':
        for table in ('hits', 'stories'):
            op.execute(f"DROP STATISTICS st_{table}_kind")
    drop_index('ix_reviews_at', 'reviews')
    drop_index('ix_digest_items_hit_id', 'digest_items')
    drop_index('ix_stories_gone', 'stories')
    for columns in LISTED_BY:
        drop_index(f"ix_hits_live_{'_'.join(columns)}", 'hits')
        if columns != ('company', 'topic'):
            drop_index(f"ix_stories_{'_'.join(columns)}_last_at", 'stories')
    for column in ('amount_text', 'regulator', 'sources', 'hits'):
        op.drop_column('stories', column)
