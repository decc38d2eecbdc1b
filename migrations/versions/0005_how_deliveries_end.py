"""How deliveries end: given up after days, brought back, with the bytes that were sent.

* All that is new is nullable or has a default.
* The way back turns `failed`, which an older program does not know, into `waiting` with nothing
  due, which it leaves alone.
"""

import sqlalchemy as sa
from alembic import op

from monitor.store.types import Instant

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None

FORMER = """
    SELECT d.digest_id, g.subscription, g.slot, d.recipient, d.status, d.attempts,
           d.message_id, d.sent_at, d.last_error
    FROM deliveries d
    JOIN digests g ON g.id = d.digest_id
"""
VIEW = FORMER.replace(
    "d.last_error", "d.last_error, d.id AS delivery_id, d.due_at AS next_attempt_at"
)


def number() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade() -> None:
    op.execute("DROP VIEW v_deliveries")
    op.add_column('digests', sa.Column('body', sa.LargeBinary(), nullable=True))
    op.add_column('deliveries', sa.Column('head', sa.LargeBinary(), nullable=True))
    op.add_column('deliveries', sa.Column('give_up_at', Instant(), nullable=True))
    op.add_column(
        'deliveries',
        sa.Column('revivals', number(), server_default=sa.text('0'), nullable=False),
    )
    op.execute(f"CREATE VIEW v_deliveries AS {VIEW}")


def downgrade() -> None:
    op.execute("DROP VIEW v_deliveries")
    op.execute("UPDATE deliveries SET status = 'waiting', due_at = NULL WHERE status = 'failed'")
    for column in ('revivals', 'give_up_at', 'head'):
        op.drop_column('deliveries', column)
    op.drop_column('digests', 'body')
    op.execute(f"CREATE VIEW v_deliveries AS {FORMER}")
