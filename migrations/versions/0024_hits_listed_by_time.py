"""Lists of hits in the order of time: the indexes of narrowed ones end with it, not with the number.

* A list of hits is ordered by when they were found, which is almost the order of their numbers.
* An older program, which orders its pages by number, sorts more than before.
"""

import sqlalchemy as sa

from monitor.store.later import create_index, drop_index

revision = '0024'
down_revision = '0023'
branch_labels = None
depends_on = None

LISTED_BY = (
    ('company',), ('topic',), ('stage',),
    ('company', 'topic'), ('company', 'stage'), ('topic', 'stage'), ('company', 'topic', 'stage'),
)


def make(last: str) -> None:
    live = sa.text('withdrawn_at IS NULL')
    for columns in LISTED_BY:
        name = f"ix_hits_live_{'_'.join(columns)}"
        drop_index(name, 'hits')
        create_index(name, 'hits', [*columns, last], live)


def upgrade() -> None:
    make('found_at')


def downgrade() -> None:
    make('id')
