"""The first schema: the tables of the line, and the views analysts may rely on."""

import sqlalchemy as sa
from alembic import op

from monitor.store.types import Instant

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None

VIEWS = {
    "v_hits": """
        SELECT h.id AS hit_id, h.found_at, a.published_at, h.company, h.topic, h.stage,
               h.regulator, h.amount, h.currency, h.score, CAST(NULL AS TEXT) AS verdict,
               COALESCE(r.title, a.title) AS title, a.url,
               COALESCE(a.publisher, f.name) AS publisher, a.language, f.key AS feed,
               h.story_id, h.sentence
        FROM hits h
        JOIN articles a ON a.id = h.article_id
        JOIN feeds f ON f.id = a.feed_id
        LEFT JOIN revisions r ON r.article_id = h.article_id AND r.number = h.revision
    """,
    "v_stories": """
        SELECT s.id AS story_id, s.company, s.topic, s.stage, s.headline,
               s.first_at AS first_seen, s.last_at AS last_seen,
               (SELECT COUNT(DISTINCT COALESCE(a.publisher, f.name)) FROM hits h
                JOIN articles a ON a.id = h.article_id JOIN feeds f ON f.id = a.feed_id
                WHERE h.story_id = s.id) AS sources,
               (SELECT COUNT(*) FROM hits h WHERE h.story_id = s.id) AS hits,
               (SELECT h.regulator FROM hits h WHERE h.story_id = s.id
                AND h.regulator IS NOT NULL ORDER BY h.id LIMIT 1) AS regulator,
               (SELECT h.amount FROM hits h WHERE h.story_id = s.id
                AND h.amount IS NOT NULL ORDER BY h.id LIMIT 1) AS amount,
               (SELECT h.currency FROM hits h WHERE h.story_id = s.id
                AND h.amount IS NOT NULL ORDER BY h.id LIMIT 1) AS currency
        FROM stories s
    """,
    "v_feeds": """
        SELECT f.key AS feed_id, f.url, f.name, f.state, f.last_ok_at, f.last_error,
               (SELECT MAX(a.published_at) FROM articles a WHERE a.feed_id = f.id)
                   AS newest_article_at,
               (SELECT COUNT(*) FROM articles a WHERE a.feed_id = f.id) AS articles,
               (SELECT COUNT(*) FROM hits h JOIN articles a ON a.id = h.article_id
                WHERE a.feed_id = f.id) AS hits
        FROM feeds f
    """,
    "v_deliveries": """
        SELECT d.digest_id, g.subscription, g.slot, d.recipient, d.status, d.attempts,
               d.message_id, d.sent_at, d.last_error
        FROM deliveries d
        JOIN digests g ON g.id = d.digest_id
    """,
    "v_articles": """
        SELECT a.id AS article_id, a.first_seen, a.published_at, a.title, a.url,
               COALESCE(a.publisher, f.name) AS publisher, a.language, f.key AS feed,
               (SELECT COUNT(*) FROM hits h WHERE h.article_id = a.id) AS hits,
               a.revision, a.summary
        FROM articles a
        JOIN feeds f ON f.id = a.feed_id
    """,
}


