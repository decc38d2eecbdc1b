"""Indexes for what is counted of late: digests made, deliveries that left.

* Nothing that is stored changes.
"""

from monitor.store.later import create_index, drop_index

revision = '0020'
down_revision = '0019'
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index('ix_digests_composed_at', 'digests', ['composed_at'])
    create_index('ix_deliveries_sent_at', 'deliveries', ['sent_at'])


def downgrade() -> None:
    drop_index('ix_deliveries_sent_at', 'deliveries')
    drop_index('ix_digests_composed_at', 'digests')
