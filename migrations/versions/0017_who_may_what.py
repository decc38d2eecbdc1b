"""Who may what: users, who is logged in, logins that failed, tokens of programs.

* All of it is new: an older program does not look at it.
* The way back forgets users and tokens.
"""

import sqlalchemy as sa
from alembic import op

from monitor.store.types import Instant

revision = '0017'
down_revision = '0016'
branch_labels = None
depends_on = None


def number() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade() -> None:
    op.create_table(
        'users',
        sa.Column('id', number(), nullable=False),
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('role', sa.Text(), nullable=False),
        sa.Column('password', sa.Text(), nullable=True),
        sa.Column('made_at', Instant(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_users')),
        sa.UniqueConstraint('name', name=op.f('uq_users_name')),
    )
    op.create_table(
        'logins',
        sa.Column('id', number(), nullable=False),
        sa.Column('user_id', number(), nullable=False),
        sa.Column('token', sa.Text(), nullable=False),
        sa.Column('made_at', Instant(), nullable=False),
        sa.Column('expires_at', Instant(), nullable=False),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_logins_user_id')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_logins')),
        sa.UniqueConstraint('token', name=op.f('uq_logins_token')),
    )
    op.create_index(op.f('ix_logins_user_id'), 'logins', ['user_id'])
    op.create_index(op.f('ix_logins_expires_at'), 'logins', ['expires_at'])
    op.create_table(
        'login_failures',
        sa.Column('id', number(), nullable=False),
        sa.Column('account', sa.Text(), nullable=False),
        sa.Column('address', sa.Text(), nullable=False),
        sa.Column('at', Instant(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_login_failures')),
    )
    for column in ('account', 'address', 'at'):
        op.create_index(op.f(f'ix_login_failures_{column}'), 'login_failures', [column])
    op.create_table(
        'tokens',
        sa.Column('id', number(), nullable=False),
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('token', sa.Text(), nullable=False),
        sa.Column('scope', sa.Text(), nullable=False),
        sa.Column('made_at', Instant(), nullable=False),
        sa.Column('expires_at', Instant(), nullable=True),
        sa.Column('revoked_at', Instant(), nullable=True),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_tokens')),
        sa.UniqueConstraint('name', name=op.f('uq_tokens_name')),
        sa.UniqueConstraint('token', name=op.f('uq_tokens_token')),
    )


def downgrade() -> None:
    op.drop_table('tokens')
    op.drop_table('login_failures')
    op.drop_table('logins')
    op.drop_table('users')
