"""Indexes for what is counted of late: digests made, deliveries that left.

* Nothing that is stored changes.
"""

from alembic import op

revision = '0020'
down_revision = '0019'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f('ix_digests_composed_at'), 'digests', ['composed_at'])
    op.create_index(op.f('ix_deliveries_sent_at'), 'deliveries', ['sent_at'])


def downgrade() -> None:
    op.drop_index(op.f('ix_deliveries_sent_at'), table_name='deliveries')
    op.drop_index(op.f('ix_digests_composed_at'), table_name='digests')
