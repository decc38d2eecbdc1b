"""Reviews of hits, and the audit chain.

* `v_hits.verdict`, null until now, is the latest review's.
* Digests and lexicons of before are not in the chain: it begins with what comes next.
"""

import sqlalchemy as sa
from alembic import op

from monitor.store.types import Instant

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None

FORMER = """
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
"""
LATEST = """(SELECT v.verdict FROM reviews v WHERE v.hit_id = h.id
            ORDER BY v.id DESC LIMIT 1) AS verdict"""
VIEW = FORMER.replace("CAST(NULL AS TEXT) AS verdict", LATEST)
REVIEWS = """
    SELECT v.id AS review_id, v.at, v.who, v.hit_id, v.verdict, v.note, h.company, h.topic,
           h.stage, h.score, f.key AS feed, COALESCE(r.title, a.title) AS title, a.url,
           v.id = (SELECT MAX(l.id) FROM reviews l WHERE l.hit_id = v.hit_id) AS holds
    FROM reviews v
    JOIN hits h ON h.id = v.hit_id
    JOIN articles a ON a.id = h.article_id
    JOIN feeds f ON f.id = a.feed_id
    LEFT JOIN revisions r ON r.article_id = h.article_id AND r.number = h.revision
"""


def number() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def show_hits(query: str) -> None:
    """PostgreSQL replaces a view, which keeps what readers were granted."""
    if op.get_bind().dialect.name == 'sqlite':
        op.execute("DROP VIEW v_hits")
        op.execute(f"CREATE VIEW v_hits AS {query}")
    else:
        op.execute(f"CREATE OR REPLACE VIEW v_hits AS {query}")


def upgrade() -> None:
    op.create_table('reviews',
    sa.Column('id', number(), nullable=False),
    sa.Column('hit_id', number(), nullable=False),
    sa.Column('verdict', sa.Text(), nullable=False),
    sa.Column('note', sa.Text(), nullable=True),
    sa.Column('who', sa.Text(), nullable=False),
    sa.Column('at', Instant(), nullable=False),
    sa.ForeignKeyConstraint(['hit_id'], ['hits.id'], name=op.f('fk_reviews_hit_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_reviews'))
    )
    op.create_index(op.f('ix_reviews_hit_id_id'), 'reviews', ['hit_id', 'id'])
    op.create_table('audit',
    sa.Column('id', number(), nullable=False),
    sa.Column('at', Instant(), nullable=False),
    sa.Column('who', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('content', sa.Text(), nullable=False),
    sa.Column('previous', sa.Text(), nullable=False),
    sa.Column('hash', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit')),
    sa.UniqueConstraint('previous', name=op.f('uq_audit_previous')),
    sa.UniqueConstraint('hash', name=op.f('uq_audit_hash'))
    )
    show_hits(VIEW)
    op.execute(f"CREATE VIEW v_reviews AS {REVIEWS}")


def downgrade() -> None:
    op.execute("DROP VIEW v_reviews")
    show_hits(FORMER)
    op.drop_table('audit')
    op.drop_table('reviews')
