"""Blocks of articles in PostgreSQL's search index, and an index of hits with a sum.

* PostgreSQL makes its index anew after the migration (`monitor.store.later`), with the numbers of
  each article's blocks as two more words, so that it can be asked for the newest. The former one is
  dropped then. Until it is made a search finds the same, slowly.
* An older program looks through articles one by one, once the former one is gone.
"""

import sqlalchemy as sa
from alembic import op

from monitor.store.later import create_index, drop_index

revision = '0027'
down_revision = '0026'
branch_labels = None
depends_on = None


def upgrade() -> None:
    sums = sa.text('withdrawn_at IS NULL AND amount IS NOT NULL')
    create_index('ix_hits_sums', 'hits', ['article_id'], sums)


def downgrade() -> None:
    drop_index('ix_hits_sums', 'hits')
    if op.get_bind().dialect.name == 'postgresql':
        drop_index('ix_article_words_blocks', 'article_words')
        op.execute("CREATE INDEX IF NOT EXISTS ix_article_words_words ON article_words USING gin (words)")
