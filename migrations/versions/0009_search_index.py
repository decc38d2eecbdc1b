"""The search index: the words of each article, and which articles are in it.

* It starts empty: articles stored before are put into it by the service, a page at a time, or by
  `monitor db index`. Until then a search looks through them one by one.
* Articles that an older program stores meanwhile are marked as missing, by the column's null.
"""

import sqlalchemy as sa
from alembic import op

from monitor.store.later import create_index, drop_index

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None

# Without contents, places and sizes: https://www.sqlite.org/fts5.html, 4.4.1, 4.5 and 4.6.
FTS5 = """
    CREATE VIRTUAL TABLE article_words
    USING fts5(words, content='', detail=none, columnsize=0, tokenize='ascii')
"""
UNINDEXED = 'indexed IS NULL OR indexed = 0'


def number() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade() -> None:
    op.add_column('articles', sa.Column('indexed', number(), nullable=True))
    unindexed = sa.text(UNINDEXED)
    create_index('ix_articles_unindexed', 'articles', ['id'], unindexed)
    if op.get_bind().dialect.name == 'sqlite':
        op.execute(FTS5)
        return
    op.execute("CREATE TABLE article_words (article_id BIGINT PRIMARY KEY, words TSVECTOR NOT NULL)")
    op.execute("CREATE INDEX ix_article_words_words ON article_words USING gin (words)")


def downgrade() -> None:
    op.execute("DROP TABLE article_words")
    drop_index('ix_articles_unindexed', 'articles')
    op.drop_column('articles', 'indexed')
