"""Pushes: hubs that are asked to call when a feed changes."""

import sqlalchemy as sa
from alembic import op

from monitor.store.types import Instant

revision = '0014'
down_revision = '0013'
branch_labels = None
depends_on = None

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
               AS pages_given_up
"""
FEEDS = f"""{FORMER_FEEDS},
           f.push_until,
           (SELECT p.error FROM pushes p WHERE p.feed_id = f.id) AS push_error
    FROM feeds f
"""


def number() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade() -> None:
    op.create_table(
        'pushes',
        sa.Column('id', number(), nullable=False),
        sa.Column('feed_id', number(), nullable=False),
        sa.Column('hub', sa.Text(), nullable=False),
        sa.Column('topic', sa.Text(), nullable=False),
        sa.Column('token', sa.Text(), nullable=False),
        sa.Column('secret', sa.Text(), nullable=False),
        sa.Column('state', sa.Text(), nullable=False),
        sa.Column('due_at', Instant(), nullable=True),
        sa.Column('claimed_by', sa.Text(), nullable=True),
        sa.Column('attempts', number(), server_default=sa.text('0'), nullable=False),
        sa.Column('lease_until', Instant(), nullable=True),
        sa.Column('pushed_at', Instant(), nullable=True),
        sa.Column('pending', sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column('error', sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(['feed_id'], ['feeds.id'], name=op.f('fk_pushes_feed_id')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_pushes')),
        sa.UniqueConstraint('feed_id', name=op.f('uq_pushes_feed_id')),
        sa.UniqueConstraint('token', name=op.f('uq_pushes_token')),
    )
    op.create_index(op.f('ix_pushes_due_at'), 'pushes', ['due_at'])
    on_sqlite = op.get_bind().dialect.name == 'sqlite'
    if on_sqlite:
        op.execute("DROP VIEW v_feeds")
    op.add_column('feeds', sa.Column('push_until', Instant(), nullable=True))
    op.execute(f"CREATE {'' if on_sqlite else 'OR REPLACE '}VIEW v_feeds AS {FEEDS}")


def downgrade() -> None:
    op.execute("DROP VIEW v_feeds")
    op.drop_column('feeds', 'push_until')
    op.drop_table('pushes')
    op.execute(f"CREATE VIEW v_feeds AS {FORMER_FEEDS} FROM feeds f")
