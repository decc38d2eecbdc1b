"""What a lexicon was last made from, so that a start can find it without making it again."""

import sqlalchemy as sa
from alembic import op

revision = '0016'
down_revision = '0015'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('lexicons', sa.Column('inputs', sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column('lexicons', 'inputs')
