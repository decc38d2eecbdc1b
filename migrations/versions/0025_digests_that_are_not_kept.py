"""Digests that are not kept for ever: when the words of one were deleted.

* All that is new is nullable or an index. An older program shows such a digest as empty.
* The way back forgets when; what was deleted stays deleted.
"""

import sqlalchemy as sa
from alembic import op

from monitor.store.later import create_index, drop_index
from monitor.store.types import Instant

revision = '0025'
down_revision = '0024'
branch_labels = None
depends_on = None

WHOLE = sa.text('pruned_at IS NULL')


def upgrade() -> None:
    op.add_column('digests', sa.Column('pruned_at', Instant(), nullable=True))
    create_index('ix_digests_whole', 'digests', ['composed_at'], WHOLE)


def downgrade() -> None:
    drop_index('ix_digests_whole', 'digests')
    op.drop_column('digests', 'pruned_at')
