"""Heartbeats: what a watcher outside is told of digests.

* All of it is new: an older program does not look at it.
* The way back forgets what was told.
"""

import sqlalchemy as sa
from alembic import op

from monitor.store.types import Instant

revision = '0021'
down_revision = '0020'
branch_labels = None
depends_on = None


def number() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade() -> None:
    op.create_table(
        'heartbeats',
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('digest_id', number(), server_default=sa.text('0'), nullable=False),
        sa.Column('called_at', Instant(), nullable=True),
        sa.Column('due_at', Instant(), nullable=True),
        sa.Column('attempts', number(), server_default=sa.text('0'), nullable=False),
        sa.Column('tried_at', Instant(), nullable=True),
        sa.Column('error', sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint('name', name=op.f('pk_heartbeats')),
    )


def downgrade() -> None:
    op.drop_table('heartbeats')
