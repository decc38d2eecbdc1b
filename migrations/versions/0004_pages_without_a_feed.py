"""Pages without a feed: how one is read, so that a change of that reads it anew."""

import sqlalchemy as sa
from alembic import op

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('feeds', sa.Column('page', sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column('feeds', 'page')
