"""Full texts: whose pages are to be read, and what came of it."""

import sqlalchemy as sa
from alembic import op

from monitor.store.types import Instant

revision = '0010'
down_revision = '0009'
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
           f.moved_to, f.moved_since, f.due_at AS next_poll_at
"""
FEEDS = f"""{FORMER_FEEDS},
           (SELECT COUNT(*) FROM full_texts t WHERE t.feed_id = f.id AND t.status = 'stored')
               AS full_texts,
           (SELECT COUNT(*) FROM full_texts t WHERE t.feed_id = f.id AND t.status = 'waiting')
               AS pages_waiting,
           (SELECT COUNT(*) FROM full_texts t WHERE t.feed_id = f.id AND t.status = 'given_up')
               AS pages_given_up
    FROM feeds f
"""
FULL_TEXTS = """
    SELECT t.article_id, f.key AS feed, a.url, t.status, t.attempts, t.asked_at AS last_attempt_at,
           t.due_at AS next_attempt_at, t.error
    FROM full_texts t
    JOIN feeds f ON f.id = t.feed_id
    JOIN articles a ON a.id = t.article_id
"""


def number() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade() -> None:
    op.create_table(
        'full_texts',
        sa.Column('id', number(), nullable=False),
        sa.Column('article_id', number(), nullable=False),
        sa.Column('feed_id', number(), nullable=False),
        sa.Column('host', sa.Text(), nullable=False),
        sa.Column('status', sa.Text(), nullable=False),
        sa.Column('due_at', Instant(), nullable=True),
        sa.Column('claimed_by', sa.Text(), nullable=True),
        sa.Column('attempts', number(), server_default=sa.text('0'), nullable=False),
        sa.Column('asked_at', Instant(), nullable=True),
        sa.Column('error', sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ['article_id'], ['articles.id'], name=op.f('fk_full_texts_article_id')
        ),
        sa.ForeignKeyConstraint(['feed_id'], ['feeds.id'], name=op.f('fk_full_texts_feed_id')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_full_texts')),
        sa.UniqueConstraint('article_id', name=op.f('uq_full_texts_article_id')),
    )
    for column in ('feed_id', 'due_at', 'asked_at'):
        op.create_index(op.f(f'ix_full_texts_{column}'), 'full_texts', [column])
    on_sqlite = op.get_bind().dialect.name == 'sqlite'
    if on_sqlite:
        op.execute("DROP VIEW v_feeds")
    op.add_column(
        'feeds', sa.Column('full_text', sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.execute(f"CREATE {'' if on_sqlite else 'OR REPLACE '}VIEW v_feeds AS {FEEDS}")
    op.execute(f"CREATE VIEW v_full_texts AS {FULL_TEXTS}")


def downgrade() -> None:
    op.execute("DROP VIEW v_full_texts")
    op.execute("DROP VIEW v_feeds")
    op.drop_column('feeds', 'full_text')
    op.drop_table('full_texts')
    op.execute(f"CREATE VIEW v_feeds AS {FORMER_FEEDS} FROM feeds f")
