"""What polls find out: gaps, rhythm, wishes, moves, and states with their reasons.

* All that is new in a table is nullable or has a default: an older program goes on beside it.
* The way back turns the states that an older program does not know into the one they were before.
"""

import sqlalchemy as sa
from alembic import op

from monitor.store.types import Instant

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None

VIEWS = {
    "v_feeds": """
        SELECT f.key AS feed_id, f.url, f.name, f.state, f.last_ok_at, f.last_error,
               (SELECT MAX(a.published_at) FROM articles a WHERE a.feed_id = f.id)
                   AS newest_article_at,
               (SELECT COUNT(*) FROM articles a WHERE a.feed_id = f.id) AS articles,
               (SELECT COUNT(*) FROM hits h JOIN articles a ON a.id = h.article_id
                WHERE a.feed_id = f.id AND h.withdrawn_at IS NULL) AS hits,
               f.state_since, f.state_reason, f.gaps, f.gap_at AS last_gap_at,
               f.moved_to, f.moved_since, f.due_at AS next_poll_at
        FROM feeds f
    """,
    "v_polls": """
        SELECT p.id AS poll_id, f.key AS feed, p.at, p.outcome, p.status, p.took_ms, p.bytes,
               p.entries, p.new, p.known, p.revised, p.rejected, p.overlap, p.gap, p.newest_at,
               p.handed_over, p.error, CAST(p.notes AS TEXT) AS notes
        FROM polls p
        JOIN feeds f ON f.id = p.feed_id
    """,
}

FORMER_FEEDS = """
    SELECT f.key AS feed_id, f.url, f.name, f.state, f.last_ok_at, f.last_error,
           (SELECT MAX(a.published_at) FROM articles a WHERE a.feed_id = f.id)
               AS newest_article_at,
           (SELECT COUNT(*) FROM articles a WHERE a.feed_id = f.id) AS articles,
           (SELECT COUNT(*) FROM hits h JOIN articles a ON a.id = h.article_id
            WHERE a.feed_id = f.id AND h.withdrawn_at IS NULL) AS hits
    FROM feeds f
"""


def number() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def feed_columns() -> list[sa.Column]:
    return [
        sa.Column('usual_s', number(), nullable=True),
        sa.Column('host', sa.Text(), nullable=True),
        sa.Column('state_since', Instant(), nullable=True),
        sa.Column('state_reason', sa.Text(), nullable=True),
        sa.Column('moved_to', sa.Text(), nullable=True),
        sa.Column('moved_since', Instant(), nullable=True),
        sa.Column('articles', sa.JSON(), nullable=True),
        sa.Column('gaps', number(), server_default=sa.text('0'), nullable=False),
        sa.Column('gap_at', Instant(), nullable=True),
        sa.Column('haste', number(), server_default=sa.text('0'), nullable=False),
        sa.Column('news_at', Instant(), nullable=True),
        sa.Column('rhythm', sa.JSON(), nullable=True),
        sa.Column('wishes', sa.JSON(), nullable=True),
    ]


def poll_columns() -> list[sa.Column]:
    return [
        sa.Column('overlap', number(), nullable=True),
        sa.Column('gap', sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column('newest_at', Instant(), nullable=True),
        sa.Column('took_ms', number(), nullable=True),
        sa.Column('handed_over', sa.Text(), nullable=True),
    ]


def upgrade() -> None:
    on_sqlite = op.get_bind().dialect.name == 'sqlite'
    if on_sqlite:
        op.execute("DROP VIEW v_feeds")
    for table, columns in (('feeds', feed_columns()), ('polls', poll_columns())):
        for column in columns:
            op.add_column(table, column)
    for name, query in VIEWS.items():
        op.execute(f"CREATE {'' if on_sqlite else 'OR REPLACE '}VIEW {name} AS {query}")


def downgrade() -> None:
    for name in VIEWS:
        op.execute(f"DROP VIEW {name}")
    op.execute("UPDATE feeds SET state = 'ok' WHERE state IN ('stale', 'placeholder')")
    for table, columns in (('feeds', feed_columns()), ('polls', poll_columns())):
        for column in reversed(columns):
            op.drop_column(table, column.name)
    op.execute(f"CREATE VIEW v_feeds AS {FORMER_FEEDS}")
