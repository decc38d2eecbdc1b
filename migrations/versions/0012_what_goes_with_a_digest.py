"""What goes with a digest: attached files, kept with it; and indexes to find what changed since.

All that is new is a table and two indexes, so older programs go on.
"""

import sqlalchemy as sa
from alembic import op

from monitor.store.later import create_index, drop_index

revision = '0012'
down_revision = '0011'
branch_labels = None
depends_on = None

WITHDRAWN = sa.text("withdrawn_at IS NOT NULL")


def number() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade() -> None:
    op.create_table('attachments',
    sa.Column('id', number(), nullable=False),
    sa.Column('digest_id', number(), nullable=False),
    sa.Column('number', number(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('content', sa.LargeBinary(), nullable=False),
    sa.ForeignKeyConstraint(['digest_id'], ['digests.id'], name=op.f('fk_attachments_digest_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_attachments')),
    sa.UniqueConstraint('digest_id', 'number', name=op.f('uq_attachments_digest_id_number'))
    )
    create_index('ix_revisions_replaced_at', 'revisions', ['replaced_at'])
    create_index('ix_hits_withdrawn_at', 'hits', ['withdrawn_at'], WITHDRAWN)


def downgrade() -> None:
    drop_index('ix_hits_withdrawn_at', 'hits')
    drop_index('ix_revisions_replaced_at', 'revisions')
    op.drop_table('attachments')
