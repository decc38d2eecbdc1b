"""${message}.

Rules of a safe migration (old workers may still run while it does):
* Add, do not change: a new column is nullable or has a server default; a rename is an add, a copy
  and, one release later, a drop.
* An index of a table that grows is made by `monitor.store.later`: on PostgreSQL nobody waits for it.
* Nothing here imports the present models: what they say will change, this file will not.
* Views analysts use (v_hits, v_stories, v_feeds, v_deliveries) only ever gain columns, at the end.
* Runs on SQLite and PostgreSQL; downgrade undoes it without losing what was there before.
* Set SCHEMA in monitor/store/schema.py to this revision.
"""

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
