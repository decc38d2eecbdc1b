"""Saved searches: queries that a desk asks again, under names of its own."""

import sqlalchemy as sa
from alembic import op

from monitor.store.types import Instant

revision = '0019'
down_revision = '0018'
branch_labels = None
depends_on = None


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
    op.create_table(
        'searches',
        sa.Column('id', number, nullable=False),
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('query', sa.Text(), nullable=False),
        sa.Column('kind', sa.Text(), nullable=False),
        sa.Column('who', sa.Text(), nullable=False),
        sa.Column('made_at', Instant(), nullable=False),
        sa.Column('changed_at', Instant(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_searches')),
        sa.UniqueConstraint('name', name=op.f('uq_searches_name')),
    )


def downgrade() -> None:
    op.drop_table('searches')
