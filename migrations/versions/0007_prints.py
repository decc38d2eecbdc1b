"""Prints: which entries of a feed are as they were, so that they need not be read again."""

import sqlalchemy as sa
from alembic import op

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('feeds', sa.Column('prints', sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    op.drop_column('feeds', 'prints')
