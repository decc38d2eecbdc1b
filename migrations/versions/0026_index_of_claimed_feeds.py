"""An index of the feeds that are being asked, by host: replicas count together how many those are.

* Nothing that is stored changes; an older program keeps it up and does not use it.
"""

import sqlalchemy as sa

from monitor.store.later import create_index, drop_index

revision = '0026'
down_revision = '0025'
branch_labels = None
depends_on = None


def upgrade() -> None:
    claimed = sa.text('claimed_by IS NOT NULL AND host IS NOT NULL')
    create_index('ix_feeds_claimed', 'feeds', ['host'], claimed)


def downgrade() -> None:
    drop_index('ix_feeds_claimed', 'feeds')
