"""Proceedings: stories that are steps of one affair, their head articles, and what analysts change.

* All that is new is nullable, so stories of before keep what they say; they get a proceeding when
  a later step follows them.
* `story_edits` is only ever added to.
"""

import sqlalchemy as sa
from alembic import op

from monitor.store.types import Instant

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None

FORMER = """
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
"""
VIEW = FORMER.replace("AS currency\n", "AS currency,\n           s.proceeding_id, s.head_hit_id\n")
EDITS = """
    SELECT e.id AS edit_id, e.at, e.who, e.verb, e.story_id, e.other_story_id, e.hits, e.note
    FROM story_edits e
"""


def number() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade() -> None:
    on_sqlite = op.get_bind().dialect.name == 'sqlite'
    if on_sqlite:  # PostgreSQL replaces it, which keeps what readers were granted
        op.execute("DROP VIEW v_stories")
    op.create_table('proceedings',
    sa.Column('id', number(), nullable=False),
    sa.Column('company', sa.Text(), nullable=False),
    sa.Column('topic', sa.Text(), nullable=False),
    sa.Column('started_at', Instant(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_proceedings'))
    )
    op.create_table('story_edits',
    sa.Column('id', number(), nullable=False),
    sa.Column('at', Instant(), nullable=False),
    sa.Column('who', sa.Text(), nullable=False),
    sa.Column('verb', sa.Text(), nullable=False),
    sa.Column('story_id', number(), nullable=False),
    sa.Column('other_story_id', number(), nullable=False),
    sa.Column('hits', sa.JSON(), nullable=False),
    sa.Column('note', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['story_id'], ['stories.id'], name=op.f('fk_story_edits_story_id')),
    sa.ForeignKeyConstraint(['other_story_id'], ['stories.id'], name=op.f('fk_story_edits_other_story_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_story_edits'))
    )
    # Without a foreign key: SQLite would have to make the table anew.
    for column in ('proceeding_id', 'head_hit_id', 'merged_into'):
        op.add_column('stories', sa.Column(column, number(), nullable=True))
    op.create_index(op.f('ix_stories_proceeding_id'), 'stories', ['proceeding_id'])
    op.add_column('hits', sa.Column('amounts', sa.JSON(), nullable=True))
    op.add_column('hits', sa.Column('joined', sa.Text(), nullable=True))
    op.execute(f"CREATE {'' if on_sqlite else 'OR REPLACE '}VIEW v_stories AS {VIEW}")
    op.execute(f"CREATE VIEW v_story_edits AS {EDITS}")


def downgrade() -> None:
    op.execute("DROP VIEW v_story_edits")
    op.execute("DROP VIEW v_stories")
    op.drop_column('hits', 'joined')
    op.drop_column('hits', 'amounts')
    op.drop_index(op.f('ix_stories_proceeding_id'), 'stories')
    for column in ('merged_into', 'head_hit_id', 'proceeding_id'):
        op.drop_column('stories', column)
    op.drop_table('story_edits')
    op.drop_table('proceedings')
    op.execute(f"CREATE VIEW v_stories AS {FORMER}")
