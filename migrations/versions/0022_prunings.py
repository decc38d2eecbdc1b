"""Prunings: up to where articles were looked through for texts that are not kept any more.

* All of it is new: an older program does not look at it.
* The way back forgets how far it went, which costs another look.
"""

import sqlalchemy as sa
from alembic import op

from monitor.store.types import Instant

revision = '0022'
down_revision = '0021'
branch_labels = None
depends_on = None


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
    op.create_table(
        'prunings',
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('first_seen', Instant(), nullable=False),
        sa.Column('article_id', number, nullable=False),
        sa.PrimaryKeyConstraint('name', name=op.f('pk_prunings')),
    )


def downgrade() -> None:
    op.drop_table('prunings')
