"""Channels and alerts: what channels get, which digests are alerts, and for which stories.

* Digests of before are digests. Their deliveries all go to mail addresses and need no brief.
"""

import sqlalchemy as sa
from alembic import op

from monitor.store.types import Instant

revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None

FORMER = """
    SELECT d.digest_id, g.subscription, g.slot, d.recipient, d.status, d.attempts,
           d.message_id, d.sent_at, d.last_error, d.id AS delivery_id, d.due_at AS next_attempt_at
    FROM deliveries d
    JOIN digests g ON g.id = d.digest_id
"""
VIEW = FORMER.replace("AS next_attempt_at", "AS next_attempt_at, g.kind")


def number() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def show(query: str) -> None:
    """PostgreSQL replaces a view, which keeps what readers were granted."""
    if op.get_bind().dialect.name == 'sqlite':
        op.execute("DROP VIEW v_deliveries")
        op.execute(f"CREATE VIEW v_deliveries AS {query}")
    else:
        op.execute(f"CREATE OR REPLACE VIEW v_deliveries AS {query}")


def upgrade() -> None:
    op.add_column(
        'digests', sa.Column('kind', sa.Text(), server_default=sa.text("'digest'"), nullable=False)
    )
    op.add_column('digests', sa.Column('brief', sa.JSON(), nullable=True))
    op.create_table('alerts',
    sa.Column('id', number(), nullable=False),
    sa.Column('digest_id', number(), nullable=False),
    sa.Column('subscription', sa.Text(), nullable=False),
    sa.Column('story_id', number(), nullable=False),
    sa.Column('stage', sa.Text(), nullable=False),
    sa.Column('at', Instant(), nullable=False),
    sa.ForeignKeyConstraint(['digest_id'], ['digests.id'], name=op.f('fk_alerts_digest_id')),
    sa.ForeignKeyConstraint(['story_id'], ['stories.id'], name=op.f('fk_alerts_story_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_alerts')),
    sa.UniqueConstraint('subscription', 'story_id', 'stage', name=op.f('uq_alerts_subscription_story_id_stage'))
    )
    op.create_index(op.f('ix_alerts_digest_id'), 'alerts', ['digest_id'])
    show(VIEW)


def downgrade() -> None:
    op.execute("DROP VIEW v_deliveries")
    op.drop_index(op.f('ix_alerts_digest_id'), 'alerts')
    op.drop_table('alerts')
    op.drop_column('digests', 'brief')
    op.drop_column('digests', 'kind')
    op.execute(f"CREATE VIEW v_deliveries AS {FORMER}")
