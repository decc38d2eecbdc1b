"""Backtests that replicas do in parts.

* Two tables; what is stored does not change, and an older program knows nothing of them.
"""

import sqlalchemy as sa
from alembic import op

from monitor.store.types import Instant

revision = '0029'
down_revision = '0028'
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade() -> None:
    op.create_table(
        'backtests',
        sa.Column('id', NUMBER, nullable=False),
        sa.Column('asked_at', Instant(), nullable=False),
        sa.Column('lexicon', sa.Text(), nullable=False),
        sa.Column('fingerprint', sa.Text(), nullable=False),
        sa.Column('bound', sa.JSON(), nullable=False),
        sa.Column('since', Instant(), nullable=True),
        sa.Column('examples', NUMBER, nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_backtests')),
    )
    op.create_table(
        'backtest_parts',
        sa.Column('id', NUMBER, nullable=False),
        sa.Column('backtest_id', NUMBER, nullable=False),
        sa.Column('above', NUMBER, nullable=False),
        sa.Column('upto', NUMBER, nullable=False),
        sa.Column('reached', NUMBER, nullable=False),
        sa.Column('outcome', sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(['backtest_id'], ['backtests.id'], name=op.f('fk_backtest_parts_backtest_id')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_backtest_parts')),
        sa.UniqueConstraint('backtest_id', 'above', name=op.f('uq_backtest_parts_backtest_id_above')),
    )


def downgrade() -> None:
    op.drop_table('backtest_parts')
    op.drop_table('backtests')
