"""Leaving a list: who left which subscription, the key that signs links, a digest's own address.

* All that is new is nullable or a table of its own.
* The way back turns `unsubscribed`, which an older program does not know, into `waiting` with
  nothing due, which it leaves alone.
"""

import sqlalchemy as sa
from alembic import op

from monitor.store.types import Instant

revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None

STILL_AWAY = sa.text('returned_at IS NULL')


def number() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade() -> None:
    op.create_table(
        'suppressions',
        sa.Column('id', number(), nullable=False),
        sa.Column('subscription', sa.Text(), nullable=False),
        sa.Column('recipient', sa.Text(), nullable=False),
        sa.Column('left_at', Instant(), nullable=False),
        sa.Column('left_by', sa.Text(), nullable=False),
        sa.Column('returned_at', Instant(), nullable=True),
        sa.Column('returned_by', sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_suppressions')),
    )
    op.create_index(
        'uq_suppressions_away',
        'suppressions',
        ['subscription', 'recipient'],
        unique=True,
        sqlite_where=STILL_AWAY,
        postgresql_where=STILL_AWAY,
    )
    op.create_table(
        'keys',
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('secret', sa.Text(), nullable=False),
        sa.Column('made_at', Instant(), nullable=False),
        sa.PrimaryKeyConstraint('name', name=op.f('pk_keys')),
    )
    op.add_column('digests', sa.Column('token', sa.Text(), nullable=True))
    op.create_index(op.f('ix_digests_token'), 'digests', ['token'])


def downgrade() -> None:
    op.execute(
        "UPDATE deliveries SET status = 'waiting', due_at = NULL WHERE status = 'unsubscribed'"
    )
    op.drop_index(op.f('ix_digests_token'), table_name='digests')
    op.drop_column('digests', 'token')
    op.drop_table('keys')
    op.drop_table('suppressions')
