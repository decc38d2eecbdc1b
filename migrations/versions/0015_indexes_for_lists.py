"""Indexes for lists and searches of large archives.

* Articles of a feed, newest first, and how many there are, without reading them.
* Hits of a company, newest article first: what a search by fields walks along.
* Which articles have hits that hold, without reading the hits.
"""

import sqlalchemy as sa
from alembic import op

from monitor.store.later import create_index, drop_index

revision = '0015'
down_revision = '0014'
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The new one begins with the same column, so it serves whatever the former did.
    create_index('ix_articles_feed_id_first_seen_published_at', 'articles', ['feed_id', 'first_seen', 'published_at'])
    drop_index('ix_articles_feed_id', 'articles')
    create_index('ix_hits_company_article_id', 'hits', ['company', 'article_id'])
    live = sa.text('withdrawn_at IS NULL')
    create_index('ix_hits_live', 'hits', ['article_id'], live)


def downgrade() -> None:
    drop_index('ix_hits_live', 'hits')
    drop_index('ix_hits_company_article_id', 'hits')
    op.create_index('ix_articles_feed_id', 'articles', ['feed_id'])
    drop_index('ix_articles_feed_id_first_seen_published_at', 'articles')