def upgrade() -> None:
    op.create_table('digests',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('subscription', sa.Text(), nullable=False),
    sa.Column('slot', Instant(), nullable=False),
    sa.Column('composed_at', Instant(), nullable=False),
    sa.Column('lexicon', sa.Text(), nullable=False),
    sa.Column('content', sa.JSON(), nullable=False),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('html', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_digests')),
    sa.UniqueConstraint('subscription', 'slot', name=op.f('uq_digests_subscription_slot'))
    )
    op.create_table('feeds',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('url', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('language', sa.Text(), nullable=True),
    sa.Column('company', sa.Text(), nullable=True),
    sa.Column('interval_s', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('enabled', sa.Boolean(), nullable=False),
    sa.Column('due_at', Instant(), nullable=False),
    sa.Column('claimed_by', sa.Text(), nullable=True),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('failures', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('last_ok_at', Instant(), nullable=True),
    sa.Column('last_error', sa.Text(), nullable=True),
    sa.Column('etag', sa.Text(), nullable=True),
    sa.Column('last_modified', sa.Text(), nullable=True),
    sa.Column('body_hash', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_feeds')),
    sa.UniqueConstraint('key', name=op.f('uq_feeds_key'))
    )
    with op.batch_alter_table('feeds', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_feeds_due_at'), ['due_at'], unique=False)

    op.create_table('lexicons',
    sa.Column('fingerprint', sa.Text(), nullable=False),
    sa.Column('content', sa.Text(), nullable=False),
    sa.Column('valid_from', Instant(), nullable=False),
    sa.PrimaryKeyConstraint('fingerprint', name=op.f('pk_lexicons'))
    )
    op.create_table('stories',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('company', sa.Text(), nullable=False),
    sa.Column('topic', sa.Text(), nullable=False),
    sa.Column('stage', sa.Text(), nullable=True),
    sa.Column('headline', sa.Text(), nullable=False),
    sa.Column('first_at', Instant(), nullable=False),
    sa.Column('last_at', Instant(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_stories'))
    )
    with op.batch_alter_table('stories', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_stories_company_topic_last_at'), ['company', 'topic', 'last_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_stories_last_at'), ['last_at'], unique=False)

    op.create_table('subscriptions',
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('started_at', Instant(), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_subscriptions'))
    )
    op.create_table('workers',
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('started_at', Instant(), nullable=False),
    sa.Column('beat_at', Instant(), nullable=False),
    sa.Column('stopped_at', Instant(), nullable=True),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_workers'))
    )
    op.create_table('articles',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('link', sa.Text(), nullable=True),
    sa.Column('url', sa.Text(), nullable=True),
    sa.Column('feed_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('summary', sa.Text(), nullable=False),
    sa.Column('language', sa.Text(), nullable=True),
    sa.Column('publisher', sa.Text(), nullable=True),
    sa.Column('published_at', Instant(), nullable=True),
    sa.Column('first_seen', Instant(), nullable=False),
    sa.Column('revision', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('matched_with', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['feed_id'], ['feeds.id'], name=op.f('fk_articles_feed_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_articles')),
    sa.UniqueConstraint('key', name=op.f('uq_articles_key'))
    )
    with op.batch_alter_table('articles', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_articles_feed_id'), ['feed_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_articles_first_seen'), ['first_seen'], unique=False)
        batch_op.create_index(batch_op.f('ix_articles_link'), ['link'], unique=False)

    op.create_table('deliveries',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('digest_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('recipient', sa.Text(), nullable=False),
    sa.Column('message_id', sa.Text(), nullable=False),
    sa.Column('status', sa.Text(), nullable=False),
    sa.Column('attempts', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('doubts', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('due_at', Instant(), nullable=True),
    sa.Column('claimed_by', sa.Text(), nullable=True),
    sa.Column('sent_at', Instant(), nullable=True),
    sa.Column('last_error', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['digest_id'], ['digests.id'], name=op.f('fk_deliveries_digest_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_deliveries')),
    sa.UniqueConstraint('digest_id', 'recipient', name=op.f('uq_deliveries_digest_id_recipient')),
    sa.UniqueConstraint('message_id', name=op.f('uq_deliveries_message_id'))
    )
    with op.batch_alter_table('deliveries', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_deliveries_due_at'), ['due_at'], unique=False)

    op.create_table('polls',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('feed_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('at', Instant(), nullable=False),
    sa.Column('outcome', sa.Text(), nullable=False),
    sa.Column('status', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('bytes', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('entries', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('new', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('known', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('revised', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('rejected', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('error', sa.Text(), nullable=True),
    sa.Column('notes', sa.JSON(), nullable=True),
    sa.ForeignKeyConstraint(['feed_id'], ['feeds.id'], name=op.f('fk_polls_feed_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_polls'))
    )
    with op.batch_alter_table('polls', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_polls_at'), ['at'], unique=False)
        batch_op.create_index(batch_op.f('ix_polls_feed_id_at'), ['feed_id', 'at'], unique=False)

    op.create_table('hits',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('article_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('revision', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('company', sa.Text(), nullable=False),
    sa.Column('topic', sa.Text(), nullable=False),
    sa.Column('score', sa.Double(), nullable=False),
    sa.Column('stage', sa.Text(), nullable=True),
    sa.Column('regulator', sa.Text(), nullable=True),
    sa.Column('amount', sa.Numeric(precision=24, scale=2, asdecimal=False), nullable=True),
    sa.Column('currency', sa.Text(), nullable=True),
    sa.Column('amount_text', sa.Text(), nullable=True),
    sa.Column('sentence', sa.Text(), nullable=False),
    sa.Column('evidence', sa.JSON(), nullable=False),
    sa.Column('lexicon', sa.Text(), nullable=False),
    sa.Column('found_at', Instant(), nullable=False),
    sa.Column('story_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.ForeignKeyConstraint(['article_id'], ['articles.id'], name=op.f('fk_hits_article_id')),
    sa.ForeignKeyConstraint(['story_id'], ['stories.id'], name=op.f('fk_hits_story_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_hits')),
    sa.UniqueConstraint('article_id', 'company', 'topic', name=op.f('uq_hits_article_id_company_topic'))
    )
    with op.batch_alter_table('hits', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_hits_company_topic_found_at'), ['company', 'topic', 'found_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_hits_found_at'), ['found_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_hits_story_id'), ['story_id'], unique=False)
        batch_op.create_index('ix_hits_ungrouped', ['id'], unique=False, sqlite_where=sa.text('story_id IS NULL'), postgresql_where=sa.text('story_id IS NULL'))

    op.create_table('revisions',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('article_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('number', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('summary', sa.Text(), nullable=False),
    sa.Column('replaced_at', Instant(), nullable=False),
    sa.ForeignKeyConstraint(['article_id'], ['articles.id'], name=op.f('fk_revisions_article_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_revisions')),
    sa.UniqueConstraint('article_id', 'number', name=op.f('uq_revisions_article_id_number'))
    )
    op.create_table('sightings',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('feed_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('guid', sa.Text(), nullable=False),
    sa.Column('article_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('content_hash', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['article_id'], ['articles.id'], name=op.f('fk_sightings_article_id')),
    sa.ForeignKeyConstraint(['feed_id'], ['feeds.id'], name=op.f('fk_sightings_feed_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sightings')),
    sa.UniqueConstraint('feed_id', 'guid', 'article_id', name=op.f('uq_sightings_feed_id_guid_article_id'))
    )
    with op.batch_alter_table('sightings', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_sightings_article_id'), ['article_id'], unique=False)

    op.create_table('digest_items',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('digest_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('subscription', sa.Text(), nullable=False),
    sa.Column('hit_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.ForeignKeyConstraint(['digest_id'], ['digests.id'], name=op.f('fk_digest_items_digest_id')),
    sa.ForeignKeyConstraint(['hit_id'], ['hits.id'], name=op.f('fk_digest_items_hit_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_digest_items')),
    sa.UniqueConstraint('subscription', 'hit_id', name=op.f('uq_digest_items_subscription_hit_id'))
    )
    with op.batch_alter_table('digest_items', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_digest_items_digest_id'), ['digest_id'], unique=False)

    for name, query in VIEWS.items():
        op.execute(f"CREATE VIEW {name} AS {query}")


def downgrade() -> None:
    for name in VIEWS:
        op.execute(f"DROP VIEW {name}")
    with op.batch_alter_table('digest_items', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_digest_items_digest_id'))

    op.drop_table('digest_items')
    with op.batch_alter_table('sightings', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_sightings_article_id'))

    op.drop_table('sightings')
    op.drop_table('revisions')
    with op.batch_alter_table('hits', schema=None) as batch_op:
        batch_op.drop_index('ix_hits_ungrouped', sqlite_where=sa.text('story_id IS NULL'), postgresql_where=sa.text('story_id IS NULL'))
        batch_op.drop_index(batch_op.f('ix_hits_story_id'))
        batch_op.drop_index(batch_op.f('ix_hits_found_at'))
        batch_op.drop_index(batch_op.f('ix_hits_company_topic_found_at'))

    op.drop_table('hits')
    with op.batch_alter_table('polls', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_polls_feed_id_at'))
        batch_op.drop_index(batch_op.f('ix_polls_at'))

    op.drop_table('polls')
    with op.batch_alter_table('deliveries', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_deliveries_due_at'))

    op.drop_table('deliveries')
    with op.batch_alter_table('articles', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_articles_link'))
        batch_op.drop_index(batch_op.f('ix_articles_first_seen'))
        batch_op.drop_index(batch_op.f('ix_articles_feed_id'))

    op.drop_table('articles')
    op.drop_table('workers')
    op.drop_table('subscriptions')
    with op.batch_alter_table('stories', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_stories_last_at'))
        batch_op.drop_index(batch_op.f('ix_stories_company_topic_last_at'))

    op.drop_table('stories')
    op.drop_table('lexicons')
    with op.batch_alter_table('feeds', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_feeds_due_at'))

    op.drop_table('feeds')
    op.drop_table('digests')
